"""``gammalearn baseline``: forests on a run's own splits, and the comparison with its network."""

from __future__ import annotations

import json
import shutil
import sys
from argparse import ArgumentParser
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from dl2 import tasks
from runs import EXAMPLES
from runs import read
from runs import run
from runs import run_folders
from runs import write_settings

pytest.importorskip("sklearn")

from gammalearn_core.baseline.estimating import _joined
from gammalearn_core.baseline.features import direction
from gammalearn_core.baseline.features import true_disp
from gammalearn_core.baseline.forests import Forests
from gammalearn_core.baseline.forests import Growth
from gammalearn_core.baseline.forests import Lessons
from gammalearn_core.baseline.images import ImageTable
from gammalearn_core.baseline.images import from_columns
from gammalearn_core.baseline.quantities import kinds_of
from gammalearn_core.builtin.loaders.dl1 import DL1Source
from gammalearn_core.cli import main
from gammalearn_core.cli.baseline import add_arguments
from gammalearn_core.data.sky import separation

Baseline = Callable[..., int]
STEREO = """
import torch
from torch import nn


class Counting(nn.Module):
    stereo = True

    def __init__(self, *, inputs, outputs):
        super().__init__()
        self.heads = nn.ModuleDict({n: nn.Linear(1, t.size) for n, t in outputs.tasks.items()})

    def forward(self, batch):
        count = torch.zeros(len(batch), 1)
        for images in batch.images.values():
            count = count.index_add(0, images.event, torch.ones(len(images), 1))
        return {n: head(count) for n, head in self.heads.items()}
"""


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run."""
    cut = "[ref('core.intensity', minimum=1)]"  # images that were cleaned away have no parameters
    settings = write_settings(tmp_path_factory.mktemp("run"), epochs="1", test="0.4", filters=cut)
    assert run(settings) == 0
    return run_folders(settings)[-1]


@pytest.fixture(scope="module")
def made(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of its baseline."""
    output = tmp_path_factory.mktemp("baseline") / "out"
    before = files_of(finished)
    assert main(["baseline", str(finished), "-o", str(output), "--trees", "5"]) == 0
    assert files_of(finished) == before
    return output


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_a_baseline_is_beside_the_network(finished: Path, made: Path) -> None:
    names = ["baseline.json", "comparison.json", "metrics.json", "predictions"]
    assert sorted(p.name for p in made.iterdir()) == names
    ours, run_metrics = read(made / "metrics.json"), read(finished / "metrics.json")
    of_network = {n for n in run_metrics["splits"]["test"] if not n.endswith("loss")}
    assert set(ours["splits"]["test"]) == of_network
    assert set(ours["splits"]) == set(run_metrics["splits"])
    assert set(ours["performance"]["numbers"]) == set(run_metrics["performance"]["numbers"])
    record, known = read(made / "baseline.json"), read(finished / "run.json")
    assert record["network"]["sha256"] == known["best_weights_sha256"]
    assert record["events"] == {name: split["samples"] for name, split in known["splits"].items()}
    assert sum(record["trained_with"].values()) == known["splits"]["train"]["samples"]
    for importances in record["importances"]["NectarCam"].values():
        assert sum(importances.values()) == pytest.approx(1) or not any(importances.values())
    told = read(made / "comparison.json")["by_true_energy"]["all"]
    # The network predicts again, by the weights of the run, what it has predicted at its end.
    network, then = {c["name"]: c["network"] for c in told}, run_metrics["performance"]["numbers"]
    assert network == pytest.approx({name: then[name]["value"] for name in network})


def test_its_dl2_has_the_events_of_the_network_s(finished: Path, made: Path) -> None:
    names = sorted(p.name for p in (finished / "predictions").glob("*.h5"))
    assert sorted(p.name for p in (made / "predictions").glob("*.h5")) == names
    for name in names:
        with (
            h5py.File(finished / "predictions" / name) as ours,
            h5py.File(made / "predictions" / name) as theirs,
        ):
            one, other = (h5["/dl1/event/subarray/trigger"]["event_id"][()] for h5 in (ours, theirs))
            assert np.array_equal(one, other)
            assert set(ours["/dl2/event/telescope"]) == set(theirs["/dl2/event/telescope"])


