"""Cuts, weights and given splits in whole runs: what the log, the run folder and the DL2 files say."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from runs import EXAMPLES
from runs import read
from runs import record
from runs import run
from runs import run_folders
from runs import write_settings

from gammalearn_core.builtin.loaders.dl1 import DL1Source
from gammalearn_core.cli import main
from gammalearn_core.results.dl2.copying import read_raw
from gammalearn_core.results.dl2.copying import write_raw

Open = Callable[..., DL1Source]

GRID = "[ref('core.log_charge'), ref('core.normalise'), ref('core.to_square', size=36, conserve=[])]"
GIVEN = (
    "{'train': ref('core.dl1', paths=[DATA + 'gamma_diffuse*.h5', DATA + 'gamma_mono*.h5'], cameras='MST'),"
    " 'test': ref('core.dl1', paths=DATA + 'proton_prod6_run201*.h5', cameras='MST')}"
)
GAMMAS = ["gamma_diffuse_prod6_run10", "gamma_mono_trigger"]
TEXT = "hillas_intensity > 30 & leakage_intensity_width_2 < 0.3"


def write(folder: Path, head: str = "", **settings: str) -> Path:
    return write_settings(folder, head, **({"transforms": GRID, "epochs": "1"} | settings))


def log(settings: Path) -> str:
    return (run_folders(settings)[-1] / "log.txt").read_text(encoding="utf-8")


def metrics(settings: Path) -> dict[str, float]:
    found: dict[str, float] = read(run_folders(settings)[-1] / "metrics.json")["splits"]["test"]
    return found


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with a condition, weights and a source that is the test split."""
    settings = write(
        tmp_path_factory.mktemp("given"),
        data=GIVEN,
        filters=f"[ref('core.cut', '{TEXT}')]",
        weights="[ref('core.balance_particles'), ref('core.energy_spectrum', -2.7, simulated_index=-2.0)]",
        losses="{'particle': ref('core.cross_entropy')}",
        validation="0.3",
    )
    assert run(settings) == 0
    return settings


def test_a_run_tells_what_each_cut_keeps_of_each_particle(finished: Path, open_dl1: Open) -> None:
    found, told = {}, []
    for particle, names in ((0, GAMMAS), (101, ["proton_prod6_run201"])):
        events = open_dl1(*names, cameras="MST").events
        keep = (events["hillas_intensity"] > 30) & (events["leakage_intensity_width_2"] < 0.3)
        assert 0 < keep.sum() < len(events)
        found[str(particle)] = {"before": len(events), "after": int(keep.sum())}
        told.append(f"{keep.sum()} of {len(events)}")
    total = {key: sum(counts[key] for counts in found.values()) for key in ("before", "after")}
    (cut,) = record(finished)["cuts"]
    assert cut == {"name": "core.cut", "scope": "image", **total, "by_primary": found}
    numbers = f"{total['after']} of {total['before']} images (gamma {told[0]}, proton {told[1]})"
    assert f"core.cut keeps {numbers}" in log(finished)


def test_a_source_that_is_called_test_is_the_test_split(finished: Path) -> None:
    splits = record(finished)["splits"]
    (cut,) = record(finished)["cuts"]
    kept = {particle: counts["after"] for particle, counts in cut["by_primary"].items()}
    assert splits["test"] == {
        "events_sha256": splits["test"]["events_sha256"],
        "samples": kept["101"],
        "by_source": {"train": 0, "test": kept["101"]},
        "by_primary": {"101": kept["101"]},
    }
    for name in ("train", "validation"):
        assert splits[name]["by_primary"] == {"0": splits[name]["samples"]}
        assert splits[name]["samples"] > 0
    assert splits["train"]["samples"] + splits["validation"]["samples"] == kept["0"]


def test_the_settings_are_recorded_with_the_names_of_all_parameters(finished: Path) -> None:
    experiment = read(run_folders(finished)[0] / "experiment.json")
    assert experiment["filters"][0]["parameters"] == {"expression": TEXT}
    assert [w["component"] for w in experiment["weights"]] == ["core.balance_particles", "core.energy_spectrum"]
    assert experiment["weights"][1]["parameters"] == {"index": -2.7, "simulated_index": -2.0}


def test_the_predictions_are_of_whole_files_of_the_source_test(finished: Path) -> None:
    (dl2,) = (run_folders(finished)[0] / "predictions").glob("*.h5")
    assert dl2.name == "proton.dl2.h5"
    with h5py.File(EXAMPLES / "proton_prod6_run201.dl1.h5") as before, h5py.File(dl2) as after:
        for path in ("/dl1/event/subarray/trigger", "/simulation/event/subarray/shower"):
            np.testing.assert_array_equal(after[path]["event_id"], before[path]["event_id"])
        run_table = "/configuration/simulation/run"
        np.testing.assert_array_equal(after[run_table]["n_showers"], before[run_table]["n_showers"])
        assert after.attrs["GAMMALEARN SPLIT SHARE"] in (b"1", "1")


