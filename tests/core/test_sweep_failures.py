"""Sweeps over a run that fails as it is told, and studies that are not what they were."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("optuna")

from sweeps import experiment
from sweeps import rows
from sweeps import runs_of
from sweeps import starts
from sweeps import states
from sweeps import wait_for
from sweeps import work
from sweeps import worker

from gammalearn_core.errors import DataError
from gammalearn_core.errors import GammalearnError
from gammalearn_core.errors import SettingsError
from gammalearn_core.settings.search import uniform
from gammalearn_core.sweep import figure
from gammalearn_core.sweep import making
from gammalearn_core.sweep.process import RunProcess


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look at runs as often as befits their speed, and draw only where the picture is looked at."""
    monkeypatch.setattr(making, "POLL", 0.01)
    monkeypatch.setattr(figure, "draw", lambda study, metric: [])


@pytest.fixture
def study(tmp_path: Path) -> Path:
    return tmp_path / "study"


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


def test_a_worker_whose_trials_all_fail_gives_up(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    work(study, 1)
    monkeypatch.setenv("SAYS", "1")
    with pytest.raises(GammalearnError, match="trial 3 failed, as 2 before it: what is wrong"):
        work(study, 9)
    assert states(study) == ["COMPLETE", "FAIL", "FAIL", "FAIL"]


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
        wait_for(lambda: runs_of(study))
        with pytest.raises(SettingsError, match="metric was loss, is energy/bias"):
            work(study, 1, metric="energy/bias")


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


def test_trials_on_other_data_bring_a_warning(
    study: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for files in ("a b", "b a", "a c"):
        monkeypatch.setenv("DATA", files)
        work(study, len(states(study)) + 1 if study.exists() else 1)
    warnings = [line for line in capsys.readouterr().err.splitlines() if line.startswith("warning: ")]
    assert warnings == ["warning: the files of the data are not the same for all trials; compare them with care"]


def test_a_run_does_not_join_those_of_other_workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SLURM_STEP_NUM_TASKS", "RANK", "WORLD_SIZE", "MASTER_ADDR", "TORCHELASTIC_RUN_ID", "SLURM_JOB_ID"):
        monkeypatch.setenv(name, "4")
    script = "import os; print(*sorted(name for name, value in os.environ.items() if value == '4'))"
    process = RunProcess([sys.executable, "-S", "-c", script], tmp_path / "output.txt")
    wait_for(lambda: process.poll() is not None)
    assert (tmp_path / "output.txt").read_text() == "SLURM_JOB_ID\n"
