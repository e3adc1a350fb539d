"""Steps of the engine against a bare loop of PyTorch, and checkpoints against ``torch.save``, in one process.

Both train the same network with the same batches, which are in memory, and take turns, round by round.
"""

from __future__ import annotations

import io
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from itertools import cycle
from itertools import islice
from pathlib import Path
from typing import Any

import clock
import torch
from ignite.engine import Engine
from ignite.engine import Events
from rich.console import Console
from torch import nn

from gammalearn_core import Experiment
from gammalearn_core import ref
from gammalearn_core.engine import checkpoint
from gammalearn_core.engine.build import build
from gammalearn_core.engine.distributed import World
from gammalearn_core.engine.folder import RunFolder
from gammalearn_core.engine.loop import Loop
from gammalearn_core.engine.prepare import fit_transforms
from gammalearn_core.engine.prepare import prepare
from gammalearn_core.engine.progress import TrainingProgress
from gammalearn_core.engine.running import RunningExperiment
from gammalearn_core.engine.signals import StopRequest
from gammalearn_core.engine.state import Progress
from gammalearn_core.engine.state import state_of
from gammalearn_core.engine.steps import training_batches
from gammalearn_core.plugin import Registry
from gammalearn_core.plugin.switches import Switches

DATA = Path(__file__).parents[1] / "examples" / "data"
Steps = Callable[[int], float]
"""Makes so many steps and gives the CPU time of one, seconds."""


NETWORKS = {"large": [16, 32, 32], "small": [2]}
"""Channels of a network whose step takes about 30 ms, and of one whose step is over at once."""


def experiment(channels: list[int], handlers: list[Any]) -> Experiment:
    """What is trained: three tasks on images of 28 by 28."""
    return Experiment(
        name="benchmark",
        data=ref("core.dl1", paths=[str(DATA / "gamma_mono*.h5"), str(DATA / "proton*.h5")], cameras="NectarCam"),
        transforms=[ref("core.log_charge"), ref("core.normalise"), ref("core.to_square", method="rebinning", size=28)],
        network=ref("core.cnn2d", channels=channels, hidden=64),
        losses={"particle": ref("core.cross_entropy"), "energy": ref("core.l1"), "direction": ref("core.mse")},
        optimizer=ref("core.adamw", lr=1e-4),
        schedule=ref("core.one_cycle"),
        handlers=handlers,
        validation=0,
        test=0,
        epochs=100_000,
        batch_size=64,
        threads=1,
    )


@contextmanager
def made(folder: Path, network: str, handlers: list[Any]) -> Iterator[RunningExperiment]:
    """The experiment, ready to be trained."""
    settings = experiment(NETWORKS[network], handlers)
    built = build(settings, Registry(Switches.read(no_plugins="")).discover(), folder, [])
    folder.mkdir()
    running = prepare(built, RunFolder(folder), StopRequest(), World())
    try:
        fit_transforms(running)
        yield running
    finally:
        running.close()


def bare(running: RunningExperiment, batches: list[Any]) -> Steps:
    """The least that a loop has to do: as one would write it for this experiment."""
    network, losses = deepcopy(running.network), running.built.losses
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=1e-4, total_steps=10_000_000)
    transforms = [function for _, function in running.built.transforms]
    generator = torch.Generator()
    network.train()

    def steps(count: int) -> float:
        start = clock.cpu()
        for batch in islice(cycle(batches), count):
            optimizer.zero_grad(set_to_none=True)
            for transform in transforms:
                batch = transform(batch, generator)
            outputs = network(batch.mono.pixels)
            total = torch.zeros(())
            for task, loss in losses.items():
                has = batch.weight[task] > 0
                total = total + loss(outputs[task][has], batch.truth[task][has]).mean()
            total.backward()
            optimizer.step()
            schedule.step()
            total.item()
        return (clock.cpu() - start) / count

    return steps


