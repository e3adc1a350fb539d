"""What is given to a network of samples of simulation or observation, and what it makes of them, by kind."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from gammalearn_core.baseline.images import ESSENTIAL
from gammalearn_core.baseline.images import OTHERS
from gammalearn_core.data.order import batches
from gammalearn_core.data.source import EventSource
from gammalearn_core.data.table import EventTable
from gammalearn_core.data.truth import PRIMARY
from gammalearn_core.predicting.model import Model
from gammalearn_core.reporting.studies.histograms import particle

Floats = NDArray[np.float64]
Kinds = dict[str, Floats]
"""Values by what they are of: ``observed``, ``gamma``, ``proton``, …"""
PARAMETERS = tuple(n for n in (*ESSENTIAL, *OTHERS) if n not in ("hillas_fov_lon", "hillas_fov_lat", "hillas_psi"))
CHANNELS = ("image", "peak_time")


@frozen(eq=False)
class Seen:
    """What is known of the samples of one side."""

    pixels: dict[str, dict[str, Kinds]]
    """By camera and channel."""
    charge: Kinds
    """Of whole images."""
    parameters: dict[str, Kinds]
    outputs: dict[str, Kinds]
    zenith: Kinds


def see(
    model: Model, source: EventSource, events: EventTable, rows: NDArray[np.int64], *, kind: str | None = None
) -> Seen:
    """Read and predict some samples.

    Parameters
    ----------
    model : Model
    source : EventSource
    events : EventTable
        Of the source.
    rows : array of int, (n,)
    kind : str, optional
        What they are; by default each is its particle.
    """
    names = np.array([particle(p) for p in events[PRIMARY][rows]]) if kind is None else np.full(len(rows), kind)
    pixels: dict[str, dict[str, list[tuple[str, Floats]]]] = {}
    charge: list[tuple[str, Floats]] = []
    outputs: dict[str, list[NDArray[np.float64]]] = {task: [] for task in model.built.tasks}
    start = 0
    for part in batches(rows, model.built.experiment.batch_size):
        batch = source.read(part)
        for camera, group in batch.images.items():
            of = names[start + group.event.numpy()]
            for number, channel in enumerate(group.channels):
                values = group.pixels[:, number].reshape(len(group), -1).double().numpy()
                if channel in CHANNELS:
                    pixels.setdefault(camera, {}).setdefault(channel, []).extend(_apart(of, values))
                if channel == "image":
                    charge.extend(_apart(of, values.sum(axis=1)))
        start += len(part)
        for task, value in model.outputs(model.read(source, part), events).items():
            outputs[task].append(value.double().cpu().numpy())
    seen = events.take(rows)
    return Seen(
        pixels={c: {n: joined(v) for n, v in channels.items()} for c, channels in pixels.items()},
        charge=joined(charge),
        parameters=_parameters(seen, names),
        outputs=_outputs(model, outputs, seen, names),
        zenith=_by_kind(names, 90.0 - np.asarray(seen["pointing_alt"])) if "pointing_alt" in seen else {},
    )


def _apart(kinds: NDArray[np.str_], values: Floats) -> Iterator[tuple[str, Floats]]:
    return ((str(kind), values[kinds == kind].reshape(-1)) for kind in np.unique(kinds))


def _by_kind(kinds: NDArray[np.str_], values: Floats) -> Kinds:
    return joined(_apart(kinds, np.asarray(values, dtype=np.float64)))


def joined(parts: Iterable[tuple[str, Floats]]) -> Kinds:
    """Finite values of each kind."""
    found: dict[str, list[Floats]] = {}
    for kind, values in parts:
        found.setdefault(kind, []).append(values[np.isfinite(values)])
    return {kind: np.concatenate(values) for kind, values in found.items()}


def _parameters(events: EventTable, names: NDArray[np.str_]) -> dict[str, Kinds]:
    """DL1 parameters of the images that have them."""
    of_images = np.repeat(names, events.multiplicity)
    images = events.images
    return {n: _by_kind(of_images, images[n]) for n in PARAMETERS if n in images}


def _outputs(
    model: Model, outputs: Mapping[str, list[NDArray[np.float64]]], events: EventTable, names: NDArray[np.str_]
) -> dict[str, Kinds]:
    found: dict[str, Kinds] = {}
    for task, parts in outputs.items():
        decoded = model.built.tasks[task].codec.decode(np.concatenate(parts), events)
        for quantity in ("prediction", "energy"):
            if quantity in decoded:
                found.setdefault(quantity, _by_kind(names, decoded[quantity]))
    return found


__all__ = ["CHANNELS", "PARAMETERS", "Kinds", "Seen", "joined", "see"]
