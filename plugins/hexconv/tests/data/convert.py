"""Write `cameras.npz` from camera tables in FITS: ``python convert.py FOLDER`` with the folder that has them.

Needs astropy. Values are not changed. Of tables with the same positions and areas the first one is kept.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from astropy.table import Table


def columns(path: Path) -> dict[str, np.ndarray]:
    """Positions, m, and areas, m², in the order of the pixels."""
    table = Table.read(path)
    table.sort("pix_id")
    return {name: np.asarray(table[f"pix_{name}"], dtype=np.float64) for name in ("x", "y", "area")}


def main(folder: Path) -> None:
    """Convert every table of the folder and its subfolders."""
    known: dict[bytes, str] = {}
    arrays = {}
    for path in sorted(folder.rglob("*.camgeom.fits.gz")):
        name = path.name.removesuffix(".camgeom.fits.gz")
        camera = columns(path)
        content = b"".join(camera[key].tobytes() for key in ("x", "y", "area"))
        print(name, len(camera["x"]), "pixels", f"as {known[content]}" if content in known else "")
        if content not in known:
            known[content] = name
            arrays |= {f"{name}/{key}": values for key, values in camera.items()}
    np.savez_compressed(Path(__file__).parent / "cameras.npz", **arrays)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
