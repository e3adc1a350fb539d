"""Our data path, as training uses it: `DL1Source`, `Order` and `read_ahead`."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import clock
import numpy as np
from numpy.typing import NDArray

from gammalearn_core.builtin.loaders.dl1.source import DL1Source
from gammalearn_core.data.order import Order
from gammalearn_core.engine.ahead import read_ahead

SEED = 1


def order(source: DL1Source, size: int) -> Order:
    """The order that training has: what is read together is grouped by particle."""
    blocks = source.blocks
    kinds = np.asarray(source.events["true_shower_primary_id"])[blocks[:-1]]
    _, groups = np.unique(kinds, return_inverse=True)
    return Order(None, blocks, groups, capacity=source.capacity, size=size, seed=SEED)


def streaming(settings: clock.Settings) -> tuple[Iterator[int], Iterator[int]]:
    """Data that do not fit in memory: the first steps of one epoch fill it, and the next epoch is measured."""
    source = _source(settings)
    steps = order(source, settings["size"])
    if steps.whole:
        raise SystemExit("the data fit in memory: this measures what does not")
    # A window is half of the memory, so this many steps fill it.
    filling = 2 * source.capacity // settings["size"] + 2
    warm = _sizes(source, islice(steps.steps(0), filling), settings)
    return warm, _sizes(source, steps.steps(1), settings)


def memory(settings: clock.Settings) -> tuple[Iterator[int], Iterator[int]]:
    """Data that fit in memory: one epoch reads them, and the next is measured."""
    source = _source(settings)
    steps = order(source, settings["size"])
    if not steps.whole:
        raise SystemExit("the data do not fit in memory: this measures what does")
    return _sizes(source, steps.steps(0), settings), _sizes(source, steps.steps(1), settings)


def _source(settings: clock.Settings) -> DL1Source:
    options = {name: settings[name] for name in ("buffer_mb", "threads")}
    source = DL1Source(settings["files"], level=settings.get("level", "telescope"), **options)
    settings["told"] = {"samples": len(source.events), "images": len(source.events.images)}
    return source


def _sizes(source: DL1Source, steps: Iterator[NDArray[np.int64]], settings: clock.Settings) -> Iterator[int]:
    return (len(batch) for batch in read_ahead(steps, source.read, ahead=settings["ahead"]))


if __name__ == "__main__":
    clock.main({"streaming": streaming, "memory": memory})
