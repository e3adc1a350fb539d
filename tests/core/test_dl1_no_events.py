"""Files of runs in which no telescope was triggered: ctapipe makes no table before it has a row for it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import h5py
import pytest

from gammalearn_core import DataError
from gammalearn_core.builtin.loaders.dl1 import DL1Source
from gammalearn_core.inspecting.describing import describe

Copy = Callable[..., Path]
Open = Callable[..., DL1Source]

NAME = "gamma_4lst_lasercal"
OF_EVENTS = ("/dl1", "/simulation/event", "/configuration/telescope")


@pytest.fixture
def empty(copy_of: Copy) -> Path:
    """What ctapipe 0.28.0 writes where there is no event."""
    path = copy_of(NAME, "empty.dl1.h5")
    with h5py.File(path, "r+") as file:
        for group in OF_EVENTS:
            del file[group]
    return path


@pytest.mark.parametrize("on_corrupt", ["stop", "skip"])
@pytest.mark.parametrize("level", ["telescope", "subarray"])
def test_a_file_without_events_is_told_and_the_others_are_read(
    empty: Path, copy_of: Copy, open_dl1: Open, level: str, on_corrupt: str, caplog: pytest.LogCaptureFixture
) -> None:
    source = open_dl1(empty, copy_of(NAME), level=level, on_corrupt=on_corrupt)
    assert len(source.events.images if level == "subarray" else source.events) == 10
    assert set(source.events["file"].tolist()) == {1}
    assert source.events["true_energy"][0] == pytest.approx(1.36864829)
    assert [r.getMessage() for r in caplog.records] == [f"{empty}: no telescope has images"]


def test_without_any_event_there_is_nothing_to_read(empty: Path, open_dl1: Open) -> None:
    with pytest.raises(DataError, match=f"no telescope has images in {empty}"):
        open_dl1(empty)


def test_a_file_whose_tables_have_no_rows_is_told(
    copy_of: Copy, open_dl1: Open, caplog: pytest.LogCaptureFixture
) -> None:
    path = copy_of(NAME, "no_rows.dl1.h5")
    with h5py.File(path, "r+") as file:
        for folder in ("images", "parameters"):
            for table in file[f"/dl1/event/telescope/{folder}"].values():
                table.resize((0,))
    assert len(open_dl1(path, copy_of(NAME), on_corrupt="skip").events) == 10
    assert [r.getMessage() for r in caplog.records] == [f"{path}: no telescope has images"]


@pytest.mark.parametrize("kept", OF_EVENTS)
def test_a_file_that_has_anything_of_an_event_has_lost_its_images(copy_of: Copy, open_dl1: Open, kept: str) -> None:
    path = copy_of(NAME)
    with h5py.File(path, "r+") as file:
        for group in sorted({"/dl1/event/telescope", *OF_EVENTS} - {kept}, reverse=True):
            del file[group]
    with pytest.raises(DataError, match=f"{path} is HDF5, but not DL1"):
        open_dl1(path)


@pytest.mark.parametrize("attribute", [True, False])
def test_what_is_not_of_ctapipe_is_not_taken_for_a_file_without_events(
    empty: Path, open_dl1: Open, attribute: bool
) -> None:
    with h5py.File(empty, "r+") as file:
        if attribute:
            del file.attrs["CTA PRODUCT DATA MODEL VERSION"]
        else:
            del file["/configuration/instrument/subarray/layout"]
    with pytest.raises(DataError, match=f"{empty} is HDF5, but not DL1"):
        open_dl1(empty)


def test_info_tells_that_there_are_no_images(empty: Path) -> None:
    info = describe(empty, everything=True)
    assert [(p.severity, p.what) for p in info.problems if p.severity == "error"] == [
        ("error", "no telescope has images")
    ]
