"""Files of simulated arrays, as `gammalearn showers` writes them and with the chunks of ctapipe.

Each is made by a process of its own, since those that are measured later begin with the peak memory of the one that
starts them.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import h5py
import hdf5plugin  # noqa: F401 - registers the blosc filters

IMAGES = "/dl1/event/telescope/images"


def simulated(folder: Path, particles: Sequence[str], *, events: int, seed: int = 1, array: str = "4lst") -> list[str]:
    """A file of each particle with so many events of an array of four large telescopes, made unless it is there."""
    found = []
    for particle in particles:
        name = folder / f"{array}_{events}_{seed}"
        print(f"simulating {events} {particle}s", file=sys.stderr)
        options = {"--particle": particle, "--array": array, "--events": events, "--events-per-file": events}
        options |= {"--seed": seed, "--output": name}
        words = [str(word) for option in options.items() for word in option]
        subprocess.run(
            [sys.executable, "-m", "gammalearn_core", "showers", *words, "--no-progress"],
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        found += sorted(str(path) for path in name.glob(f"{particle}_*.h5"))
    return found


def rechunked(path: str, rows: int) -> str:
    """The same file with so many images in a chunk; made unless it is there."""
    target = Path(path).with_name(f"{rows}_rows_{Path(path).name}")
    if not target.exists():
        print(f"writing {target.name}", file=sys.stderr)
        part = target.with_suffix(".part")
        shutil.copy(path, part)
        subprocess.run([sys.executable, __file__, str(part), str(rows)], check=True)
        part.rename(target)
    return str(target)


def _rechunk_all(path: str, rows: int) -> None:
    with h5py.File(path, "r+") as file:
        for name in list(file[IMAGES]):
            _rechunk(file[IMAGES], name, rows)


def _rechunk(group: h5py.Group, name: str, rows: int) -> None:
    from gammalearn_core.results.dl2.copying import copy_attributes
    from gammalearn_core.results.dl2.copying import read_raw
    from gammalearn_core.results.dl2.copying import write_raw

    group.move(name, "old")
    old = group["old"]
    created = old.id.get_create_plist()
    created.set_chunk((rows,))
    h5py.h5d.create(group.id, name.encode(), old.id.get_type(), old.id.get_space(), dcpl=created)
    copy_attributes(old, group[name], "")
    write_raw(group[name], read_raw(old))
    del group["old"]


if __name__ == "__main__":
    _rechunk_all(sys.argv[1], int(sys.argv[2]))

__all__ = ["rechunked", "simulated"]