def test_files_of_which_no_shower_is_in_the_test_split_are_not_in_the_predictions(tmp_path: Path) -> None:
    data = GIVEN.replace("'test':", "'validation':")
    settings = write(tmp_path, data=data, losses="{'particle': ref('core.cross_entropy')}", test="0.5")
    assert run(settings) == 0
    splits = record(settings)["splits"]
    assert splits["test"]["by_source"]["validation"] == 0
    assert splits["test"]["samples"] > 0
    assert [p.name for p in (run_folders(settings)[0] / "predictions").glob("*.h5")] == ["gamma.dl2.h5"]


def test_files_to_train_on_are_not_in_the_predictions_of_their_particle(tmp_path: Path) -> None:
    shutil.copy(EXAMPLES / "gamma_mono_trigger.dl1.h5", tmp_path / "other.h5")
    with h5py.File(tmp_path / "other.h5", "r+") as h5:
        h5.visititems(_give_another_run)
    data = GIVEN.replace("DATA + 'proton_prod6_run201*.h5'", "'other.h5'").replace("DATA + 'gamma_diffuse*.h5', ", "")
    settings = write(tmp_path, data=data, losses="{'energy': ref('core.l1')}")
    assert run(settings) == 0
    (dl2,) = (run_folders(settings)[0] / "predictions").glob("*.h5")
    with h5py.File(dl2) as h5:
        assert set(h5["/dl1/event/subarray/trigger"]["obs_id"]) == {1000}
        assert h5["/configuration/simulation/run"]["obs_id"].tolist() == [1000]
        tables = h5["/dl2/event/telescope/energy/GammaLearnEnergy"].values()
        assert sum(np.count_nonzero(t["GammaLearnEnergy_tel_is_valid"]) for t in tables) == 46


def _give_another_run(name: str, node: object) -> None:
    """Another run number for all tables, and other energies for the showers."""
    if isinstance(node, h5py.Dataset) and "obs_id" in (node.dtype.names or ()):
        rows = read_raw(node)
        rows["obs_id"] = 1000
        if "true_energy" in rows.dtype.names:
            rows["true_energy"] *= 1.01
        write_raw(node, rows)


