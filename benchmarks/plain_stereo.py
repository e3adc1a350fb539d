"""Events of several telescopes read row by row: a row of each telescope's table, into a box that is 0 elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Sequence
from itertools import islice
from typing import Any

import clock
import h5py
import hdf5plugin  # noqa: F401 - registers the blosc filters
import numpy as np
from numpy.typing import NDArray

_IMAGES = "/dl1/event/telescope/images"
_PARAMETERS = "/dl1/event/telescope/parameters"


def rows_pytables(settings: clock.Settings) -> tuple[Iterator[int], Iterator[int]]:
    """``table[i]`` of each telescope."""
    import tables

    files = [tables.open_file(path) for path in settings["files"]]
    return _measured([{n: f.get_node(f"{_IMAGES}/{n}") for n in f.root.dl1.event.telescope.images._v_children}
                      for f in files], settings)  # fmt: skip


def rows_h5py(settings: clock.Settings) -> tuple[Iterator[int], Iterator[int]]:
    """``dataset[i]`` of each telescope."""
    return _measured([dict(h5py.File(path)[_IMAGES].items()) for path in settings["files"]], settings)


def _measured(files: Sequence[dict[str, Any]], settings: clock.Settings) -> tuple[Iterator[int], Iterator[int]]:
    where = _index(settings["files"])
    return islice(_rows(files, where, settings["size"], seed=0), 2), _rows(files, where, settings["size"], seed=1)


def _index(paths: Sequence[str]) -> NDArray[np.int64]:
    """By event: file, and row of each telescope's table or -1. Known before anything is measured."""
    found = []
    for number, path in enumerate(paths):
        with h5py.File(path) as file:
            ids = [table[:][["obs_id", "event_id"]] for table in file[_PARAMETERS].values()]
        events = np.unique(np.concatenate(ids))
        rows = np.full((len(events), 1 + len(ids)), -1, dtype=np.int64)
        rows[:, 0] = number
        for column, keys in enumerate(ids, start=1):
            rows[np.searchsorted(events, keys), column] = np.arange(len(keys))
        found.append(rows)
    return np.concatenate(found)


def _rows(files: Sequence[dict[str, Any]], where: NDArray[np.int64], size: int, *, seed: int) -> Iterator[int]:
    tables = [[file[name] for name in sorted(file)] for file in files]
    shape = tables[0][0][0]["image"].shape
    order = np.random.default_rng(seed).permutation(len(where))
    for start in range(0, len(order), size):
        chosen = where[order[start : start + size]].tolist()
        batch = np.zeros((len(chosen), len(tables[0]), 2, *shape), dtype=np.float32)
        for place, (file, *rows) in zip(batch, chosen, strict=True):
            for telescope, row in enumerate(rows):
                if row >= 0:
                    found = tables[file][telescope][row]
                    place[telescope, 0], place[telescope, 1] = found["image"], found["peak_time"]
        yield len(batch)


if __name__ == "__main__":
    clock.main({"rows_pytables": rows_pytables, "rows_h5py": rows_h5py})
