"""Studies of a run: from its folder alone, and from its images."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import hdf5plugin  # noqa: F401
import numpy as np
import pytest
import torch
from dl2 import change
from runs import EXAMPLES
from runs import TESTS
from runs import read
from runs import run
from runs import run_folders
from runs import write_settings

from gammalearn_core.baseline.opening import OpenedRun
from gammalearn_core.baseline.opening import opened_run
from gammalearn_core.cli import main
from gammalearn_core.engine.folder import RunFolder
from gammalearn_core.errors import DataError
from gammalearn_core.plugin import Registry
from gammalearn_core.reporting.charts import Chart
from gammalearn_core.reporting.charts import plain
from gammalearn_core.reporting.studies import Studies
from gammalearn_core.reporting.studies import studies_of_predictions
from gammalearn_core.reporting.studies.images import chosen_rows
from gammalearn_core.reporting.studies.images import dead_pixels
from gammalearn_core.reporting.studies.images import studies_of_images
from gammalearn_core.reporting.studies.observed import beside_observation
from gammalearn_core.reporting.studies.of_predictions import read_predictions
from gammalearn_core.reporting.studies.shifts import gain
from gammalearn_core.reporting.studies.shifts import night_sky
from gammalearn_core.reporting.studies.shifts import scaled
from gammalearn_core.reporting.studies.stress import stress_test
from gammalearn_core.reproducing.recorded import read_run
from gammalearn_core.results.performance import EventResults
from gammalearn_core.results.performance import performance

IMAGES = "/dl1/event/telescope/images"
BROKEN = 7
"""Pixels of all images of telescopes with odd numbers that have no value."""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """DL1 files whose images lack some pixels."""
    folder = tmp_path_factory.mktemp("data")
    for name in ("gamma_mono_trigger", "proton_prod6_run201", "proton_prod6_run1_v7"):
        path = Path(shutil.copy(EXAMPLES / f"{name}.dl1.h5", folder))
        with h5py.File(path) as h5:
            tables = {f"{IMAGES}/{t}": h5[IMAGES][t]["image"] for t in h5[IMAGES] if int(t.removeprefix("tel_")) % 2}
        for table, images in tables.items():
            images[:, :BROKEN] = np.nan
            change(path, table, image=images)
    return folder


@pytest.fixture(scope="module")
def finished(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run, at telescope level."""
    settings = write_settings(
        tmp_path_factory.mktemp("run"),
        data=f"ref('core.dl1', paths=[{str(data) + '/*.h5'!r}], cameras='NectarCam')",
        epochs="1",
        test="0.4",
    )
    assert run(settings) == 0
    return run_folders(settings)[-1]


@pytest.fixture(scope="module")
def opened(finished: Path) -> Iterator[OpenedRun]:
    """The run with its data."""
    with opened_run(read_run(finished), Registry().discover(), data_root=None, trust_settings=False) as found:
        yield found


def series(found: Studies, id: str) -> Any:
    """The first series of the chart of this id."""
    (item,) = (item for item in found.items if item.id == id)
    assert isinstance(item, Chart)
    return item.series[0]


def written(found: Studies) -> str:
    """Its charts as a page has them."""
    return json.dumps([plain(item) for item in found.items], allow_nan=False)


def test_what_is_read_back_is_what_was_measured(finished: Path) -> None:
    predictions = read_predictions(RunFolder(finished))
    assert predictions is not None
    again = performance(EventResults.from_predictions(predictions))
    wanted = read(finished / "metrics.json")["performance"]
    assert again["samples"] == wanted["samples"]
    for name, number in wanted["numbers"].items():
        for part in ("value", "low", "high", "n"):
            found = again["numbers"][name][part]
            assert (None if np.isnan(found) else found) == pytest.approx(number[part]), (name, part)


def test_what_is_read_back_knows_what_the_loader_knows(finished: Path, opened: OpenedRun) -> None:
    predictions = read_predictions(RunFolder(finished))
    assert predictions is not None
    rows = opened.splits["test"]
    ids = [tuple(row) for row in _ids(opened.events.take(rows)).tolist()]
    order = [ids.index(tuple(row)) for row in _ids(predictions.events).tolist()]
    assert sorted(order) == list(range(len(rows)))
    for name in ("pointing_alt", "pointing_az", "multiplicity", "true_impact_distance", "true_energy", "true_core_x"):
        np.testing.assert_allclose(predictions.events[name], opened.events[name][rows[order]], rtol=1e-6)