def test_a_shower_in_two_sources_is_an_error_that_names_both(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one = "ref('core.dl1', paths=DATA + 'gamma_mono*.h5', cameras='NectarCam')"
    settings = write(tmp_path, data=f"{{'train': {one}, 'test': {one}}}")
    assert run(settings) == 2
    what = "data['train'], data['test']: 2 showers are in both sources, so that these splits are not independent"
    assert what in capsys.readouterr().err


# Weights.

WEIGHTS = """
import numpy as np
import torch
from torch import nn


def by_class(gamma, proton):
    return lambda events: np.where(events["true_shower_primary_id"] == 0, gamma, proton).astype(float)


class Constant(nn.Module):
    '''The logit of the share of gammas is all that is learned.'''

    lattice = "any"

    def __init__(self, *, inputs, outputs):
        super().__init__()
        self.logit = nn.Parameter(torch.zeros(1))

    def forward(self, pixels, **columns):
        score = self.logit.expand(len(pixels))
        return {"particle": torch.stack([score, torch.zeros_like(score)], dim=1)}
"""
CONSTANT = {
    "network": "ref(Constant)",
    "losses": "{'particle': ref('core.cross_entropy')}",
    "optimizer": "ref('core.sgd', lr=1.0)",
    "batch_size": "1000",
    "transforms": "[]",
}


def losses(tmp_path: Path, weights: str, **changes: str) -> dict[str, float]:
    settings = write(tmp_path, WEIGHTS, **(CONSTANT | {"weights": weights} | changes))
    assert run(settings) == 0
    return metrics(settings)


def test_weights_decide_what_is_learned(tmp_path: Path) -> None:
    for number, (weights, more_gammas) in enumerate([("1.0, 100.0", False), ("100.0, 1.0", True)]):
        folder = tmp_path / str(number)
        folder.mkdir()
        found = losses(folder, f"[ref(by_class, {weights})]", epochs="3")
        gammas, all_of_them = found["particle/accuracy"], 1.0
        splits = record(folder / "settings.py")["splits"]["test"]["by_primary"]
        share = splits["0"] / sum(splits.values())
        assert gammas == pytest.approx(share if more_gammas else all_of_them - share)


def test_a_loss_that_is_measured_is_the_weighted_mean_and_metrics_are_not_weighed(tmp_path: Path) -> None:
    found = losses(tmp_path, "[ref(by_class, gamma=0.0, proton=2.0)]")
    splits = record(tmp_path / "settings.py")["splits"]["test"]["by_primary"]
    assert set(splits) == {"0", "101"}
    # Only protons are learned from, and they have a loss below that of a coin; gammas are still counted.
    assert found["particle/loss"] < np.log(2)
    assert found["particle/n"] == splits["0"] + splits["101"]
    assert found["particle/accuracy"] == pytest.approx(splits["101"] / sum(splits.values()))


def test_weights_that_leave_nothing_to_learn_are_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = write(tmp_path, WEIGHTS, **(CONSTANT | {"weights": "[ref(by_class, 0.0, 0.0)]"}))
    assert run(settings) == 4
    what = "all samples of the training split have weight 0 for task 'particle', by by_class.<locals>.<lambda>"
    error = capsys.readouterr().err
    assert what.replace(".<locals>.<lambda>", "") in error


def test_a_weight_that_is_none_ends_the_run_and_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = write(tmp_path, WEIGHTS, **(CONSTANT | {"weights": "[ref(by_class, -1.0, 1.0)]"}))
    assert run(settings) == 4
    assert "the weight by_class gives -1.0 to obs_id" in capsys.readouterr().err


# What is found before the run.


def refused(settings: Path, capsys: pytest.CaptureFixture[str]) -> str:
    assert main(["check", "--build", str(settings)]) == 2
    assert not (settings.parent / "runs").exists()
    return capsys.readouterr().err


def test_conditions_that_are_none_and_columns_that_are_not_there_are_found_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    filters = "[ref('core.cut', 'hillas_intensity > & x'), ref('core.cut', 'hillas_intensty > 50'), ref('core.cut')]"
    weights = "[ref('core.balance_particles', 1)]"
    error = refused(write(tmp_path, filters=filters.replace(", ref('core.cut')]", "]")), capsys)
    assert (
        "  filters[0] core.cut, expression: expected a number, a column or '(', found '&'\n"
        "      hillas_intensity > & x\n"
        "                         ^\n"
        "  filters[1] core.cut: reads the column 'hillas_intensty', which the data do not have\n"
        "      did you mean 'hillas_intensity'"
    ) in error
    error = refused(write(tmp_path, filters=filters, weights=weights), capsys)
    assert "filters[2] core.cut: parameter 'expression' is required" in error
    assert "weights[0] core.balance_particles: takes at most 0 parameters without their names, got 1" in error


def test_columns_of_images_and_of_events_are_told_apart(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    head = "class Nothing:\n    stereo = True\n    def __init__(self, *, inputs, outputs):\n        pass\n"
    settings = write(
        tmp_path,
        head,
        data="ref('core.dl1', paths=DATA + 'gamma_mono*.h5', level='subarray')",
        filters="[ref('core.event_cut', 'hillas_intensity > 50')]",
        transforms="[]",
        network="ref(Nothing)",
    )
    error = refused(settings, capsys)
    assert "filters[0] core.event_cut: reads the column 'hillas_intensity', which the data do not have" in error
    assert "images have it, events do not: a filter of scope 'image' reads it, such as core.cut" in error


def test_parameters_without_names_are_checked_as_others_are(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = write(
        tmp_path,
        filters="[ref('core.intensity', '50'), ref('core.leakage', 0.2, maximum=0.3), ref('core.telescopes', [1], 2)]",
        targets="{'particle': ref('core.particle', 'gamma')}",
        optimizer="ref('core.adamw', '1e-3')",
        network="ref('core.cnn2d', [4])",
    )
    error = refused(settings, capsys)
    assert "filters[0] core.intensity: minimum must be a number, got '50'" in error
    assert "filters[1] core.leakage: parameter 'maximum' is given twice" in error
    assert "filters[2] core.telescopes: takes at most 1 parameters without their names, got 2" in error
    assert "they are tel_ids" in error
    assert "optimizer core.adamw: lr must be" in error
    assert "network core.cnn2d: takes at most 0 parameters without their names, got 1" in error


def test_a_cut_on_truth_leaves_the_unlabelled_source_alone(tmp_path: Path) -> None:
    settings = write(
        tmp_path,
        data="{'labelled': ref('core.dl1', paths=DATA + 'gamma_mono*.h5', cameras='NectarCam'),"
        " 'unlabelled': ref('core.dl1', paths=DATA + 'gamma_diffuse*.h5', cameras='MST')}",
        filters="[ref('core.event_cut', 'true_energy < 0.5'), ref('core.energy', maximum=0.4)]",
        losses="{'energy': ref('core.l1')}",
        validation="0",
        test="0",
    )
    assert run(settings) == 0
    first, second = record(settings)["cuts"]
    for cut in (first, second):
        assert cut["by_primary"]["-1"] == {"before": 6, "after": 6}
    assert 0 < second["by_primary"]["0"]["after"] < first["by_primary"]["0"]["before"]
    assert "without truth 6 of 6" in log(settings)
