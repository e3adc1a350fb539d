"""What predicting costs, measured in a process of its own: ``python realtime_steps.py WHAT JSON``.

``phases`` goes through a file without threads and tells how much CPU time each part takes; ``latency`` predicts few
images at a time that are in memory; ``network`` is the network alone.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch

from gammalearn_core.data.order import batches
from gammalearn_core.engine.steps import apply
from gammalearn_core.plugin.registry import Registry
from gammalearn_core.predicting.model import Computing
from gammalearn_core.predicting.model import Model
from gammalearn_core.predicting.model import load_model
from gammalearn_core.predicting.outputs import Making
from gammalearn_core.predicting.outputs import Task
from gammalearn_core.predicting.outputs import write
from gammalearn_core.reproducing.recorded import read_run
from gammalearn_core.results.predictions import Predictions

Settings = dict[str, Any]
_WARM = 5


class Parts:
    """CPU seconds of parts of the work."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def of(self, name: str) -> Iterator[None]:
        """Count what takes place here."""
        start = time.process_time()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.process_time() - start


def model_of(settings: Settings) -> Model:
    """The network of a run, as `gammalearn predict` makes it."""
    torch.set_num_threads(1)
    computing = Computing(device="cpu", precision=settings["precision"], fuse=settings.get("fuse", True))
    file = Path(settings["file"])
    return load_model(read_run(Path(settings["run"])), Registry().discover(), [file], computing=computing)


def phases(settings: Settings) -> dict[str, float]:
    """Microseconds of CPU time an event, by part, in one file from beginning to end."""
    model, file = model_of(settings), Path(settings["file"])
    _one(model, file, settings["batch"], limit=_WARM)
    parts = _one(model, file, settings["batch"])
    events = parts.pop("events")
    return {name: seconds / events * 1e6 for name, seconds in parts.items()} | {"events": events}


def _one(model: Model, file: Path, size: int, limit: int | None = None) -> dict[str, float]:
    parts = Parts()
    with parts.of("opening"):
        opened = model.reader.open(file)
    events = opened.events.events
    kept: dict[str, list[Any]] = {}
    done = 0
    try:
        for rows in batches(np.arange(len(events)), size)[:limit]:
            with parts.of("reading"):
                batch = opened.events.read(rows)
            with parts.of("transforms"), torch.no_grad():
                batch = apply(model.built.transforms, batch, model.device, seed=None)
            with parts.of("network"):
                outputs = model.outputs(batch, events)
            for task, values in outputs.items():
                kept.setdefault(task, []).append(values.numpy())
            done += len(rows)
        if limit is None:
            with parts.of("decoding predictions"):
                predictions = _predictions(model, events, kept)
            _write(model, file, predictions, parts)
    finally:
        opened.close()
    return parts.seconds | {"events": done}


def _predictions(model: Model, events: Any, kept: dict[str, list[Any]]) -> Predictions:
    values = {
        name: task.codec.decode(np.concatenate(kept[name]).astype(np.float64), events)
        for name, task in model.built.tasks.items()
    }
    return Predictions(events=events, rows=np.arange(len(events)), values=values)


def _write(model: Model, file: Path, predictions: Predictions, parts: Parts) -> None:
    with tempfile.TemporaryDirectory() as folder, parts.of("writing"):
        task = Task(input=file, output=Path(folder, "out.dl2.h5"))
        making = Making(run=_run(file), model=model, layout=None)
        write(task, predictions, making, {}, started=datetime.now(UTC), overwrite=False)


def _run(file: Path) -> Any:
    return type("Run", (), {"name": f"benchmark {file.name}"})()


def latency(settings: Settings) -> dict[str, list[float]]:
    """Milliseconds of wall and of CPU time from images in memory to predictions, by size of the batch: each repetition.

    Keys are ``wall 1`` or ``cpu 1``.
    """
    model, file = model_of(settings), Path(settings["file"])
    opened = model.reader.open(file)
    events = opened.events.events
    found: dict[str, list[float]] = {}
    for size in settings["sizes"]:
        raw = [opened.events.read(np.arange(start, start + size)) for start in range(0, 32 * size, size)]
        predict = _predicting(model, events)
        for number in range(_WARM + settings["repeats"]):
            batch = raw[number % len(raw)]
            cpu, wall = time.process_time(), time.perf_counter()
            predict(batch)
            passed = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
            if number >= _WARM:
                for kind, seconds in passed.items():
                    found.setdefault(f"{kind} {size}", []).append(1e3 * seconds)
    opened.close()
    return found


def _predicting(model: Model, events: Any) -> Callable[[Any], dict[str, Any]]:
    def predict(batch: Any) -> dict[str, Any]:
        with torch.no_grad():
            made = apply(model.built.transforms, batch, model.device, seed=None)
        outputs = model.outputs(made, events)
        pointing = {n: batch.events[n].numpy() for n in ("pointing_alt", "pointing_az")}
        tasks = model.built.tasks
        return {name: task.codec.decode(outputs[name].double().numpy(), pointing) for name, task in tasks.items()}

    return predict


def network(settings: Settings) -> dict[str, float]:
    """Milliseconds of CPU time an event of the network alone, on random images."""
    model = model_of(settings)
    camera = model.built.inputs.camera
    images = torch.randn(settings["batch"], len(camera.channels), *camera.shape)
    with torch.no_grad():
        for _ in range(_WARM):
            model.network(images)
        start, steps = time.process_time(), 0
        while steps < 3 or time.process_time() - start < settings["seconds"]:
            model.network(images)
            steps += 1
    return {"ms": (time.process_time() - start) / steps / settings["batch"] * 1e3}


METHODS = {"phases": phases, "latency": latency, "network": network}

if __name__ == "__main__":
    print(json.dumps(METHODS[sys.argv[1]](json.loads(sys.argv[2]))))
