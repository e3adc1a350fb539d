"""DL1 files that a DL2 file is made of, and which of their events are in it."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
from contextlib import ExitStack
from contextlib import contextmanager
from functools import partial
from typing import Any

import h5py
import numpy as np
from attrs import field
from attrs import frozen
from numpy.typing import NDArray

from gammalearn_core.data.columns import match
from gammalearn_core.data.columns import read_column
from gammalearn_core.data.split import TEST
from gammalearn_core.data.split import split
from gammalearn_core.data.table import EventTable
from gammalearn_core.data.truth import PRIMARY
from gammalearn_core.errors import DataError
from gammalearn_core.results.dl2.grouping import LST
from gammalearn_core.results.dl2.grouping import SHOWER
from gammalearn_core.results.dl2.grouping import TRIGGER
from gammalearn_core.results.dl2.grouping import Input
from gammalearn_core.results.predictions import Predictions

_OF_LSTCHAIN = {PRIMARY: "mc_type", "true_energy": "mc_energy", "true_alt": "mc_alt", "true_az": "mc_az"}
Keeper = Callable[[h5py.Dataset], NDArray[np.bool_] | None]
"""Tells which rows of an event table are kept; None for all."""


@frozen(kw_only=True)
class Part:
    """A DL1 file that is open, and the events of it that are kept."""

    input: Input
    h5: h5py.File
    keep: Keeper = field(default=lambda table: None)

    def ids(self, path: str) -> dict[str, NDArray[Any]]:
        """Ids of the rows of a table that are kept, and the file's number."""
        table = self.h5[path]
        keep = self.keep(table)
        names = [n for n in ("obs_id", "event_id", "tel_id") if n in table.dtype.names]
        ids = {n: read_column(table, n) for n in names}
        ids = ids if keep is None else {n: values[keep] for n, values in ids.items()}
        return ids | {"file": np.full(len(ids["obs_id"]), self.input.number)}

    def column(self, path: str, name: str) -> NDArray[Any]:
        """A column of the rows of a table that are kept."""
        table = self.h5[path]
        keep = self.keep(table)
        values = read_column(table, name)
        return values if keep is None else values[keep]


@contextmanager
def opened(inputs: Sequence[Input], share: float | None) -> Iterator[list[Part]]:
    """The files, open. With a share, what is kept is the test split, else everything."""
    with ExitStack() as stack:
        parts = []
        for source in inputs:
            h5 = stack.enter_context(h5py.File(source.path, "r", locking="best-effort"))
            parts.append(Part(input=source, h5=h5) if share is None else _test_part(source, h5, share))
        yield parts


def joined(parts: Sequence[Part], path: str) -> dict[str, NDArray[Any]]:
    """Ids of the kept rows of a table of all files, one after the other."""
    found = [part.ids(path) for part in parts]
    return {n: np.concatenate([ids[n] for ids in found]) for n in found[0]}


def predicted_rows(
    parts: Sequence[Part], ids: dict[str, NDArray[Any]], predictions: Predictions, names: Sequence[str]
) -> NDArray[np.int64]:
    """For each row of a table the row of predictions that it has, or -1. Each prediction of these files has one row.

    Raises
    ------
    DataError
        A prediction has no row, or two.
    """
    seen = np.column_stack([predictions.events[n] for n in names]).astype(np.int64)
    rows = match(np.column_stack([ids[n] for n in names]).astype(np.int64), seen)
    expected = int(np.isin(seen[:, 0], [part.input.number for part in parts]).sum())
    found, times = np.unique(rows[rows >= 0], return_counts=True)
    if len(found) != expected or (times > 1).any():
        what = f"{expected} predictions belong to {len(found)} rows, {int((times > 1).sum())} of them to several"
        raise DataError(f"the predictions are not of the events of the DL1 files: {what}; no DL2 file is written")
    return rows


def _test_part(source: Input, h5: h5py.File, share: float) -> Part:
    known = h5[_showers(source, h5)]
    sides = split(EventTable(_truth(source, known), len(known)), validation=0.0, test=share)
    chosen = _keys(known)[sides == TEST]
    return Part(input=source, h5=h5, keep=lambda table: np.isin(_keys(table), chosen))


def _showers(source: Input, h5: h5py.File) -> str:
    if source.layout == "lstchain":
        return LST
    return SHOWER if source.simulated and SHOWER in h5 else TRIGGER


def _truth(source: Input, known: h5py.Dataset) -> dict[str, Callable[[], NDArray[Any]]]:
    """The columns that the split goes by, as the loader gives them."""
    names = {n: n for n in known.dtype.names if n in ("obs_id", "event_id") or n.startswith("true_")}
    if source.layout == "lstchain" and source.simulated:
        names |= _OF_LSTCHAIN
    columns: dict[str, Callable[[], NDArray[Any]]] = {n: partial(read_column, known, m) for n, m in names.items()}
    if PRIMARY in columns:
        columns[PRIMARY] = lambda: read_column(known, names[PRIMARY]).astype(np.int64)
    return columns


def _keys(table: h5py.Dataset) -> NDArray[Any]:
    """``(obs_id, event_id)`` as one value a row."""
    keys = np.empty(len(table), dtype=[("obs_id", np.int64), ("event_id", np.int64)])
    for name in ("obs_id", "event_id"):
        keys[name] = table[name]
    return keys.view("V16")


__all__ = ["Keeper", "Part", "joined", "opened", "predicted_rows"]
