"""Arrays of telescopes: named ones, all on La Palma, and those of files."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike
from numpy.typing import NDArray

from gammalearn_core import UnknownComponentError
from gammalearn_showers.instrument.cameras import unknown
from gammalearn_showers.instrument.layout import SUFFIXES
from gammalearn_showers.instrument.layout import read_layout
from gammalearn_showers.instrument.telescope import Subarray
from gammalearn_showers.instrument.telescope import TelescopeType
from gammalearn_showers.instrument.telescopes import telescope_type

ALTITUDE = 2156.0
"""Of the array's centre on La Palma, in m above sea level."""
LATITUDE = 28.7617
LONGITUDE = -17.8917

# Layout "alpha" of CTAO north, production 6: north, west and up of its own origin, in m.
LST_PLACES = ((-70.91, -52.35, 45.0), (-35.28, 65.92, 32.5), (75.31, 50.21, 28.2), (30.88, -63.78, 32.8))
MST_PLACES = (
    (-211.62, 5.43, 48.5),
    (-153.29, 168.86, 28.7),
    (26.86, 208.54, 11.4),
    (175.66, 72.85, 9.5),
    (131.67, -194.83, 31.0),
    (-83.94, -194.98, 45.0),
    (-215.81, -167.68, 65.0),
    (20.2, -352.85, 62.0),
    (4.64, -0.71, 29.5),
)
SQUARE = ((80.0, 80.0, 0.0), (80.0, -80.0, 0.0), (-80.0, -80.0, 0.0), (-80.0, 80.0, 0.0))
MIDDLE = ((0.0, 0.0, 0.0),)

LAYOUTS = {
    "4lst": (("LSTCam", LST_PLACES),),
    "4mst": (("NectarCam", SQUARE),),
    "lst-mono": (("LSTCam", MIDDLE),),
    "mixed": (("LSTCam", LST_PLACES), ("NectarCam", MST_PLACES)),
    "mst-mono": (("NectarCam", MIDDLE),),
}
"""Cameras of each named array, and where their telescopes stand."""


def array_names() -> tuple[str, ...]:
    """Names that `subarray` knows, in alphabetical order.

    ``4lst`` are the first four telescopes of CTAO north, ``mixed`` these with nine MSTs; ``4mst`` stand at the corners
    of a square of 160 m; ``lst-mono`` and ``mst-mono`` are single telescopes.
    """
    return tuple(LAYOUTS)


def subarray(name_or_path: str | Path, camera: str | None = None) -> Subarray:
    """An array by its name, or that of a file.

    Parameters
    ----------
    name_or_path : str or Path
        One of `array_names`, or a file of `read_layout`.
    camera : str, optional
        Of all telescopes, in place of their own; the telescopes become those that carry it.

    Returns
    -------
    Subarray
        On La Palma. A named array has its centre of gravity in the middle; one of a file stays where the file has it.

    Raises
    ------
    UnknownComponentError
        There is no array of this name, or no such camera.
    DataError
        The file cannot be read, or something in it is wrong; all that is wrong is told.

    Examples
    --------
    >>> array = subarray("4mst")
    >>> array.position[:, :2].tolist()
    [[80.0, 80.0], [80.0, -80.0], [-80.0, -80.0], [-80.0, 80.0]]
    >>> [kind.description for kind in subarray("mixed").types]
    ['LST_LST_LSTCam', 'MST_MST_NectarCam']
    >>> [kind.description for kind in subarray("mixed", camera="MAGICCam").types]
    ['LST_MAGIC_MAGICCam']
    """
    name = str(name_or_path)
    if name in LAYOUTS:
        cameras = [c for c, places in LAYOUTS[name] for _ in places]
        places = np.array([place for _, places in LAYOUTS[name] for place in places])
        return _subarray(name, np.arange(1, len(places) + 1), cameras, places - places.mean(axis=0), camera)
    path = Path(name_or_path)
    if path.suffix.lower() not in SUFFIXES and not os.path.exists(path):
        raise UnknownComponentError(
            f"{unknown('array', name, LAYOUTS)} (a file of telescopes ends in {' or '.join(SUFFIXES)})"
        )
    layout = read_layout(path)
    return _subarray(path.stem, layout.tel_id, layout.camera, layout.position, camera)


def _subarray(
    name: str, tel_id: NDArray[np.int64], cameras: list[str], position: ArrayLike, camera: str | None
) -> Subarray:
    if camera is not None:
        cameras = [camera] * len(tel_id)
    types: dict[str, TelescopeType] = {c: telescope_type(c) for c in cameras}
    return Subarray(
        name=name,
        types=tuple(types.values()),
        tel_id=tel_id.astype(np.int64),
        tel_type=np.array([list(types).index(c) for c in cameras], dtype=np.int64),
        position=np.asarray(position, dtype=np.float64),
        altitude=ALTITUDE,
        latitude=LATITUDE,
        longitude=LONGITUDE,
    )


__all__ = ["ALTITUDE", "LATITUDE", "LAYOUTS", "LONGITUDE", "array_names", "subarray"]
