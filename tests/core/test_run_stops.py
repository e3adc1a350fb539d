from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from runs import read
from runs import record
from runs import run
from runs import run_apart
from runs import run_folders
from runs import write_settings

STOPPER = """
import os, signal
from pathlib import Path

MARKER = Path(__file__).with_name("stop")


def stop_at(experiment, iteration, number):
    def stop(trainer):
        if trainer.state.iteration == iteration and MARKER.exists():
            MARKER.unlink()
            os.kill(os.getpid(), number)
    return stop
"""


def stopping(folder: Path, iteration: int, number: int) -> Path:
    """Settings of a run that gets a signal at a step, if the file ``stop`` is there."""
    handler = f"[on('ITERATION_COMPLETED', ref(stop_at, iteration={iteration}, number={int(number)}))]"
    return write_settings(folder, STOPPER, handlers=handler, epochs="3")


@pytest.mark.parametrize(
    ("number", "iteration"), [(signal.SIGINT, 2), (signal.SIGTERM, 3), (signal.SIGUSR1, 4), (signal.SIGTERM, 6)]
)
def test_a_stopped_run_goes_on_to_the_same_weights(tmp_path: Path, number: int, iteration: int) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    stopped, whole = (stopping(tmp_path / name, iteration, number) for name in "ab")
    (tmp_path / "a" / "stop").touch()
    assert run(stopped) == 75
    assert record(stopped)["status"] == "stopped"
    at_the_end_of_the_first_epoch = iteration == 3
    assert (run_folders(stopped)[0] / "checkpoints" / "last.pt").is_file() or at_the_end_of_the_first_epoch
    assert run(stopped) == 0
    assert run(whole) == 0
    assert len(run_folders(stopped)) == 1
    assert record(stopped)["status"] == "finished"
    assert record(stopped)["weights_sha256"] == record(whole)["weights_sha256"]
    lines = [(run_folders(s)[0] / "metrics.jsonl").read_text().count("\n") for s in (stopped, whole)]
    assert lines == [3, 3]


def test_a_killed_run_goes_on_from_its_last_epoch_to_the_same_weights(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    killed, whole = (stopping(tmp_path / name, 5, signal.SIGKILL) for name in "ab")
    (tmp_path / "a" / "stop").touch()
    assert run_apart(killed).returncode == -signal.SIGKILL
    assert record(killed)["status"] == "running"
    assert run(killed) == 0
    assert run(whole) == 0
    assert record(killed)["weights_sha256"] == record(whole)["weights_sha256"]
    assert record(killed)["earlier"][0]["status"] == "running"


def test_ctrl_c_ends_cleanly_with_one_message(tmp_path: Path) -> None:
    settings = stopping(tmp_path, 3, signal.SIGINT)
    (tmp_path / "stop").touch()
    done = run_apart(settings)
    assert done.returncode == 75
    assert "stopped by SIGINT; the same command goes on" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_second_ctrl_c_ends_at_once(tmp_path: Path) -> None:
    head = """
import os, signal, time

def hang(experiment):
    def wait(trainer):
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.1)
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(60)
    return wait
"""
    settings = write_settings(tmp_path, head, handlers="[on('ITERATION_COMPLETED', ref(hang))]")
    start = time.monotonic()
    done = run_apart(settings)
    assert done.returncode == 75
    assert time.monotonic() - start < 50
    assert record(settings)["status"] == "stopped"
    assert "Traceback" not in done.stderr


def test_ctrl_c_of_a_terminal_reaches_the_run(tmp_path: Path) -> None:
    settings = write_settings(tmp_path, epochs="100000")
    command = [sys.executable, "-m", "gammalearn_core", "run", str(settings), "--logdir", str(tmp_path / "runs")]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and not list(tmp_path.glob("runs/test/*/checkpoints/last.pt")):
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, text = process.communicate(timeout=60)
    assert process.returncode == 75
    assert "stopped by SIGINT" in text


def test_a_run_that_another_process_makes_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = stopping(tmp_path, 2, signal.SIGINT)
    (tmp_path / "stop").touch()
    assert run(settings) == 75
    with (run_folders(settings)[0] / ".lock").open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        assert run(settings) == 2
    assert "another process is making this run" in capsys.readouterr().err


@pytest.mark.parametrize("damage", ["truncated", "a flipped bit", "a stranger's pickle"])
def test_a_damaged_newest_checkpoint_costs_nothing_but_time(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], damage: str
) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    stopped, whole = (stopping(tmp_path / name, 5, signal.SIGINT) for name in "ab")
    (tmp_path / "a" / "stop").touch()
    assert run(stopped) == 75
    last = run_folders(stopped)[0] / "checkpoints" / "last.pt"
    if damage == "truncated":
        os.truncate(last, 1000)
    elif damage == "a flipped bit":
        content = bytearray(last.read_bytes())
        content[len(content) // 2] ^= 1
        last.write_bytes(content)
    else:
        torch.save({"part:network": Stranger(tmp_path / "executed")}, last)
    assert run(stopped) == 0
    assert "checkpoint last.pt is damaged and left aside" in capsys.readouterr().err
    assert not (tmp_path / "executed").exists()
    assert run(whole) == 0
    assert record(stopped)["weights_sha256"] == record(whole)["weights_sha256"]


class Stranger:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (self.path,))


def test_changed_data_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import shutil

    from runs import EXAMPLES

    data = tmp_path / "data"
    data.mkdir()
    shutil.copy(EXAMPLES / "gamma_mono_trigger.dl1.h5", data)
    handler = f"[on('ITERATION_COMPLETED', ref(stop_at, iteration=2, number={int(signal.SIGINT)}))]"
    settings = write_settings(
        tmp_path,
        STOPPER,
        data="ref('core.dl1', paths='data/*.h5', cameras='NectarCam')",
        losses="{'energy': ref('core.l1')}",
        handlers=handler,
    )
    (tmp_path / "stop").touch()
    assert run(settings) == 75
    shutil.copy(EXAMPLES / "gamma_diffuse_prod6_run10.dl1.h5", data)
    assert run(settings) == 4
    error = capsys.readouterr().err
    assert "the data have changed since" in error
    assert "data/gamma_diffuse_prod6_run10.dl1.h5 is new" in error
    assert read(run_folders(settings)[0] / "run.json")["status"] == "stopped"
