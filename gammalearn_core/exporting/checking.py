"""Whether a file gives what the run's network gives, on real events."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from typing import Protocol

import numpy as np
import torch
from attrs import frozen
from numpy.typing import NDArray

from gammalearn_core.data.batch import Batch
from gammalearn_core.data.table import EventTable
from gammalearn_core.engine.steps import apply
from gammalearn_core.errors import RunFailedError
from gammalearn_core.exporting.events import Sample
from gammalearn_core.exporting.graph import UNCERTAINTY
from gammalearn_core.exporting.tracing import Traced
from gammalearn_core.predicting.model import Model

ABSOLUTE, RELATIVE = 1e-4, 1e-4
"""A number may differ by ``ABSOLUTE + RELATIVE * |number|``, in the unit of the output."""


class Computes(Protocol):
    """A format that can be computed."""

    def compute(self, path: Path, tensors: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[np.float32]]:
        """Outputs of a file."""


@frozen(kw_only=True)
class Checked:
    """How near a file is to the network."""

    events: int
    differences: Mapping[str, float]
    """By task (and its uncertainty), the largest difference of a number."""
    allowed: Mapping[str, float]
    """By task, the largest share of what is allowed that a difference takes; the file is good up to 1."""

    def require(self, label: str) -> None:
        """Raise if a difference is too large."""
        wrong = {task: value for task, value in self.differences.items() if not self.allowed[task] <= 1}
        if wrong:
            told = ", ".join(f"{task} by up to {value:.2g}" for task, value in wrong.items())
            raise RunFailedError(
                f"the {label} export does not give what the network gives, so it is not kept: on {self.events} events,"
                f" {told}; at most {ABSOLUTE:g} and {RELATIVE:g} of the number are allowed"
            )


def references(model: Model, samples: Sequence[Sample]) -> list[dict[str, NDArray[np.float32]]]:
    """What the network gives for each batch, by task, uncertainties too."""
    return [_reference(model, sample.batch) for sample in samples]


def _reference(model: Model, batch: Batch) -> dict[str, NDArray[np.float32]]:
    with torch.no_grad():
        transformed = apply(model.built.transforms, batch, model.device, seed=None)
    outputs, spreads = model.predicted(transformed, EventTable({}, 0))
    found = outputs | {f"{name}.{UNCERTAINTY}": value for name, value in spreads.items()}
    return {name: value.float().numpy() for name, value in found.items()}


def apart(
    expected: Sequence[Mapping[str, NDArray[np.float32]]], others: Sequence[Mapping[str, NDArray[np.float32]]]
) -> dict[str, float]:
    """By task, the largest difference between what two networks give."""
    pairs = list(zip(expected, others, strict=True))
    return {task: max(difference(b[task], a[task])[0] for a, b in pairs) for task in expected[0]}


def compare(
    computing: Computes,
    path: Path,
    traced: Traced,
    model: Model,
    samples: Sequence[Sample],
    expected: Sequence[Mapping[str, NDArray[np.float32]]],
) -> Checked:
    """Differences of a file from the network: all events of each sample at once, and one alone."""
    differences = {name: [0.0] for name in traced.outputs.values()}
    allowed = {name: [0.0] for name in traced.outputs.values()}
    for sample, numbers in zip(samples, expected, strict=True):
        alone = sample.batch.take(torch.tensor([0]))
        for batch, wanted in ((sample.batch, numbers), (alone, {n: v[:1] for n, v in numbers.items()})):
            tensors = {name: value.numpy() for name, value in traced.inputs(model, batch).items()}
            found = computing.compute(path, tensors)
            for output, name in traced.outputs.items():
                largest, share = difference(found[output], wanted[name])
                differences[name].append(largest)
                allowed[name].append(share)
    return Checked(
        events=sum(len(sample.batch) for sample in samples),
        differences={task: max(values) for task, values in differences.items()},
        allowed={task: max(values) for task, values in allowed.items()},
    )


def difference(found: NDArray[np.float32], wanted: NDArray[np.float32]) -> tuple[float, float]:
    """The largest difference, and the largest share of what is allowed; infinite if one is finite and the other not."""
    if found.shape != wanted.shape:
        return np.inf, np.inf
    same = (found == wanted) | (np.isnan(found) & np.isnan(wanted))
    with np.errstate(invalid="ignore"):
        sizes = np.where(same, 0.0, np.abs(found.astype(np.float64) - wanted))
    sizes = np.where(np.isfinite(sizes), sizes, np.inf)
    share = sizes / (ABSOLUTE + RELATIVE * np.where(np.isfinite(wanted), np.abs(wanted), 0))
    return float(sizes.max(initial=0.0)), float(share.max(initial=0.0))


__all__ = ["ABSOLUTE", "RELATIVE", "Checked", "apart", "compare", "difference", "references"]
