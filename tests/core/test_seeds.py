"""``gammalearn run --seeds``: ordinary runs one after the other, and the spread of their results."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from runs import read
from runs import run
from runs import run_folders
from runs import write_settings

from gammalearn_core.seeds import Spread
from gammalearn_core.seeds import spreads

QUICK = {"losses": "{'energy': ref('core.l1')}", "epochs": "1", "seed": "7"}


def test_the_spread_is_that_of_the_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = write_settings(tmp_path, **QUICK)
    assert run(settings, "--seeds", "2") == 0
    folders = run_folders(settings)
    seeds = read(tmp_path / "runs" / "test" / "seeds.json")
    assert seeds["runs"] == [folder.name for folder in folders]
    assert seeds["seeds"] == [read(folder / "experiment.json")["seed"] for folder in folders] == [7, 8]
    losses = [read(folder / "metrics.json")["splits"]["test"]["loss"] for folder in folders]
    told = seeds["splits"]["test"]["loss"]
    assert told["values"] == losses
    assert losses[0] != losses[1]
    assert told["mean"] == pytest.approx(sum(losses) / 2)
    assert told["spread"] == pytest.approx(abs(losses[0] - losses[1]) / math.sqrt(2))
    assert (told["low"], told["high"]) == (min(losses), max(losses))
    assert f"{told['mean']:.4g}" in capsys.readouterr().out


def test_seeds_that_have_finished_are_not_done_again(tmp_path: Path) -> None:
    settings = write_settings(tmp_path, **QUICK)
    assert run(settings) == 0  # the first seed is the settings' own: an ordinary run
    (first,) = run_folders(settings)
    before = (first / "run.json").read_bytes()
    assert run(settings, "--seeds", "2") == 0
    assert (first / "run.json").read_bytes() == before
    assert len(run_folders(settings)) == 2
    assert read(run_folders(settings)[1] / "run.json")["overrides"] == ["seed=8"]


def test_a_run_whose_loss_is_infinite_is_told_and_left_out(tmp_path: Path) -> None:
    settings = write_settings(tmp_path, **QUICK | {"optimizer": "ref('core.sgd', lr=1e30)"})
    assert run(settings, "--seeds", "1") == 3
    seeds = read(tmp_path / "runs" / "test" / "seeds.json")
    assert seeds["seeds"] == []
    assert "loss" in seeds["lost"]["7"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["--seeds", "0"], "must be 1 or more, got 0"), (["--seeds", "2", "--debug"], "a rehearsal has no results")],
)
def test_seeds_that_make_no_sense_are_refused(
    arguments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(write_settings(tmp_path), *arguments) == 2
    assert message in capsys.readouterr().err


def test_what_a_run_lacks_does_not_count() -> None:
    found = spreads([{"splits": {"test": {"auc": 0.5}}}, {"splits": {"test": {"auc": None}}}, {}])
    spread = found["test"]["auc"]
    assert (spread.mean, spread.low, spread.high) == (0.5, 0.5, 0.5)
    assert math.isnan(spread.spread)
    assert len(spread.values) == 3


def test_nothing_has_no_spread() -> None:
    assert all(math.isnan(v) for v in (Spread.of([]).mean, Spread.of([]).low, Spread.of([]).high))
