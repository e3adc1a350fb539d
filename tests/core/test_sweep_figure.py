from __future__ import annotations

import re
from pathlib import Path

import pytest

pytest.importorskip("optuna")

import sweeps

from gammalearn_core.sweep import making
from gammalearn_core.sweep.figure import importances
from gammalearn_core.sweep.record import describe
from gammalearn_core.sweep.study import Study


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Study:
    monkeypatch.setattr(making, "POLL", 0.01)
    folder = tmp_path / "study"
    # Whether a run this fast is pruned depends on when it is looked at.
    assert sweeps.work(folder, 10, prune=False) == 0
    experiment = sweeps.experiment()
    record = describe(experiment, metric="loss", direction="min")
    return Study(folder, search=experiment.search, record=record, epochs=sweeps.EPOCHS, seed=0, prune=True)


def test_the_picture_names_settings_and_tells_which_matters(study: Study) -> None:
    text = (study.path / "sweep.svg").read_text()
    labels = {label.strip() for label in re.findall(r">([^<>]+)</text>", text)}
    assert {"optimizer.lr", "network.channels", "[16, 32]", "best so far", "validation loss"} <= labels
    weights = importances(study)
    # The loss of these runs is a function of the learning rate alone.
    assert weights["optimizer.lr"] > 0.7
    assert {f"importance {weight:.0%}" for weight in weights.values()} <= labels
    assert (study.path / "sweep.png").read_bytes().startswith(b"\x89PNG")
