"""Pointing that changes: with the run, with time, across north."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from gammalearn_core import DataError
from gammalearn_core.builtin.loaders.dl1 import DL1Source
from gammalearn_core.builtin.loaders.dl1.pointing import directions
from gammalearn_core.builtin.loaders.dl1.pointing import moves
from gammalearn_core.builtin.loaders.dl1.pointing import seconds

Copy = Callable[..., Path]
Open = Callable[..., DL1Source]
DAY = 86400.0
MJD = 60000.0
START = (MJD - 40587.0) * DAY


def table(folder: Path, unit: str = "deg", **columns: Any) -> h5py.Dataset:
    """A pointing table; it is open until the test ends."""
    arrays = {name: np.asarray(values) for name, values in columns.items()}
    rows = np.zeros(len(next(iter(arrays.values()))), dtype=[(n, a.dtype, a.shape[1:]) for n, a in arrays.items()])
    for name, values in arrays.items():
        rows[name] = values
    dataset = h5py.File(folder / "pointing.h5", "w").create_dataset("tel_001", data=rows)
    for number, name in enumerate(arrays):
        if name.endswith(("altitude", "azimuth")):
            dataset.attrs[f"CTAFIELD_{number}_UNIT"] = np.bytes_(unit)
    return dataset


def tracking(folder: Path, **changes: Any) -> h5py.Dataset:
    columns = {
        "time": MJD + np.array([0.0, 10.0, 20.0]) / DAY,
        "azimuth": [350.0, 358.0, 6.0],
        "altitude": [60.0, 61.0, 63.0],
    }
    return table(folder, **(columns | changes))


def at(dataset: h5py.Dataset, *times: float, steps: bool = False) -> list[list[float]]:
    """Altitude and azimuth at some seconds after the first report."""
    found = directions(dataset, np.ones(len(times), dtype=np.int64), lambda: START + np.array(times), steps=steps)
    return found.round(4).tolist()


def test_a_telescope_that_tracks_is_interpolated_across_north(tmp_path: Path) -> None:
    assert at(tracking(tmp_path), 0, 5, 10, 12.5, 15) == [[60, 350], [60.5, 354], [61, 358], [61.5, 0], [62, 2]]


def test_steps_are_not_interpolated(tmp_path: Path) -> None:
    dataset = tracking(tmp_path)
    assert at(dataset, -100, 4, 6, 14, 16, 1e6, steps=True) == [
        [60, 350],
        [60, 350],
        [61, 358],
        [61, 358],
        [63, 6],
        [63, 6],
    ]


@pytest.mark.parametrize("time", [-11.0, 31.0, np.nan])
def test_an_event_at_a_time_without_a_report_is_an_error(tmp_path: Path, time: float) -> None:
    with pytest.raises(DataError, match=r"tel_001: 1 events are at times for which no pointing is reported"):
        at(tracking(tmp_path), 5, time)


def test_an_event_a_little_beyond_the_reports_has_that_of_the_nearest(tmp_path: Path) -> None:
    assert at(tracking(tmp_path), -9, 29) == [[60, 350], [63, 6]]


def test_reports_need_not_be_in_order_or_different(tmp_path: Path) -> None:
    seconds_after = MJD + np.array([20.0, 0.0, 10.0, 10.0]) / DAY
    dataset = tracking(tmp_path, time=seconds_after, azimuth=[6.0, 350, 358, 358], altitude=[63.0, 60, 61, 61])
    assert at(dataset, 5, 15) == [[60.5, 354], [62, 2]]


@pytest.mark.parametrize("steps", [False, True])
def test_one_direction_needs_no_time(tmp_path: Path, steps: bool) -> None:
    dataset = tracking(tmp_path, azimuth=[1.0, 1, 1], altitude=[70.0, 70, 70])
    found = directions(dataset, np.ones(2, dtype=np.int64), lambda: 1 / 0, steps=steps)  # type: ignore[arg-type, return-value]
    assert found.tolist() == [[70, 1]] * 2
    assert not moves(dataset)


def test_a_telescope_that_tracks_moves(tmp_path: Path) -> None:
    assert moves(tracking(tmp_path))


def test_radians_become_degrees(tmp_path: Path) -> None:
    dataset = tracking(tmp_path, unit="rad", azimuth=np.radians([350.0, 358, 366]), altitude=np.radians([60.0, 61, 63]))
    assert at(dataset, 15) == [[62, 2]]


def test_a_run_is_looked_up(tmp_path: Path) -> None:
    dataset = table(
        tmp_path, obs_id=[7, 8], telescope_pointing_azimuth=[0.0, 90], telescope_pointing_altitude=[70.0, 50]
    )
    found = directions(dataset, np.array([8, 7, 8]), lambda: np.empty(0), steps=False)
    assert found.tolist() == [[50, 90], [70, 0], [50, 90]]
    assert not moves(dataset)
    with pytest.raises(DataError, match="no pointing for obs_id 9"):
        directions(dataset, np.array([7, 9]), lambda: np.empty(0), steps=False)


def test_a_run_with_two_pointings_is_an_error(tmp_path: Path) -> None:
    dataset = table(tmp_path, obs_id=[7, 7], azimuth=[0.0, 90], altitude=[70.0, 50])
    with pytest.raises(DataError, match="an obs_id has several pointings, and no time says which when"):
        directions(dataset, np.array([7]), lambda: np.empty(0), steps=False)


@pytest.mark.parametrize("name", ["azimuth", "altitude"])
def test_a_direction_that_is_no_number_is_an_error(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match="some directions are not finite"):
        at(tracking(tmp_path, **{name: [1.0, np.nan, 2.0]}), 5)


def test_times_of_all_data_models_mean_the_same(tmp_path: Path) -> None:
    """Two whole numbers, seconds and quarters of nanoseconds, since v7; modified Julian dates before."""
    (tmp_path / "new").mkdir()
    old = tracking(tmp_path)
    pairs = np.column_stack([np.floor(START + np.arange(3) * 10), np.full(3, 2e9)]).astype(np.uint32)
    new = tracking(tmp_path / "new", time=pairs)
    np.testing.assert_allclose(seconds(new, "time"), START + np.arange(3) * 10 + 0.5, rtol=0, atol=1e-6)
    np.testing.assert_allclose(seconds(old, "time"), START + np.arange(3) * 10, rtol=0, atol=1e-4)


def test_what_is_reported_of_an_observation_counts_before_what_was_configured(copy_of: Copy, open_dl1: Open) -> None:
    path = copy_of("gamma_4lst_lasercal")
    with h5py.File(path, "r+") as file:
        trigger = file["/dl1/event/subarray/trigger"]
        first = seconds(trigger, "time").min()
        rows = np.zeros(2, dtype=[("time", "<f8"), ("azimuth", "<f8"), ("altitude", "<f8")])
        rows["time"] = (first + np.array([-1e4, 1e4])) / DAY + 40587.0
        rows["azimuth"], rows["altitude"] = np.radians([10.0, 30.0]), np.radians([50.0, 52.0])
        table = file.create_dataset("/dl0/monitoring/telescope/pointing/tel_002", data=rows)
        table.attrs["CTAFIELD_1_UNIT"] = table.attrs["CTAFIELD_2_UNIT"] = np.bytes_("rad")
        times = seconds(trigger, "time")
    source = open_dl1(path, telescopes=[1, 2])
    batch = source.read(np.arange(len(source.events)))
    expected = 51 + (times - first) * 1e-4
    np.testing.assert_allclose(batch.mono.pointing[batch.mono.telescope == 2][:, 0], expected, atol=1e-6)
    np.testing.assert_allclose(batch.mono.pointing[batch.mono.telescope == 1], [[70, 180]] * 3, atol=1e-4)
    np.testing.assert_array_equal(batch.mono.pointing[:, 0], source.events["pointing_alt"])