def _ids(events: Any) -> Any:
    return np.column_stack([np.asarray(events[n], dtype=np.int64) for n in ("obs_id", "event_id", "tel_id")])


def test_all_that_is_found_has_a_name_of_its_own_and_can_be_written(finished: Path) -> None:
    found = studies_of_predictions(RunFolder(finished))
    ids = [item.id for item in found.items]
    assert len(set(ids)) == len(ids)
    assert {"gammaness", "energies", "theta2", "reliability", "auc_by_impact", "energy_bias_by_multiplicity"} <= set(
        ids
    )
    assert all(item.definition and not item.empty for item in found.items)
    assert all(number.definition and number.n for number in found.numbers)
    assert all(missing.reason for missing in found.missing)
    assert written(found) == written(studies_of_predictions(RunFolder(finished)))


def test_a_run_without_predictions_has_reasons(tmp_path: Path) -> None:
    (missing,) = studies_of_predictions(RunFolder(tmp_path)).missing
    assert missing.reason.startswith("the run has no DL2 files")


def test_a_damaged_file_of_predictions_is_told(finished: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(finished, tmp_path / "run"))
    path = folder / "predictions" / "gamma.dl2.h5"
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(DataError, match=r"gamma\.dl2\.h5 cannot be read"):
        studies_of_predictions(RunFolder(folder))


def test_a_run_of_lstchain_files_is_read_back_too(tmp_path: Path) -> None:
    files = {"train": "lstchain-0.12.3_dl1_gamma_4LST.h5", "test": "gammalearn-0.15_dl1_gamma_example.h5"}
    sources = ", ".join(f"{n!r}: ref('core.dl1', paths={str(TESTS / f)!r}, cameras='LST')" for n, f in files.items())
    settings = write_settings(
        tmp_path,
        data=f"{{{sources}}}",
        losses="{'energy': ref('core.gaussian_nll'), 'direction': ref('core.quantile')}",
        epochs="1",
        validation="0.0",
    )
    assert run(settings) == 0
    folder = run_folders(settings)[-1]
    predictions = read_predictions(RunFolder(folder))
    assert predictions is not None
    again = performance(EventResults.from_predictions(predictions))["numbers"]
    wanted = read(folder / "metrics.json")["performance"]["numbers"]
    for name in ("energy_bias", "angular_resolution_68"):
        assert again[name]["value"] == pytest.approx(wanted[name]["value"], rel=1e-5)
    found = {number.id for number in studies_of_predictions(RunFolder(folder)).numbers}
    assert {"pull_energy_width", "pull_altitude_width", "pull_azimuth_width"} <= found


def test_events_of_the_subarray_are_read_back_with_the_telescopes_that_took_part(tmp_path: Path) -> None:
    from test_baseline import STEREO

    settings = write_settings(
        tmp_path,
        STEREO,
        data="ref('core.dl1', paths=DATA + 'gamma_prod4_sst1m.dl1.h5', level='subarray', channels=['image'])",
        transforms="[]",
        network="ref(Counting)",
        losses="{'energy': ref('core.l1'), 'impact': ref('core.l1')}",
        epochs="1",
        test="0.4",
    )
    assert run(settings) == 0
    folder = run_folders(settings)[-1]
    predictions = read_predictions(RunFolder(folder))
    assert predictions is not None
    wanted = read(folder / "metrics.json")["performance"]
    again = performance(EventResults.from_predictions(predictions))
    for name in ("energy_bias", "impact_resolution_68"):
        assert again["numbers"][name]["value"] == pytest.approx(wanted["numbers"][name]["value"])
    assert "tel_id" not in predictions.events
    assert (predictions.events["multiplicity"] >= 1).all()
    assert np.ptp(predictions.events["tel_pos_x"]) == 0
    with opened_run(read_run(folder), Registry().discover(), data_root=None, trust_settings=True) as found:
        rows = chosen_rows(found, 1000)
        assert sorted(predictions.events["multiplicity"]) == sorted(found.events.multiplicity[rows])
        assert stress_test(found, [gain([1.1])]).items


def test_pixels_without_a_value_are_counted(opened: OpenedRun) -> None:
    found = studies_of_images(opened)
    bins = series(found, "angular_resolution_by_dead_pixels")
    assert [x for x, n in zip(bins.x, bins.n, strict=True) if n] == [0.0, 6.5]
    rows = opened.splits["test"]
    gammas = rows[np.asarray(opened.events["true_shower_primary_id"])[rows] == 0]
    broken = int(np.sum(opened.events["tel_id"][gammas] % 2))
    assert 0 < broken < len(gammas)
    assert [n for n in bins.n if n] == [len(gammas) - broken, broken]