def engine(running: RunningExperiment, batches: list[Any], *, bar: bool) -> Steps:
    """Our loop on the same batches, from the end of its first step on, so that what an epoch costs is left out."""
    silent = Console(file=io.StringIO(), force_terminal=bar, width=120)
    loop = Loop(running, TrainingProgress(silent, running.settings.epochs, running.device))
    trainer, times = running.trainer, list[float]()
    trainer.add_event_handler(Events.ITERATION_COMPLETED, lambda _: times.append(clock.cpu()))

    def steps(count: int) -> float:
        times.clear()
        # Ended in the middle of an epoch, which has no end: no validation and no checkpoint.
        ending = trainer.add_event_handler(Events.ITERATION_COMPLETED, _end_after, times, count + 1)
        trainer.run(cycle(batches), max_epochs=1, epoch_length=10_000_000)
        ending.remove()
        trainer.state.iteration, trainer.state.epoch, trainer.state.max_epochs = 0, 0, None
        loop.shown.close()
        return (times[-1] - times[0]) / count

    return steps


def _end_after(trainer: Engine, times: list[float], count: int) -> None:
    if len(times) == count:
        trainer.terminate(skip_completed=True)


def steps(network: str, rounds: int, count: int) -> dict[str, list[float]]:
    """CPU seconds of a step, round by round; each round begins with another."""
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.set_num_threads(1)
    with (
        tempfile.TemporaryDirectory() as folder,
        made(Path(folder, "a"), network, []) as plain,
        made(Path(folder, "b"), network, [ref("core.tensorboard")]) as watched,
    ):
        plain.trainer = Engine(lambda *_: None)
        batches = [b for b in training_batches(plain) if len(b) == plain.settings.batch_size]
        kinds = {
            "bare": bare(plain, batches),
            "engine": engine(plain, batches, bar=False),
            "engine, bar, TensorBoard": engine(watched, batches, bar=True),
        }
        return _in_turns(kinds, rounds, count)


def _in_turns(kinds: dict[str, Steps], rounds: int, count: int) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {name: [] for name in kinds}
    names = list(kinds)
    for name in names:
        kinds[name](3)
    for number in range(rounds):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            found[name].append(kinds[name](count))
    return found


def checkpoints(rounds: int, width: int) -> dict[str, list[float]]:
    """Wall seconds in which a network with AdamW's state is saved, ours and with `torch.save` alone."""
    with tempfile.TemporaryDirectory() as folder, made(Path(folder, "a"), "small", []) as running:
        Loop(running, TrainingProgress(Console(quiet=True), 1, running.device))
        running.network = nn.Sequential(*(nn.Linear(width, width, bias=False) for _ in range(10)))
        running.optimizer = torch.optim.AdamW(running.network.parameters())
        running.schedule = None
        running.network(torch.ones(1, width)).sum().backward()
        running.optimizer.step()
        state = state_of(running, Progress(), 1)
        ours, plain, flushed = (Path(folder, name) for name in ("last.pt", "plain.pt", "flushed.pt"))
        kinds: dict[str, Steps] = {
            "ours": lambda _: _wall(lambda: checkpoint.save(ours, state_of(running, Progress(), 1))),
            "torch.save": lambda _: _wall(lambda: torch.save(state, plain)),
            "torch.save, flushed": lambda _: _wall(lambda: _save_flushed(state, flushed)),
        }
        found = _in_turns(kinds, rounds, 1)
        return found | {"bytes": [float(ours.stat().st_size)]}


def _save_flushed(state: dict[str, Any], path: Path) -> None:
    with path.open("wb") as stream:
        torch.save(state, stream)
        stream.flush()
        os.fsync(stream.fileno())


def _wall(action: Callable[[], object]) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


if __name__ == "__main__":
    what, settings = sys.argv[1], json.loads(sys.argv[2])
    print(json.dumps({"steps": steps, "checkpoints": checkpoints}[what](**settings)))
