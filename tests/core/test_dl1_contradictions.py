"""Tables of one file that list different events: an error, or what both know."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from numpy.typing import NDArray

from gammalearn_core import DataError
from gammalearn_core.builtin.loaders.dl1 import DL1Source

Copy = Callable[..., Path]
Open = Callable[..., DL1Source]

NAME = "gamma_4lst_lasercal"
IMAGES = "/dl1/event/telescope/images/tel_002"
PARAMETERS = "/dl1/event/telescope/parameters/tel_002"


def put(path: Path, table: str, change: Callable[[NDArray[Any]], NDArray[Any]]) -> None:
    """Replace the rows of a table."""
    with h5py.File(path, "r+") as file:
        rows, attributes = change(file[table][:]), dict(file[table].attrs)
        del file[table]
        file.create_dataset(table, data=rows, chunks=(3,), maxshape=(None,), fletcher32=True).attrs.update(attributes)


def other_events(rows: NDArray[Any]) -> NDArray[Any]:
    rows["event_id"] += 50
    return rows


@pytest.mark.parametrize("table", [IMAGES, PARAMETERS])
@pytest.mark.parametrize("keep", [None, -1])
def test_parameters_of_images_that_are_not_there_are_an_error(
    copy_of: Copy, open_dl1: Open, table: str, keep: int | None
) -> None:
    path = copy_of(NAME)
    put(path, PARAMETERS, lambda rows: rows[:keep])
    put(path, table, other_events)
    with pytest.raises(DataError, match=r"the tables .*images/tel_002 and .*parameters/tel_002 list other events"):
        open_dl1(path, level="subarray")


@pytest.mark.parametrize("change", [lambda rows: rows[::-1], lambda rows: rows[1:], lambda rows: rows[:0]])
def test_parameters_in_another_order_or_of_some_images_are_found(
    copy_of: Copy, open_dl1: Open, change: Callable[[NDArray[Any]], NDArray[Any]]
) -> None:
    path = copy_of(NAME)
    known = open_dl1(NAME, level="subarray").events.images
    put(path, PARAMETERS, change)
    found = open_dl1(path, level="subarray").events.images
    for name in ("obs_id", "event_id", "tel_id"):
        np.testing.assert_array_equal(found[name], known[name])
    there = np.isfinite(found["hillas_intensity"])
    np.testing.assert_array_equal(found["hillas_intensity"][there], known["hillas_intensity"][there])


def test_a_telescope_that_is_triggered_twice_is_an_error(copy_of: Copy, open_dl1: Open) -> None:
    path = copy_of("gamma_prod3_ctapipe_0.8.0_by_type")
    put(path, "/dl1/event/telescope/trigger", lambda rows: np.append(rows, rows[:1]))
    events = open_dl1(path, level="subarray").events
    with pytest.raises(DataError, match=r"telescope/trigger: event \d+ of obs_id \d+ stands there twice"):
        _ = events["multiplicity"]