def test_the_same_call_gives_the_same_and_replaces_only_when_asked(
    finished: Path, made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call = ["baseline", str(finished), "-o", str(tmp_path / "out"), "--trees", "5"]
    assert main(call) == 0
    assert "network and baseline on the same events" in capsys.readouterr().out
    assert read(tmp_path / "out" / "metrics.json") == read(made / "metrics.json")
    assert main(call) == 2
    assert "is there already" in capsys.readouterr().err
    assert main([*call, "--fresh", "--seed", "99"]) == 0
    assert read(tmp_path / "out" / "metrics.json") != read(made / "metrics.json")


def test_the_command_s_default_is_that_of_the_forests() -> None:
    parser = ArgumentParser()
    add_arguments(parser)
    assert parser.parse_args(["run"]).trees == Growth().trees


def test_what_is_no_baseline_is_not_replaced(finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["baseline", str(finished), "-o", str(finished / "checkpoints"), "--fresh"]) == 2
    assert "is not the folder of a baseline" in capsys.readouterr().err
    assert (finished / "checkpoints" / "best.pt").is_file()


def test_what_cannot_be_written_is_told_before_anything_is_read(
    finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    assert main(["baseline", str(finished), "-o", str(tmp_path / "file" / "out")]) == 2
    told = capsys.readouterr().err
    assert "cannot be written" in told
    assert "images" not in told


def test_other_events_are_refused(finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    copied = Path(shutil.copytree(finished, tmp_path / "run"))
    record = read(copied / "run.json")
    record["splits"]["test"]["events_sha256"] = "0" * 64
    (copied / "run.json").write_text(json.dumps(record), encoding="utf-8")
    assert main(["baseline", str(copied), "--data-root", str(EXAMPLES), "--trees", "2"]) == 4
    assert "the test split here is not that of the run" in capsys.readouterr().err
    assert not (copied / "baseline").exists()


def test_without_scikit_learn_it_says_how_to_install_it(
    finished: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "sklearn", None)
    assert main(["baseline", str(finished)]) == 2
    assert "pip install 'gammalearn-core[baseline]'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--trees", "0"], "--trees: must be 1 or more, got 0"),
        (["--seed", "-1"], "--seed: must be 0 or more, got -1"),
        (["--tailcuts", "4", "8"], "picture threshold first"),
    ],
)
def test_numbers_that_make_no_sense_are_refused(
    arguments: list[str], message: str, finished: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["baseline", str(finished), *arguments]) == 2
    assert message in capsys.readouterr().err


