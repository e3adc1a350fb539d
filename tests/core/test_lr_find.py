from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from runs import read
from runs import write_settings

from gammalearn_core.cli import main
from gammalearn_core.engine.lr_curve import Curve

STEPS = 40
SQUARED = {"losses": "{'energy': ref('core.mse')}"}
FAST = {
    "losses": "{'energy': ref('core.l1')}",
    "batch_size": "32",
    "data": "ref('core.dl1', paths=[DATA + 'gamma_mono*.h5'], cameras='NectarCam')",
}


def find(settings: Path, *arguments: str, steps: int = STEPS) -> int:
    output = ["--output", str(settings.parent / "out")]
    return main(["lr-find", str(settings), *output, "--steps", str(steps), *arguments])


def curve(settings: Path) -> Any:
    return read(settings.parent / "out" / "settings.lr_find.json")


def losses(start: float, *, seed: int = 0, scatter: float = 0.0, fall: float = 1.0) -> NDArray[np.float64]:
    """Losses that fall around a rate of 1e-3, and rise beyond 0.1."""
    rates = np.geomspace(1e-7, 1, 100)
    noise = np.random.default_rng(seed).normal(scale=scatter, size=100)
    return start - fall / (1 + 1e-3 / rates) + 30 * np.maximum(0, rates - 0.1) + noise


def test_it_tells_where_the_loss_falls_and_leaves_no_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = write_settings(tmp_path, **FAST)
    assert find(settings) == 0
    told, found = capsys.readouterr().out, curve(settings)
    assert f"learning rate {found['found']['learning_rate']:.2g}, by the steepest descent" in told
    lowest, highest = found["found"]["falls"]
    assert 1e-7 < lowest <= found["found"]["learning_rate"] <= highest < 1
    assert f"--set optimizer.lr={found['found']['learning_rate']:.2g}" in told
    assert len(found["loss"]) == len(found["smoothed"]) == STEPS
    assert found["learning_rate"] == pytest.approx(np.geomspace(1e-7, 1, STEPS).tolist())
    assert sorted(p.name for p in tmp_path.rglob("*") if p.suffix != ".pyc" and p.is_file()) == [
        "settings.lr_find.json",
        "settings.lr_find.png",
        "settings.py",
    ]


def test_it_finds_the_same_again_and_the_schedule_takes_no_part(tmp_path: Path) -> None:
    settings = write_settings(tmp_path, **FAST)
    assert find(settings) == 0
    first = curve(settings)
    assert find(settings, "--set", "schedule=core.one_cycle", "--set", "handlers=[]") == 0
    assert curve(settings) == first
    assert find(settings, "--set", "seed=2") == 0
    assert curve(settings)["loss"] != first["loss"]


def test_a_loss_that_does_not_fall_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = write_settings(tmp_path, **FAST)
    assert find(settings, "--start", "1e-12", "--end", "1e-9") == 1
    assert "the loss does not fall beyond its scatter between 1e-12 and 1e-09" in capsys.readouterr().out
    found = curve(settings)
    assert found["found"] is None
    # Each loss is compared with that of the first weights on the same batch, so that batches do not scatter.
    assert np.ptp(found["loss"]) < 1e-6


