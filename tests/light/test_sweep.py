"""What ``gammalearn sweep`` finds wrong before any trial."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]

SETTINGS = """
experiment = Experiment(
    name="energy",
    data=ref("core.dl1", paths=["gamma.h5"]),
    network=ref("core.cnn2d"),
    losses={{"energy": ref("core.l1")}},
    {0}
)
"""


@pytest.fixture
def sweep(write_settings: Callable[..., Path], gammalearn: Run, site: Path, tmp_path: Path) -> Callable[..., str]:
    """``sweep("search=…")``: what the command says with such a setting, where Optuna is not installed."""
    (site / "optuna.py").write_text("raise ModuleNotFoundError(\"No module named 'optuna'\")", encoding="utf-8")
    (tmp_path / "gamma.h5").write_bytes(b"\x89HDF\r\n\x1a\n")

    def run(settings: str, *arguments: str) -> str:
        write_settings(SETTINGS.format(settings))
        done = gammalearn("sweep", "settings.py", *(arguments or ("--trials", "3")), GAMMALEARN_PLUGINS="")
        assert (done.returncode, done.stdout) == (2, "")
        assert "Traceback" not in done.stderr
        assert not (tmp_path / "runs").exists()
        return done.stderr

    return run


def test_a_sweep_without_a_search_is_refused_with_an_example(sweep: Callable[..., str]) -> None:
    said = sweep("")
    assert said.startswith("error: settings.py: 1 problem\n  search: there is nothing to vary\n")
    assert "search={'optimizer.lr': log_uniform(1e-4, 1e-2), 'network.hidden': choice([16, 64])}" in said


def test_a_sweep_without_a_validation_is_refused(sweep: Callable[..., str]) -> None:
    said = sweep("search={'optimizer.lr': log_uniform(1e-4, 1e-2)}, validation=0")
    assert "validation: a sweep judges by the validation, and there is none\n      validation=0.2\n" in said


@pytest.mark.parametrize(
    ("search", "told"),
    [
        ("{'optimiser.lr': uniform(0, 1)}", "search['optimiser.lr']: there is no such setting\n      did you mean"),
        ("{'filters.0.minimum': uniform(0, 1)}", "search['filters.0.minimum']: there is no number 0 in the list"),
        ("{'search': choice([1])}", "search['search']: what a sweep varies is said by the settings file alone"),
        ("{'epochs': integers(0, 5)}", "search['epochs']: must be at least 1, got 0"),
        ("{'batch_size': choice([16, 'all'])}", "search['batch_size'], with batch_size='all': expected a whole number"),
        ("{'optimizer': choice(['core.adam', 'core.adamm'])}", "optimizer, with optimizer='core.adamm': no component"),
        ("{'optimizer': choice(['core.adamm', 'core.adam'])}", "optimizer: no component is named 'core.adamm'"),
    ],
)
def test_a_wrong_key_or_value_is_told_before_any_trial(search: str, told: str, sweep: Callable[..., str]) -> None:
    assert told in sweep(f"search={search}")


def test_settings_that_depend_on_each_other_may_vary_together(sweep: Callable[..., str]) -> None:
    search = "{'schedule': choice(['core.one_cycle', 'core.plateau']), 'schedule.factor': uniform(0.1, 0.5)}"
    assert "a sweep needs Optuna" in sweep(f"search={search}")


def test_a_sweep_without_optuna_tells_how_to_install_it(sweep: Callable[..., str]) -> None:
    said = sweep("search={'optimizer.lr': log_uniform(1e-4, 1e-2)}")
    assert said == (
        "error: the settings: 1 problem\n"
        "  sweep: a sweep needs Optuna, which cannot be imported: No module named 'optuna'\n"
        "      pip install 'gammalearn-core[sweep]'\n"
    )


def test_settings_of_the_command_line_count(sweep: Callable[..., str]) -> None:
    said = sweep("search={'epochs': integers(1, 5)}", "--trials", "3", "--set", "network=core.cnn")
    assert "network: no component is named 'core.cnn'" in said


@pytest.mark.parametrize("count", ["0", "-1", "many", "1.5"])
def test_the_number_of_trials_must_be_one(count: str, sweep: Callable[..., str]) -> None:
    assert f"argument --trials: expected a whole number above 0, got '{count}'" in sweep("", f"--trials={count}")


def test_the_number_of_trials_must_be_said(sweep: Callable[..., str]) -> None:
    assert "the following arguments are required: --trials" in sweep("", "--seed", "1")


def test_help_tells_the_options(gammalearn: Run) -> None:
    text = gammalearn("sweep", "--help").stdout
    for option in ("--trials", "--study", "--set", "--seed", "--metric", "--direction", "--no-pruning"):
        assert option in text
