"""What ``stereo.attention`` costs for events of one telescope, two, and so on, with an encoder of ``hexconv``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from hexconv_timing import Call
from hexconv_timing import Costs
from hexconv_timing import in_turns
from torch import nn

from gammalearn_core import Experiment
from gammalearn_core import ref
from gammalearn_core.data.batch import Batch
from gammalearn_core.engine.build import build
from gammalearn_core.engine.steps import apply
from gammalearn_core.plugin import Registry
from gammalearn_core.plugin.switches import Switches

NEEDED = ("gammalearn_stereo", "gammalearn_hexconv")
EVENTS = 16
"""Of a batch."""


def missing() -> str:
    """A module that is not installed; empty if all are."""
    return next((name for name in NEEDED if find_spec(name) is None), "")


def measured(path: str, multiplicities: list[int], *, rounds: int, seconds: float) -> dict[str, Costs]:
    """CPU time of batches of events with so many images each: ``forward N``, ``step N``, and ``encoder N`` alone."""
    torch.set_num_threads(1)
    built = build(_experiment(path), Registry(Switches()).discover(), Path(path).parent, [])
    try:
        images = EVENTS * max(multiplicities)
        raw = built.source.read(np.arange(min(len(built.source.events), images)))
        batch = apply(built.transforms, raw, torch.device("cpu"), seed=None)
    finally:
        built.source.close()
    if batch.n_images < images:
        raise SystemExit(f"{path} has {batch.n_images} images, and {images} are needed")
    makers: dict[str, Callable[[], Call]] = {}
    for count in multiplicities:
        some = _events(batch, count)
        makers[f"forward {count}"] = partial(_forward, built.network, some)
        makers[f"step {count}"] = partial(_step, built.network, some)
        makers[f"encoder {count}"] = partial(_encoder, built.network, some)
    return in_turns(makers, rounds=rounds, seconds=seconds)


def _experiment(path: str) -> Experiment:
    return Experiment(
        name="benchmark",
        data=ref("core.dl1", paths=[path], level="subarray"),
        transforms=[ref("stereo.moments"), ref("core.log_charge")],
        network=ref("stereo.attention", encoder=ref("hexconv.resnet")),
        losses={"energy": ref("core.l1"), "direction": ref("core.l1"), "impact": ref("core.l1")},
    )


def _events(batch: Batch, count: int) -> Batch:
    """So many images an event: real ones, of any event, for what they show changes no cost."""
    key, images = next(iter(batch.images.items()))
    some = images.take(torch.arange(EVENTS * count))
    places = 400 * torch.rand(count, 3, generator=torch.Generator().manual_seed(1)) - 200
    some = replace(
        some,
        event=torch.arange(EVENTS).repeat_interleave(count),
        telescope=torch.arange(count).repeat(EVENTS),
        position=places.repeat(EVENTS, 1),
    )
    return Batch({key: some}, {name: column[:EVENTS] for name, column in batch.events.items()})


def _forward(network: nn.Module, batch: Batch) -> Call:
    network.eval()

    def call() -> object:
        with torch.no_grad():
            return network(batch)

    return call


def _step(network: nn.Module, batch: Batch) -> Call:
    network.train()

    def call() -> object:
        network.zero_grad()
        outputs: dict[str, Any] = network(batch)
        loss = torch.stack([values.square().sum() for values in outputs.values()]).sum()
        return torch.autograd.backward(loss)

    return call


def _encoder(network: Any, batch: Batch) -> Call:
    network.eval()
    ((key, images),) = batch.images.items()
    encoder = network.encoders[key]

    def call() -> object:
        with torch.no_grad():
            return encoder(images.pixels)

    return call


__all__ = ["EVENTS", "measured", "missing"]