def test_of_the_subarray_axes_cut_each_other(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = write_settings(
        tmp_path,
        STEREO,
        data="ref('core.dl1', paths=DATA + 'gamma_prod4_sst1m.dl1.h5', level='subarray', channels=['image'])",
        transforms="[]",
        network="ref(Counting)",
        losses="{'energy': ref('core.l1'), 'direction': ref('core.l1'), 'impact': ref('core.l1')}",
        epochs="1",
        test="0.4",
    )
    assert run(settings) == 0
    (folder,) = run_folders(settings)
    assert main(["baseline", str(folder), "--trees", "5"]) == 2
    assert "only the run's settings file can give network" in capsys.readouterr().err
    assert main(["baseline", str(folder), "--trees", "5", "--trust-settings"]) == 0
    record, metrics = (read(folder / "baseline" / f"{name}.json") for name in ("baseline", "metrics"))
    assert record["parameters"] == "the images, with their masks"
    (importances,) = record["importances"].values()
    assert {"impact_distance", "n_images", "height", "log_mean_intensity"} <= set(importances["energy"])
    numbers = metrics["performance"]["numbers"]
    assert numbers["impact_resolution_68"]["value"] < 300
    assert metrics["splits"]["test"]["impact/resolution"] == pytest.approx(
        numbers["impact_resolution_68"]["value"], rel=1e-5
    )
    compared = {c["name"]: c for c in read(folder / "baseline" / "comparison.json")["by_true_energy"]["all"]}
    impact = compared["impact_resolution_68"]
    assert impact["baseline"] == pytest.approx(numbers["impact_resolution_68"]["value"])
    assert impact["n"] == numbers["impact_resolution_68"]["n"]
    assert impact["network"] > impact["baseline"]  # after one epoch, of a network that only counts images
    assert numbers["angular_resolution_68"]["value"] < 1
    by_telescopes = read(folder / "baseline" / "comparison.json")["by_telescopes"]
    counted = {name: rows[0]["n"] for name, rows in by_telescopes.items()}
    curve = metrics["performance"]["curves"]["energy_bias_by_telescopes"]
    assert sum(counted.values()) == numbers["energy_bias"]["n"]
    assert all(curve["n"][int(name) - 1] == n for name, n in counted.items())
    assert "telescopes" in capsys.readouterr().out


def test_of_single_images_there_are_no_impact_points() -> None:
    learned = tasks("impact", "energy")
    assert kinds_of(learned) == {"impact": "impact", "energy": "energy"}
    assert kinds_of(learned, level="telescope") == {"energy": "energy"}


def test_disp_leads_back_to_the_direction(open_dl1: Callable[..., DL1Source]) -> None:
    source = open_dl1("gamma_prod4_sst1m")
    events = source.events
    images = from_columns(events, source.inputs.camera.geometry)
    assert images is not None
    norm, positive = true_disp(images, events["true_alt"], events["true_az"])
    alt, az = direction(images, np.where(positive, norm, -norm))
    known = np.isfinite(norm)
    off = separation(az, alt, events["true_az"], events["true_alt"])[known]
    # The direction lies beside the axis, so that the point on it at this distance is nearer than the image by far.
    assert np.median(off) < 0.1 * np.median(norm[known])


def lessons(n: int, energy: np.ndarray, shower: np.ndarray) -> Lessons:  # type: ignore[type-arg]
    every = np.ones(n, dtype=bool)
    return Lessons(
        gamma=np.arange(n) % 2 == 0,
        log_energy=energy,
        norm=None,
        positive=None,
        has_particle=every,
        has_energy=every,
        has_direction=every,
        weight=np.ones(n),
        shower=shower.astype(np.uint64),
    )


def test_the_particle_s_forest_sees_no_energy_of_its_own_shower() -> None:
    rng = np.random.default_rng(1)
    n = 400
    energy = rng.normal(size=n)
    features = {"log_intensity": rng.normal(size=n), "length": rng.normal(size=n)}  # which know nothing of the energy
    shower = rng.integers(2**60, size=n)
    forests = Forests(Growth(trees=20, leaf=1), "camera")
    unseen = forests.fit_regressions(features, lessons(n, energy, shower))["log_energy"]
    seen = forests.regressions(features)["log_energy"]
    assert np.corrcoef(seen, energy)[0, 1] > 0.8
    assert abs(np.corrcoef(unseen, energy)[0, 1]) < 0.2


def test_images_without_parameters_have_no_prediction() -> None:
    rng = np.random.default_rng(1)
    features = {"log_intensity": np.where(np.arange(40) < 5, np.nan, 1.0), "length": rng.normal(size=40)}
    forests, learned = Forests(Growth(trees=3), "camera"), lessons(40, rng.normal(size=40), np.arange(40))
    forests.fit_particle(features | forests.fit_regressions(features, learned), learned)
    predicted = forests.regressions(features)
    for values in (predicted["log_energy"], forests.gammaness(features | predicted)["gammaness"]):
        assert np.isnan(values).tolist() == [True] * 5 + [False] * 35


def test_directions_of_several_images_are_weighted_as_their_axes() -> None:
    """Of two gammas, each seen by two telescopes, the second of which has a line as its image."""
    values = {
        "hillas_intensity": np.array([100.0, 100.0, 300.0, 100.0]),
        "hillas_length": np.array([0.3, 0.2, 0.2, 0.2]),
        "hillas_width": np.array([0.1, 0.2, 0.2, 0.0]),
        "hillas_fov_lon": np.zeros(4),
        "hillas_fov_lat": np.array([0.0, 1.0, 0.0, 1.0]),
        "hillas_psi": np.full(4, 90.0),
    }
    images = ImageTable(
        event=np.array([0, 0, 1, 1]),
        camera=np.zeros(4, dtype=np.int64),
        cameras=("camera",),
        position=np.zeros((4, 3)),
        pointing_alt=np.full(4, 60.0),
        pointing_az=np.full(4, 0.0),
        values=values,
        origin="made here",
    )
    found = _joined(images, {"disp": np.array([0.5, 0.5, 0.5, 0.5])}, 2)
    # Directions are 60.5 and 61.5 deg high, with weights of 3 to 1 in both.
    assert found["alt"].tolist() == pytest.approx([60.75, 60.75], abs=1e-3)
    assert (found["az"] % 360).tolist() == pytest.approx([0, 0], abs=1e-9)
