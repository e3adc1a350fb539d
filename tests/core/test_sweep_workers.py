"""Sweeps over a run that takes no time: what workers do with trials, together and after each other."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import attrs
import pytest

pytest.importorskip("optuna")

import sweeps
from sweeps import EPOCHS
from sweeps import epochs_of
from sweeps import experiment
from sweeps import rows
from sweeps import starts
from sweeps import states
from sweeps import trials
from sweeps import wait_for
from sweeps import work
from sweeps import worker

from gammalearn_core.errors import StoppedError
from gammalearn_core.settings.search import choice
from gammalearn_core.settings.search import integers
from gammalearn_core.settings.search import uniform
from gammalearn_core.sweep import figure
from gammalearn_core.sweep import making
from gammalearn_core.sweep import study as study_module
from gammalearn_core.sweep.results import Results
from gammalearn_core.sweep.worker import sweep


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look at runs as often as befits their speed, and draw only where the picture is looked at."""
    monkeypatch.setattr(making, "POLL", 0.01)
    monkeypatch.setattr(figure, "draw", lambda study, metric: [])


@pytest.fixture
def study(tmp_path: Path) -> Path:
    return tmp_path / "study"


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

    def command(logdir: Path, overrides: list[str]) -> list[str]:
        seen.append(list(overrides))
        return list(plan.command(logdir, overrides))

    assert sweep(attrs.evolve(plan, command=command)) == 0
    lr, epochs, channels = (text.partition("=")[2] for text in seen[0])
    assert 0.5 <= float(lr) <= 1.0
    assert epochs in ("3", "4")
    assert channels in ("[16]", "None", "True", "1", '"it\'s"')


def test_two_workers_make_no_more_trials_than_are_wanted(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with worker(study, 5, PACE="0.2") as other:
        wait_for(lambda: epochs_of(study, 0))
        assert work(study, 5) == 0
        # What the other has left at the end depends on how fast the machine is.
        assert " 5 trials" in capsys.readouterr().out
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
    monkeypatch.setenv("PACE", "0.05")
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
    plan = sweeps.plan(study)
    record = json.loads((study / "study.json").read_text())
    kept = study_module.Study(study, search=plan.experiment.search, record=record, epochs=EPOCHS, seed=0, prune=True)
    best = Results(kept, "loss").best()
    assert best is not None
    assert str(best.number) == worst["trial"]
