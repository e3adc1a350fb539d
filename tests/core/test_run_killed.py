"""``kill -9`` at random moments, also during a save: the same command gives the same weights in the end.

CI kills a run a few times; ``GAMMALEARN_KILLS=20`` does it more often, ``GAMMALEARN_KILLS_SEED`` at other moments.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from runs import read
from runs import record
from runs import run
from runs import run_folders
from runs import write_settings
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

KILLS = os.environ.get("GAMMALEARN_KILLS", "3")
SEED = os.environ.get("GAMMALEARN_KILLS_SEED", "1")

HEAD = """
import time


def slowly(experiment, seconds):
    return lambda trainer: time.sleep(seconds)
"""
HANDLERS = (
    "[ref('core.tensorboard', every=3), ref('core.early_stopping', patience=1000), "
    "on('ITERATION_COMPLETED', ref(slowly, seconds={seconds}))]"
)
SETTINGS = {
    "transforms": "[ref('core.log_charge'), ref('core.normalise'), ref('core.pixel_dropout', probability=0.1), "
    "ref('core.to_square', method='rebinning', size=16, conserve=[])]",
    "schedule": "ref('core.one_cycle')",
    "ema": "0.9",
    "clip_norm": "1.0",
    "checkpoint_minutes": "1e-9",
    "handlers": HANDLERS.format(seconds=0.02),
    "batch_size": "8",
    "epochs": str(6 * int(KILLS)),
    "reports": "[]",
}


def test_a_run_that_is_killed_again_and_again_ends_with_the_same_weights(tmp_path: Path) -> None:
    for name in ("killed", "whole"):
        (tmp_path / name).mkdir()
    killed = write_settings(tmp_path / "killed", HEAD, **SETTINGS)
    whole = write_settings(tmp_path / "whole", HEAD, **SETTINGS | {"handlers": HANDLERS.format(seconds=0.0)})
    script = Path(__file__).with_name("killing.py")
    command = [sys.executable, script, killed, tmp_path / "killed" / "runs", KILLS, SEED]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60 + 20 * int(KILLS), check=False)
    log = (tmp_path / "killed" / "runs" / "log").read_text()
    assert done.returncode == 0, done.stdout + done.stderr + log
    assert f"killed {KILLS} times" in done.stdout
    assert "Traceback" not in log
    assert run(whole) == 0
    assert len(run_folders(killed)) == 1
    for name in ("weights_sha256", "best_weights_sha256", "best_epoch"):
        assert record(killed)[name] == record(whole)[name]
    a, b = (read(run_folders(s)[0] / "metrics.json") for s in (killed, whole))
    assert a == b
    assert not list(run_folders(killed)[0].glob("**/.*.part"))
    shown = [point.step for point in events(run_folders(killed)[0]).Scalars("train_step/loss")]
    assert shown == [point.step for point in events(run_folders(whole)[0]).Scalars("train_step/loss")]


def events(folder: Path) -> EventAccumulator:
    """What TensorBoard shows of a run."""
    return EventAccumulator(str(folder / "tensorboard"), size_guidance={"scalars": 0}).Reload()
