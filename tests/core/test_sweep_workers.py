"""Sweeps over a run that takes no time: what workers do with trials, together and after each other."""

from __future__ import annotations

import csv
import json
import signal
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("optuna")

import sweeps
from sweeps import EPOCHS
from sweeps import epochs_of
from sweeps import experiment
from sweeps import trials
from sweeps import wait_for
from sweeps import work
from sweeps import worker

from gammalearn_core.errors import DataError
from gammalearn_core.errors import GammalearnError
from gammalearn_core.errors import SettingsError
from gammalearn_core.errors import StoppedError
from gammalearn_core.settings.search import choice
from gammalearn_core.settings.search import integers
from gammalearn_core.settings.search import uniform
from gammalearn_core.sweep import figure
from gammalearn_core.sweep import making
from gammalearn_core.sweep import study as study_module


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look at runs as often as befits their speed, and draw only where the picture is looked at."""
    monkeypatch.setattr(making, "POLL", 0.01)
    monkeypatch.setattr(figure, "draw", lambda study, metric: [])


@pytest.fixture
def study(tmp_path: Path) -> Path:
    return tmp_path / "study"


def states(study: Path) -> list[str]:
    return [trial["state"] for trial in trials(study)]


def starts(study: Path) -> list[int]:
    """How often the run of each trial was started."""
    files = sorted(study.glob("runs/trial-*/*/*/starts"))
    return [len(file.read_text().splitlines()) for file in files]


def rows(study: Path) -> list[dict[str, str]]:
    with (study / "trials.csv").open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def test_trials_are_run_folders_and_the_best_comes_first(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert work(study, 3) == 0
    told = capsys.readouterr()
    assert states(study) == ["COMPLETE"] * 3
    written = rows(study)
    assert [row["trial"] for row in written] == ["0", "1", "2"]
    for row in written:
        line = (study / row["run_folder"] / "metrics.jsonl").read_text().splitlines()[-1]
        assert float(row["loss"]) == json.loads(line)["validation"]["loss"]
    best = min(written, key=lambda row: float(row["loss"]))
    head, first = told.out.splitlines()[:2]
    assert head.split() == ["trial", "state", "optimizer.lr", "network.channels", "loss", "epoch", "run", "folder"]
    assert first.split()[0] == best["trial"]
    assert best["run_folder"] in first
    assert f"trial {best['trial']} finished  loss {float(best['loss']):.4g} at epoch {EPOCHS}" in told.err


def test_a_finished_study_says_so_and_more_trials_go_on(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    work(study, 1)
    before = trials(study)
    capsys.readouterr()
    assert work(study, 1) == 0
    assert "the study has 1 trials; a greater --trials goes on with it" in capsys.readouterr().out
    assert trials(study) == before
    work(study, 2)
    assert trials(study)[:1] == before
    assert starts(study) == [1, 1]


def test_what_is_tried_depends_on_the_seed_and_not_on_who_tries_it(tmp_path: Path) -> None:
    work(tmp_path / "a", 3)
    for n in (1, 2, 3):
        work(tmp_path / "b", n)
    work(tmp_path / "c", 3, seed=1)
    a, b, c = ([t["params"] for t in trials(tmp_path / name)] for name in "abc")
    assert a == b
    assert not {t["optimizer.lr"] for t in a} & {t["optimizer.lr"] for t in c}


def test_values_of_every_kind_reach_the_run(study: Path) -> None:
    search = {
        "optimizer.lr": uniform(0.5, 1.0),
        "epochs": integers(3, 4),
        "network.channels": choice([[16], None, True, 1, "it's"]),
    }
    plan = sweeps.plan(study, experiment=experiment(search=search), trials=1)
    seen: list[list[str]] = []
    from gammalearn_core.sweep.worker import sweep

    def command(logdir: Path, overrides: list[str]) -> list[str]:
        seen.append(list(overrides))
        return list(plan.command(logdir, overrides))

    import attrs

    assert sweep(attrs.evolve(plan, command=command)) == 0
    lr, epochs, channels = (text.partition("=")[2] for text in seen[0])
    assert 0.5 <= float(lr) <= 1.0
    assert epochs in ("3", "4")
    assert channels in ("[16]", "None", "True", "1", '"it\'s"')


def test_two_workers_make_no_more_trials_than_are_wanted(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with worker(study, 5, PACE="0.3") as other:
        wait_for(lambda: epochs_of(study, 0))
        assert work(study, 5) == 0
        assert "4 of 5 trials are finished; other workers make the rest" in capsys.readouterr().out
        assert other.wait(30) == 0
    assert states(study) == ["COMPLETE"] * 5
    assert starts(study) == [1] * 5
    assert len({t["params"]["optimizer.lr"] for t in trials(study)}) == 5


def test_a_trial_whose_worker_was_killed_goes_on(
    study: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with worker(study, 2, PACE="0.15") as killed:
        wait_for(lambda: len(epochs_of(study, 0)) >= 2)
        killed.kill()
        killed.wait()
    before = trials(study)
    assert [t["state"] for t in before] == ["RUNNING"]
    # The run lives on; two of them in one folder would fail.
    assert work(study, 2) == 0
    assert "the run of trial 0 goes on without its worker; waiting for it" in capsys.readouterr().err
    assert states(study) == ["COMPLETE", "COMPLETE"]
    assert trials(study)[0]["params"] == before[0]["params"]
    assert epochs_of(study, 0) == list(range(1, EPOCHS + 1))
    assert sorted(trials(study)[0]["seen"]) == list(range(1, EPOCHS + 1))


def test_a_stopped_worker_stops_its_run_and_leaves_the_trial(study: Path) -> None:
    with worker(study, 1, PACE="0.1") as stopped:
        wait_for(lambda: len(epochs_of(study, 0)) >= 2)
        stopped.send_signal(signal.SIGTERM)
        assert stopped.wait(20) == 75
        assert stopped.stderr is not None
        said = stopped.stderr.read()
    assert "stopped by SIGTERM; the same command goes on" in said
    assert states(study) == ["RUNNING"]
    assert 2 <= len(epochs_of(study, 0)) < EPOCHS
    assert work(study, 1) == 0
    assert starts(study) == [2]
    assert epochs_of(study, 0) == list(range(1, EPOCHS + 1))


def test_the_end_of_max_time_stops_the_worker(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PACE", "0.4")
    with pytest.raises(StoppedError, match=r"stopped by max_time='00:00:01'"):
        work(study, 1, experiment=experiment(max_time="00:00:01"))
    assert states(study) == ["RUNNING"]
    monkeypatch.setenv("PACE", "0")
    assert work(study, 1) == 0


def test_a_trial_that_is_worse_than_most_is_pruned(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(study_module, "_STARTUP", 2)
    monkeypatch.setenv("PACE", "0.08")
    search = {"optimizer.lr": choice([1e-3, 0.1, 1.0])}
    work(study, 6, experiment=experiment(search=search), seed=3)
    found = trials(study)
    pruned = [t for t in found if t["state"] == "PRUNED"]
    assert pruned
    assert all(t["params"]["optimizer.lr"] != "0.001" for t in pruned)
    assert all(2 <= t["epochs"] < EPOCHS for t in pruned)
    assert {t["state"] for t in found} == {"COMPLETE", "PRUNED"}


def test_nothing_is_pruned_without_pruning(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(study_module, "_STARTUP", 1)
    monkeypatch.setenv("PACE", "0.03")
    work(study, 5, prune=False)
    assert states(study) == ["COMPLETE"] * 5


def test_more_may_be_better(study: Path) -> None:
    work(study, 3, direction="max")
    worst = max(rows(study), key=lambda row: float(row["loss"]))
    # The loss falls, so that the first epoch has the greatest.
    assert {row["epoch"] for row in rows(study)} == {"1"}
    from gammalearn_core.sweep.results import Results

    plan = sweeps.plan(study)
    record = json.loads((study / "study.json").read_text())
    kept = study_module.Study(study, search=plan.experiment.search, record=record, epochs=EPOCHS, seed=0, prune=True)
    best = Results(kept, "loss").best()
    assert best is not None
    assert str(best.number) == worst["trial"]


def test_a_loss_that_is_not_finite_fails_the_trial_alone(
    study: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SAYS", "3")
    with pytest.raises(GammalearnError, match=r"none of the 2 trials has a result; .*trials.csv says why") as caught:
        work(study, 2)
    assert caught.value.exit_code == 1
    assert [(row["state"], row["error"]) for row in rows(study)] == [("failed", "what is wrong\n    and why")] * 2
    assert "trial 1 failed  loss" in capsys.readouterr().err


def test_a_measure_that_is_never_finite_fails_the_trial(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAYS", "nan")
    with pytest.raises(GammalearnError, match="none of the 1 trials"):
        work(study, 1)
    assert rows(study)[0]["error"] == "loss was never finite"


def test_wrong_settings_of_the_first_trial_end_the_sweep(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAYS", "2")
    with pytest.raises(GammalearnError) as caught:
        work(study, 3)
    assert caught.value.exit_code == 2
    said = f"trial 0 failed, and no other has a result yet: what is wrong\n    and why\nIts output is in {study}"
    assert str(caught.value).startswith(said)
    assert states(study) == ["FAIL"]


def test_wrong_settings_of_a_later_trial_fail_it_alone(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    work(study, 1)
    monkeypatch.setenv("SAYS", "2")
    assert work(study, 3) == 0
    assert states(study) == ["COMPLETE", "FAIL", "FAIL"]


def test_damaged_data_end_the_sweep_and_leave_the_trial(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAYS", "4")
    with pytest.raises(DataError, match="trial 0: what is wrong"):
        work(study, 3)
    monkeypatch.delenv("SAYS")
    assert work(study, 1) == 0
    assert states(study) == ["COMPLETE"]


@pytest.mark.parametrize(("dies", "state"), [("once", "COMPLETE"), ("always", "FAIL")])
def test_a_run_that_is_killed_is_started_again_but_not_for_ever(
    study: Path, monkeypatch: pytest.MonkeyPatch, dies: str, state: str
) -> None:
    work(study, 1)
    monkeypatch.setenv("DIES", dies)
    assert work(study, 2) == 0
    assert states(study) == ["COMPLETE", state]
    assert starts(study) == [1, 2 if dies == "once" else 3]
    assert ("killed 3 times by signal 9; was there too little memory?" in rows(study)[1]["error"]) == (dies == "always")


@pytest.mark.parametrize(
    ("changes", "difference"),
    [
        ({"epochs": 7}, "epochs was 6, is 7"),
        ({"search": {"optimizer.lr": uniform(0, 1)}}, r"search optimizer.lr was log_uniform\(1e-05, 0.1\), is uniform"),
    ],
)
def test_other_settings_are_refused_with_the_difference(study: Path, changes: Any, difference: str) -> None:
    work(study, 1)
    before = (study / "journal.log").read_bytes()
    with pytest.raises(SettingsError, match=difference):
        work(study, 2, experiment=experiment(**changes))
    assert (study / "journal.log").read_bytes().startswith(before)
    assert states(study) == ["COMPLETE"]


def test_settings_that_change_nothing_may_change(study: Path) -> None:
    work(study, 1)
    assert work(study, 2, experiment=experiment(max_time="10:00:00", checkpoint_minutes=3)) == 0


def test_a_study_without_results_takes_other_settings(
    study: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SettingsError, match="the validation has no 'los'") as caught:
        work(study, 1, metric="los")
    assert caught.value.problems[0].hint == "did you mean 'loss'?"
    assert work(study, 1) == 0
    assert "had no trial with a result and starts anew" in capsys.readouterr().err
    assert states(study) == ["COMPLETE"]


def test_a_study_that_others_work_on_takes_no_other_settings(study: Path) -> None:
    with worker(study, 1, PACE="1"):
        wait_for(lambda: (study / "journal.log").exists() and trials_begun(study))
        with pytest.raises(SettingsError, match="metric was loss, is energy/bias"):
            work(study, 1, metric="energy/bias")


def trials_begun(study: Path) -> bool:
    return bool(list(study.glob("runs/*/test/*/run.json")))


def test_a_journal_that_was_cut_off_is_mended(study: Path) -> None:
    work(study, 1)
    with (study / "journal.log").open("a") as stream:
        stream.write('{"op_code":4,"study')
    assert work(study, 2) == 0
    assert states(study) == ["COMPLETE"] * 2


@pytest.mark.parametrize("name", ["journal.log", "study.json"])
def test_a_damaged_study_is_told(study: Path, name: str) -> None:
    work(study, 1)
    text = (study / name).read_text()
    (study / name).write_text("}" + text)
    with pytest.raises(DataError, match=f"{name} is damaged"):
        work(study, 2)


def test_a_study_that_cannot_be_written_is_told(study: Path) -> None:
    study.write_text("a file")
    with pytest.raises(SettingsError, match=r"--study: no study can be kept in .*: (File exists|Not a directory)"):
        work(study, 1)
