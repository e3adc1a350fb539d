"""Numbers of runs and events of any size and type: exact up to the largest that eight bytes with a sign can be."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from numpy.typing import NDArray

from gammalearn_core import DataError
from gammalearn_core.builtin.loaders.dl1 import DL1Source

Copy = Callable[..., Path]
Open = Callable[..., DL1Source]

NAME = "gamma_4lst_lasercal"
PARAMETERS = "/dl1/event/telescope/parameters"
LARGEST = 2**63 - 1


def renumber(path: Path, *, obs_id: int, event_id: int, unsigned: str) -> None:
    """Give all tables another ``obs_id`` and add to their ``event_id``; one of the two is of eight bytes, unsigned."""
    kinds = {"obs_id": np.int64, "event_id": np.int64} | {unsigned: np.uint64}
    with h5py.File(path, "r+") as file:
        found: list[str] = []
        file.visititems(lambda name, node: found.append(name) if "obs_id" in (_names(node)) else None)
        for name in found:
            rows, attributes = file[name][:], dict(file[name].attrs)
            new = np.empty(len(rows), [(n, kinds.get(n, rows.dtype[n])) for n in rows.dtype.names])
            for column in rows.dtype.names:
                new[column] = rows[column]
            new["obs_id"] = obs_id
            if "event_id" in rows.dtype.names:
                new["event_id"] = rows["event_id"].astype(kinds["event_id"]) + new["event_id"].dtype.type(event_id)
            del file[name]
            file.create_dataset(name, data=new, chunks=(4,), maxshape=(None,)).attrs.update(attributes)


def _names(node: h5py.Dataset | h5py.Group) -> tuple[str, ...]:
    return getattr(node, "dtype", np.dtype("f4")).names or ()


def without_parameters(path: Path) -> None:
    """Have the events of images told by these alone."""
    with h5py.File(path, "r+") as file:
        del file[PARAMETERS]


def columns_of(source: DL1Source) -> dict[str, NDArray[np.generic]]:
    images = source.events.images
    return {name: images[name] for name in images.names if name not in ("obs_id", "event_id")}


@pytest.mark.parametrize("unsigned", ["obs_id", "event_id"])
@pytest.mark.parametrize(("obs_id", "event_id"), [(2**32 + 1, 2**53), (2**53 + 1, LARGEST - 104), (LARGEST, 2**40)])
@pytest.mark.parametrize("parameters", [True, False])
def test_large_ids_are_exact(
    copy_of: Copy, open_dl1: Open, unsigned: str, obs_id: int, event_id: int, parameters: bool
) -> None:
    before, path = copy_of(NAME, "before.h5"), copy_of(NAME)
    renumber(path, obs_id=obs_id, event_id=event_id, unsigned=unsigned)
    if not parameters:
        for file in (before, path):
            without_parameters(file)
    known, source = columns_of(open_dl1(before, level="subarray")), open_dl1(path, level="subarray")
    batch = source.read(np.arange(3))
    assert source.events["event_id"].tolist() == [event_id + n for n in (100, 101, 104)]
    assert batch.events["event_id"].tolist() == source.events["event_id"].tolist()
    assert set(source.events["obs_id"].tolist()) == set(batch.events["obs_id"].tolist()) == {obs_id}
    for name, values in columns_of(source).items():
        np.testing.assert_array_equal(values, known[name], err_msg=name)


@pytest.mark.parametrize("column", ["obs_id", "event_id"])
@pytest.mark.parametrize("parameters", [True, False])
def test_ids_that_are_too_large_are_an_error(copy_of: Copy, open_dl1: Open, column: str, parameters: bool) -> None:
    path = copy_of(NAME)
    renumber(path, **{"obs_id": 1, "event_id": 0} | {column: LARGEST + 1}, unsigned=column)
    if not parameters:
        without_parameters(path)
    source = open_dl1(path)
    with pytest.raises(DataError, match=rf"{path}, table .*, column '{column}': 9223372036854775\d+ is too large, "):
        _ = source.events[column]
    with pytest.raises(DataError, match=rf"{path}, table .*images/tel_001, column '{column}': \d+ is too large, "):
        source.read(np.arange(3))
