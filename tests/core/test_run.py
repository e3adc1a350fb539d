from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
import torch
from runs import read
from runs import record
from runs import run
from runs import run_folders
from runs import write_settings


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Settings of a run that has finished."""
    settings = write_settings(tmp_path_factory.mktemp("finished"), reports="[ref('core.html')]")
    assert run(settings) == 0
    return settings


def test_a_run_folder_explains_itself(finished: Path) -> None:
    folder = run_folders(finished)[0]
    assert re.fullmatch(r"\d{8}T\d{6}Z-[0-9a-f]{8}", folder.name)
    names = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    assert names >= {
        "settings.py",
        "experiment.json",
        "specs.json",
        "run.json",
        "log.txt",
        "metrics.jsonl",
        "metrics.json",
        "report.html",
        "checkpoints/last.pt",
        "checkpoints/best.pt",
    }
    assert (folder / "settings.py").read_bytes() == finished.read_bytes()
    assert not [n for n in names if n.endswith(".part")]


def test_run_json_records_what_the_run_was_made_of(finished: Path) -> None:
    run_json = record(finished)
    assert run_json["schema"] == 1
    assert run_json["status"] == "finished"
    assert run_json["finished"] >= run_json["started"]
    assert re.fullmatch("[0-9a-f]{64}", run_json["weights_sha256"])
    assert run_json["run_id"].endswith(run_json["settings_sha256"][:8])
    assert run_json["environment"]["packages"]["torch"].startswith(torch.__version__.partition("+")[0])
    assert {f["path"].rpartition("/")[2] for f in run_json["data"]} == {
        "gamma_mono_trigger.dl1.h5",
        "proton_prod6_run1_v7.dl1.h5",
        "proton_prod6_run201.dl1.h5",
    }
    assert sum(s["samples"] for s in run_json["splits"].values()) == 64
    assert run_json["randomness"]["seed"] == 1
    assert {o["path"] for o in run_json["outputs"]} >= {"report.html"}


def test_run_json_holds_no_absolute_path_and_no_user(finished: Path) -> None:
    text = (run_folders(finished)[0] / "run.json").read_text(encoding="utf-8")
    assert str(finished.parent) not in text
    assert str(Path.home()) + "/" not in text


def test_experiment_json_has_every_default_filled_in(finished: Path) -> None:
    experiment = read(run_folders(finished)[0] / "experiment.json")
    assert experiment["network"] == {
        "component": "core.cnn2d",
        "distribution": "gammalearn-core",
        "version": experiment["network"]["version"],
        "parameters": {"channels": [4], "hidden": 8, "dropout": 0.0},
    }
    assert experiment["optimizer"]["component"] == "core.adamw"
    assert experiment["optimizer"]["parameters"]["lr"] == 1e-3
    metrics = {m["component"]: m["parameters"] for m in experiment["metrics"]["particle"]}
    assert metrics == {"core.accuracy": {}, "core.auc": {"positive": "gamma"}}
    assert experiment["validation"] == 0.2


def test_specs_are_saved_with_their_arrays(finished: Path) -> None:
    from gammalearn_core.api import InputSpec
    from gammalearn_core.api import OutputSpec

    specs = read(run_folders(finished)[0] / "specs.json")
    raw = InputSpec.from_dict(specs["raw_inputs"])
    assert raw.camera.geometry.n_pixels == 1855
    assert raw.camera.geometry.kind == "hexagonal"
    assert InputSpec.from_dict(specs["inputs"]).camera.shape == (16, 16)
    assert list(OutputSpec.from_dict(specs["outputs"]).tasks) == ["particle", "energy", "direction"]


def test_metrics_jsonl_has_a_line_an_epoch(finished: Path) -> None:
    lines = [json.loads(x) for x in (run_folders(finished)[0] / "metrics.jsonl").read_text().splitlines()]
    assert [x["epoch"] for x in lines] == [1, 2]
    assert lines[0]["train"]["loss"] > 0
    assert "energy/resolution_cta" in lines[0]["validation"]


def test_metrics_json_defines_its_numbers(finished: Path) -> None:
    metrics = read(run_folders(finished)[0] / "metrics.json")
    assert metrics["splits"]["test"]["energy/n"] >= 1
    assert "median" in metrics["definitions"]["energy: core.energy_error"]


def test_checkpoints_hold_plain_tensors_and_numbers(finished: Path) -> None:
    for name in ("last.pt", "best.pt"):
        state = torch.load(run_folders(finished)[0] / "checkpoints" / name, weights_only=True)
        assert state["schema"] == 1
        assert state["part:network"]


def test_weights_sha256_is_that_of_the_last_checkpoint(finished: Path) -> None:
    from gammalearn_core.engine.checkpoint import weights_sha256

    state = torch.load(run_folders(finished)[0] / "checkpoints" / "last.pt", weights_only=True)
    assert weights_sha256(state["part:network"]) == record(finished)["weights_sha256"]


def test_a_finished_run_says_so_and_is_left_alone(finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = record(finished)
    assert run(finished) == 0
    assert "has finished already; --fresh starts another run" in capsys.readouterr().out
    assert record(finished) == before


def test_the_same_seed_gives_bit_identical_weights(finished: Path, tmp_path: Path) -> None:
    again = tmp_path / "settings.py"
    shutil.copy(finished, again)
    assert run(again) == 0
    assert record(again)["weights_sha256"] == record(finished)["weights_sha256"]


def test_another_seed_gives_other_weights_and_another_run(finished: Path, tmp_path: Path) -> None:
    other = write_settings(tmp_path, seed="2", reports="[ref('core.html')]")
    assert run(other, logdir=finished.parent / "runs-2") == 0
    found = next((finished.parent / "runs-2" / "test").glob("*/run.json"))
    assert read(found)["weights_sha256"] != record(finished)["weights_sha256"]
    assert read(found)["settings_sha256"] != record(finished)["settings_sha256"]


def test_fresh_starts_another_run_of_the_same_settings(tmp_path: Path) -> None:
    settings = write_settings(tmp_path, epochs="1")
    assert run(settings) == 0
    assert run(settings, "--fresh") == 0
    first, second = run_folders(settings)
    assert read(first / "run.json")["weights_sha256"] == read(second / "run.json")["weights_sha256"]


def test_comments_do_not_change_the_settings_but_values_do(tmp_path: Path) -> None:
    settings = write_settings(tmp_path, epochs="1")
    assert run(settings) == 0
    settings.write_text("# a comment\n" + settings.read_text(), encoding="utf-8")
    assert run(settings) == 0
    assert len(run_folders(settings)) == 1
    write_settings(tmp_path, epochs="1", batch_size="8")
    assert run(settings) == 0
    assert len(run_folders(settings)) == 2


def test_relative_paths_start_from_the_settings_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from runs import EXAMPLES

    (tmp_path / "data").mkdir()
    shutil.copy(EXAMPLES / "gamma_mono_trigger.dl1.h5", tmp_path / "data" / "g.h5")
    settings = write_settings(
        tmp_path,
        data="ref('core.dl1', paths='data/*.h5', cameras='LST')",
        losses="{'energy': ref('core.l1')}",
        epochs="1",
    )
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert run(settings) == 0
    assert record(settings)["data"][0]["path"] == "data/g.h5"


@pytest.mark.parametrize("tasks", [["particle"], ["energy"], ["direction"], ["energy", "direction"]])
def test_tasks_run_alone_and_together(tmp_path: Path, tasks: list[str]) -> None:
    losses = {"particle": "core.cross_entropy", "energy": "core.smooth_l1", "direction": "core.l1"}
    chosen = "{" + ", ".join(f"{t!r}: ref({losses[t]!r})" for t in tasks) + "}"
    settings = write_settings(tmp_path, losses=chosen, epochs="1")
    assert run(settings) == 0
    test = read(run_folders(settings)[0] / "metrics.json")["splits"]["test"]
    assert {name.partition("/")[0] for name in test} == {"loss", *tasks}


def test_without_validation_and_test_the_last_weights_are_kept(tmp_path: Path) -> None:
    settings = write_settings(tmp_path, validation="0", test="0", epochs="1")
    assert run(settings) == 0
    folder = run_folders(settings)[0]
    assert read(folder / "metrics.json")["splits"] == {}
    assert not (folder / "predictions").exists()
    assert record(settings)["weights_sha256"] == record(settings)["best_weights_sha256"]