def test_pixels_are_counted_batch_by_batch(opened: OpenedRun, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gammalearn_core.reporting.studies.images._AT_ONCE", 3)
    rows = np.arange(len(opened.events))
    with opened.with_channel("valid") as source:
        assert source is not None
        found = dead_pixels(source, rows)
    assert found.tolist() == (BROKEN * (opened.events["tel_id"] % 2)).tolist()


def test_a_run_without_dl2_files_is_predicted_again(finished: Path, data: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(finished, tmp_path / "run"))
    shutil.rmtree(folder / "predictions")
    with opened_run(read_run(folder), Registry().discover(), data_root=data, trust_settings=False) as again:
        found = studies_of_images(again)
    wanted = studies_of_predictions(RunFolder(finished))
    assert {item.id for item in wanted.items} < {item.id for item in found.items}
    assert "angular_resolution_by_dead_pixels" in {item.id for item in found.items}
    for one, other in zip(wanted.numbers, found.numbers, strict=True):
        assert (one.id, one.n) == (other.id, other.n)
        assert one.value == pytest.approx(other.value, rel=1e-5)


def test_whoever_is_looked_at_first_is_looked_at_whatever_else_is(opened: OpenedRun) -> None:
    few, many = chosen_rows(opened, 5), chosen_rows(opened, 12)
    assert len(few) == 5
    assert set(few) < set(many) <= set(opened.splits["test"])
    assert chosen_rows(opened, 10**6).tolist() == sorted(opened.splits["test"])


def test_without_a_shift_the_stress_test_finds_what_the_run_has_found(finished: Path, opened: OpenedRun) -> None:
    found = stress_test(opened, [night_sky([3.0]), gain([0.5])])
    wanted = read(finished / "metrics.json")["performance"]["numbers"]
    for id, name in (("auc", "auc"), ("energy_bias", "energy_bias"), ("angular_resolution", "angular_resolution_68")):
        sky, charge = series(found, f"stress_night_sky_{id}"), series(found, f"stress_gain_{id}")
        assert (sky.x, charge.x) == ((0.0, 3.0), (0.5, 1.0))
        assert sky.y[0] == charge.y[1] == pytest.approx(wanted[name]["value"], rel=1e-4)
        assert sky.n[0] == wanted[name]["n"]
        assert sky.y[1] != sky.y[0]
        assert charge.y[0] != charge.y[1]
    change = series(found, "stress_gain_energy_bias_change")
    direct = series(found, "stress_gain_energy_bias")
    assert change.x == (0.5,)
    assert change.y[0] == pytest.approx(direct.y[0] - direct.y[1])
    assert all("less their mean" in item.definition for item in found.items if "night_sky" in item.id)


def test_the_stress_test_gives_the_same_each_time_and_other_noise_with_another_seed(opened: OpenedRun) -> None:
    shifts = [night_sky([2.0])]
    one, again, other = (stress_test(opened, shifts, most=20, seed=seed) for seed in (1, 1, 2))
    assert written(one) == written(again)
    assert series(one, "stress_night_sky_energy_bias").y != series(other, "stress_night_sky_energy_bias").y


def test_gain_scales_charges_and_nothing_else(opened: OpenedRun) -> None:
    batch = opened.selected.read(np.arange(3))
    images, changed = batch.mono, scaled(batch, 1.1).mono
    charge = images.channels.index("image")
    others = [n for n in range(len(images.channels)) if n != charge]
    torch.testing.assert_close(changed.pixels[:, charge], images.pixels[:, charge] * 1.1)
    assert torch.equal(changed.pixels[:, others], images.pixels[:, others])


def test_a_pixel_without_a_value_gets_no_noise(opened: OpenedRun) -> None:
    """The network does not see the channel that says so, and the run has not asked for it."""
    from gammalearn_core.builtin.transforms.noise import NightSkyNoise
    from gammalearn_core.reporting.studies.images import without_channel

    assert "valid" not in opened.selected.inputs.camera.channels
    with opened.with_channel("valid") as source:
        assert source is not None
        plain = source.read(np.arange(len(opened.events)))
        noisy = NightSkyNoise(inputs=source.inputs, mean=3.0)(plain, torch.Generator().manual_seed(1))
    left = without_channel(noisy, "valid")
    assert left.mono.channels == opened.selected.inputs.camera.channels
    dead = plain.mono.pixels[:, plain.mono.channels.index("valid")] == 0
    assert int(dead.sum()) > 0
    charge = left.mono.pixels[:, left.mono.channels.index("image")]
    assert bool((charge[dead] == 0).all())
    assert bool((charge[~dead] != plain.mono.pixels[:, plain.mono.channels.index("image")][~dead]).float().mean() > 0.7)


def test_what_is_the_same_on_both_sides_is_found_to_be_so(opened: OpenedRun, data: Path) -> None:
    """Files of simulated protons stand for an observation."""
    files = sorted(data.glob("proton*.h5"))
    found = beside_observation(opened, Registry().discover(), files)
    ids = {item.id for item in found.items}
    wanted = {"image", "image_bright", "peak_time", "sum", "hillas_intensity", "hillas_width", "gammaness", "energy"}
    assert {f"observed_{name}" for name in wanted} <= ids
    labels = [s.label.partition(" ")[0] for s in next(i for i in found.items if i.id == "observed_sum").series]  # type: ignore[union-attr]
    assert labels == ["observed", "gamma", "proton"]
    apart = {number.id: number.value for number in found.numbers}
    assert apart["observed_gammaness_distance_proton"] < 0.3
    assert all(0 <= value <= 1 for value in apart.values())
    assert "zenith angles: observed 20.0" in next(i for i in found.items if i.id == "observed_sum").note


def test_charges_of_another_gain_are_found_to_be_apart(opened: OpenedRun, data: Path, tmp_path: Path) -> None:
    paths = []
    for source in sorted(data.glob("proton*.h5")):
        path = Path(shutil.copy(source, tmp_path))
        with h5py.File(path) as h5:
            tables = {f"{IMAGES}/{table}": h5[IMAGES][table]["image"] for table in h5[IMAGES]}
        for table, images in tables.items():
            change(path, table, image=10 * images + 20)
        paths.append(path)
    same, other = (
        {n.id: n.value for n in beside_observation(opened, Registry().discover(), files).numbers}
        for files in (sorted(data.glob("proton*.h5")), paths)
    )
    assert other["observed_image_distance_proton"] > 0.9 > 0.3 > same["observed_image_distance_proton"]
    assert other["observed_sum_distance_proton"] > same["observed_sum_distance_proton"]
    assert other["observed_hillas_width_distance_proton"] == same["observed_hillas_width_distance_proton"]


def test_files_of_another_camera_are_refused(opened: OpenedRun) -> None:
    with pytest.raises(DataError, match="NectarCam"):
        beside_observation(opened, Registry().discover(), [TESTS / "gammalearn-0.15_dl1_realdata_example.h5"])


def report(finished: Path, page: Path, *arguments: str) -> int:
    """`gammalearn report`, without images of events."""
    return main(["report", str(finished), "-o", str(page), "--no-events", *arguments])


def test_the_page_has_what_is_asked_for_and_else_the_reason(finished: Path, data: Path, tmp_path: Path) -> None:
    plain_page, page, again = (tmp_path / f"{n}.html" for n in ("plain", "page", "again"))
    assert report(finished, plain_page) == 0
    assert "gammalearn report RUN --images" in plain_page.read_text()
    assert "Stress test" not in plain_page.read_text()
    asked = ["--stress", "--observed", str(data / "proton*.h5")]
    assert report(finished, page, *asked) == 0
    for text in ("Stress test", "Simulation beside observation", "auc_by_dead_pixels", "stress_gain_auc_change"):
        assert text in page.read_text()
    assert "gammalearn report RUN --images" not in page.read_text()
    assert report(finished, again, *asked) == 0
    assert again.read_bytes() == page.read_bytes()


def test_a_page_whose_data_are_not_there_is_made_without_images_and_refused_with_them(
    finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = Path(shutil.copytree(finished, tmp_path / "elsewhere" / "run"))
    assert report(folder, tmp_path / "page.html") == 0
    for option in ("--images", "--stress"):
        assert report(folder, tmp_path / "other.html", option) == 4
        assert "--data-root" in capsys.readouterr().err
    assert not (tmp_path / "other.html").exists()


def test_observed_files_that_are_not_there_are_told(
    finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert report(finished, tmp_path / "page.html", "--observed", str(tmp_path / "none.h5")) == 2
    assert "none.h5" in capsys.readouterr().err
    assert not (tmp_path / "page.html").exists()