def test_a_loss_that_is_not_finite_ends_the_test(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = write_settings(tmp_path, "import torch", optimizer="ref(torch.optim.SGD, lr=1.0)", **FAST | SQUARED)
    assert find(settings, "--start", "1e-6", "--end", "1e6", steps=60) == 0
    assert "; the loss is not finite after step" in capsys.readouterr().out
    assert 20 <= len(curve(settings)["loss"]) < 60
    assert find(settings, "--start", "1e10", "--end", "1e30") == 1
    assert "no learning rate is suggested: the loss is not finite after step" in capsys.readouterr().out


NAN = """
class Nan:
    def __init__(self, *, task):
        pass

    def __call__(self, prediction, truth):
        return (prediction - truth).abs().mean(dim=1) * float("nan")
"""


def test_a_loss_that_is_not_finite_at_once_is_no_matter_of_the_rate(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = write_settings(tmp_path, NAN, losses="{'energy': ref(Nan)}")
    assert find(settings) == 3
    assert "not finite before any weight is changed" in capsys.readouterr().err


STOPPING = """
import os, signal


class Stopping:
    def __init__(self, *, task):
        pass

    def __call__(self, prediction, truth):
        os.kill(os.getpid(), signal.SIGTERM)
        return (prediction - truth).abs().mean(dim=1)
"""


def test_a_signal_stops_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = write_settings(tmp_path, STOPPING, losses="{'energy': ref(Stopping)}")
    assert find(settings) == 75
    assert "stopped by SIGTERM; the same command begins the test again" in capsys.readouterr().err


GROUPS = """
import torch


def two_groups(parameters):
    first, *rest = parameters
    return torch.optim.Adam([{"params": [first], "lr": 0.2}, {"params": rest, "lr": 0.02}])
"""


def test_groups_of_parameters_keep_the_ratios_of_their_rates(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = write_settings(tmp_path, GROUPS, optimizer="ref(two_groups)", **FAST)
    assert find(settings) == 0
    told, rate = capsys.readouterr().out, curve(settings)["found"]["learning_rate"]
    assert f"by group of parameters: {rate:.2g}, {rate / 10:.2g}" in told
    assert "optimizer.lr" not in told


def test_other_files_are_not_replaced(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = write_settings(tmp_path, **FAST)
    (tmp_path / "out").mkdir()
    mine = tmp_path / "out" / "settings.lr_find.json"
    mine.write_text("{}")
    assert find(settings) == 2
    assert "settings.lr_find.json is not of this command, and is not replaced" in capsys.readouterr().err
    assert mine.read_text() == "{}"


def test_an_output_that_cannot_be_written_is_told_before_anything_is_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = write_settings(tmp_path)
    (tmp_path / "out").write_text("a file")
    assert find(settings) == 2
    assert "--output: nothing can be written in" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "texts"),
    [
        (("--start", "1", "--end", "0.1", "--steps", "3"), ("from 1 to 0.1", "--steps: 3 tell nothing", "2 problems")),
        (("--start", "-1"), ("the rate cannot grow from -1 to 1",)),
        (("--end", "inf"), ("the rate cannot grow from 1e-07 to inf",)),
        (("--set", "epoch=3"), ("did you mean 'epochs'?",)),
    ],
)
def test_wrong_arguments_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], texts: tuple[str, ...]
) -> None:
    assert main(["lr-find", str(write_settings(tmp_path)), *arguments]) == 2
    error = capsys.readouterr().err
    assert all(text in error for text in texts)


def test_wrong_settings_are_told_as_run_tells_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = write_settings(tmp_path, schedule="ref('core.one_cicle')", network="ref('core.cnn2d', channels=[])")
    assert find(settings) == 2
    error = capsys.readouterr().err
    assert f"{settings}: 1 problem" in error
    assert "did you mean 'core.one_cycle'" in error


@pytest.mark.parametrize("start", [5.0, 0.0, -40.0])
def test_the_level_of_the_loss_does_not_matter(start: float) -> None:
    fall = Curve(before=start, rates=np.geomspace(1e-7, 1, 100), losses=losses(start)).fall
    assert fall is not None
    assert 4e-4 < fall.rate < 2.5e-3
    assert fall.lowest < 3e-4
    assert 1e-2 < fall.highest < 0.2


def test_scatter_is_not_taken_for_a_fall() -> None:
    rates = np.geomspace(1e-7, 1, 100)
    falls = [Curve(before=1, rates=rates, losses=losses(1, seed=s, scatter=0.3, fall=0.0)).fall for s in range(300)]
    assert sum(fall is not None for fall in falls) <= 3


def test_a_fall_is_found_in_scatter() -> None:
    rates = np.geomspace(1e-7, 1, 100)
    falls = [Curve(before=1, rates=rates, losses=losses(1, seed=s, scatter=0.3)).fall for s in range(100)]
    found = [fall.rate for fall in falls if fall is not None]
    assert len(found) >= 95
    assert 2e-4 < np.median(found) < 5e-3


def test_a_loss_that_diverges_does_not_move_the_range() -> None:
    rates = np.geomspace(1e-7, 1, 100)
    calm, wild = losses(1), losses(1)
    wild[95:] = 1e12
    one, other = Curve(before=1, rates=rates, losses=calm).fall, Curve(before=1, rates=rates, losses=wild).fall
    assert one is not None
    assert other is not None
    assert other.rate == one.rate


def test_a_loss_that_is_least_at_the_end_is_noticed() -> None:
    rates = np.geomspace(1e-7, 1e-3, 60)
    assert Curve(before=1, rates=rates, losses=1 - np.log(1 + rates / 1e-5)).still_falling
    assert not Curve(before=1, rates=np.geomspace(1e-7, 1, 100), losses=losses(1)).still_falling
