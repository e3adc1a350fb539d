"""Several processes make the same run as one: the same batches, losses and metrics, and one folder."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import h5py
import pytest
from runs import read
from runs import record
from runs import run
from runs import run_folders
from runs import write_settings

from gammalearn_core.engine.distributed import joined
from gammalearn_core.engine.folder import RunFolder

NETWORK = """
import os, signal
from pathlib import Path
from torch import nn

MARKER = Path(__file__).with_name("stop")


class Plain(nn.Module):
    '''Nothing that depends on the other images of a batch, and a part that no batch uses.'''

    def __init__(self, *, inputs, outputs):
        super().__init__()
        camera = inputs.camera
        pixels = camera.geometry.n_pixels * len(camera.channels)
        self.body = nn.Sequential(nn.Flatten(), nn.Linear(pixels, 8), nn.ReLU())
        self.heads = nn.ModuleDict({name: nn.Linear(8, task.size) for name, task in outputs.tasks.items()})
        self.unused = nn.Linear(2, 2)

    def forward(self, pixels):
        features = self.body(pixels)
        return {name: head(features) for name, head in self.heads.items()}


def kill_at(experiment, iteration, number):
    def kill(trainer):
        if experiment.world.rank == 1 and trainer.state.iteration == iteration and MARKER.exists():
            MARKER.unlink()
            os.kill(os.getpid(), number)
    return kill
"""
PLAIN = {
    "data": "ref('core.dl1', paths=[DATA + 'gamma_mono*.h5', DATA + 'proton*.h5'], cameras='NectarCam')",
    "transforms": "[ref('core.log_charge'), ref('core.normalise')]",
    "network": "ref(Plain)",
    "balance": "ref('core.fixed_weights', weights={'energy': 2.0})",
    "epochs": "3",
    "batch_size": "23",
}


def run_together(settings: Path, *arguments: str, restarts: int = 0) -> subprocess.CompletedProcess[str]:
    """`gammalearn run` in two processes."""
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command = [*launcher, "--max-restarts", str(restarts), "-m", "gammalearn_core", "run", str(settings)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [*command, "--logdir", str(settings.parent / "runs"), *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        env=environment,
        check=False,
    )


def losses(settings: Path) -> list[float]:
    lines = RunFolder(run_folders(settings)[-1]).history()
    return [line[split]["loss"] for line in lines for split in ("train", "validation")]


def same_results(one: Path, two: Path) -> None:
    """The same losses to 1e-6, the same test metrics, and one run folder."""
    assert len(run_folders(one)) == len(run_folders(two)) == 1
    assert losses(two) == pytest.approx(losses(one), rel=0, abs=1e-6)
    a, b = (read(run_folders(s)[-1] / "metrics.json")["splits"]["test"] for s in (one, two))
    assert a == pytest.approx(b, rel=1e-5, nan_ok=True)


def test_two_processes_learn_what_one_learns(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    # Last batches have one sample, so that the second process has none; small ones lack a class.
    uneven = PLAIN | {"batch_size": "10", "validation": "0.4"}
    one, two = (write_settings(tmp_path / name, NETWORK, **uneven) for name in ("one", "two"))
    assert run(one) == 0
    done = run_together(two)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("done: ") == 1
    assert [record(one)["splits"][split]["samples"] % 10 for split in ("train", "validation")] == [1, 1]
    same_results(one, two)
    predictions = [len(h5py.File(run_folders(s)[0] / "predictions" / "gamma.dl2.h5")) for s in (one, two)]
    assert predictions[0] == predictions[1]


def test_a_killed_process_is_started_again_and_learns_the_same(tmp_path: Path) -> None:
    (tmp_path / "killed").mkdir()
    (tmp_path / "whole").mkdir()
    handlers = f"[on('ITERATION_COMPLETED', ref(kill_at, iteration=5, number={int(signal.SIGKILL)}))]"
    more = PLAIN | {"handlers": handlers, "ema": "0.9", "clip_norm": "1.0", "checkpoint_minutes": "1e-9"}
    killed, whole = (write_settings(tmp_path / name, NETWORK, **more) for name in ("killed", "whole"))
    (tmp_path / "killed" / "stop").touch()
    done = run_together(killed, restarts=1)
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "killed" / "stop").exists()
    assert run_together(whole).returncode == 0
    assert len(record(killed)["earlier"]) == 1
    for name in ("weights_sha256", "best_weights_sha256"):
        assert record(killed)[name] == record(whole)[name]


def test_a_signal_to_one_process_stops_all_and_the_run_goes_on_alone(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    handlers = f"[on('ITERATION_COMPLETED', ref(kill_at, iteration=3, number={int(signal.SIGTERM)}))]"
    one, two = (write_settings(tmp_path / name, NETWORK, **PLAIN, handlers=handlers) for name in ("one", "two"))
    (tmp_path / "two" / "stop").touch()
    done = run_together(two)
    assert "stopped by another process; the same command goes on" in done.stderr
    assert record(two)["status"] == "stopped"
    assert run(two) == 0
    assert run(one) == 0
    same_results(one, two)


def test_settings_that_are_wrong_are_told_once(tmp_path: Path) -> None:
    done = run_together(write_settings(tmp_path, NETWORK, **PLAIN | {"network": "ref('core.cnn2d', dept=3)"}))
    assert done.returncode != 0
    assert done.stderr.count("unknown parameter 'dept'") == 1


def test_srun_joins_processes(tmp_path: Path) -> None:
    """The variables that srun sets, and no Slurm."""
    settings = write_settings(tmp_path, NETWORK, **PLAIN | {"epochs": "1"})
    job = {"SLURM_JOB_ID": "41", "SLURM_NTASKS": "2", "SLURM_STEP_NUM_TASKS": "2", "SLURM_JOB_NUM_NODES": "1"}
    processes = []
    for rank in "01":
        task = job | {"SLURM_PROCID": rank, "SLURM_LOCALID": rank, "SLURM_JOB_NODELIST": "localhost"}
        command = [sys.executable, "-m", "gammalearn_core", "run", str(settings), "--logdir", str(tmp_path / "runs")]
        environment = os.environ | task | {"OMP_NUM_THREADS": "1"}
        processes.append(subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True))
    texts = [process.communicate(timeout=120)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert [text.count("done: ") for text in texts] == [1, 0]
    assert len(run_folders(settings)) == 1


def test_a_batch_script_with_several_tasks_is_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"SLURM_JOB_ID": "41", "SLURM_NTASKS": "4", "SLURM_PROCID": "0"}.items():
        monkeypatch.setenv(name, value)
    with joined() as world:
        assert world.size == 1
