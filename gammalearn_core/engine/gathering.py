"""What an evaluator gives, joined from the shares of all processes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from attrs import field
from attrs import frozen
from torch import Tensor

from gammalearn_core.data.batch import Batch
from gammalearn_core.engine.distributed import World


@frozen
class Evaluated:
    """Predictions of a batch.

    Attributes
    ----------
    outputs : mapping of str to Tensor, (n, size)
        By task.
    losses : mapping of str to (Tensor, Tensor)
        By task: losses and weights of the samples that have a weight.
    batch : Batch
    uncertainties : mapping of str to Tensor, (n, k)
        Of tasks whose loss tells them.
    """

    outputs: Mapping[str, Tensor]
    losses: Mapping[str, tuple[Tensor, Tensor]]
    batch: Batch
    uncertainties: Mapping[str, Tensor] = field(factory=dict)


def gathered(world: World, part: Evaluated) -> dict[str, Any]:
    """``outputs``, ``uncertainties``, ``losses``, ``truth``, ``rows`` of all processes, as one process would have."""
    batch = part.batch
    if world.size == 1:
        told = {"outputs": part.outputs, "uncertainties": part.uncertainties, "losses": part.losses}
        return {**told, "truth": batch.truth, "rows": batch.events["row"]}
    tasks = list(part.outputs)
    columns = [batch.events["row"]]
    for task in tasks:
        columns += [part.outputs[task], batch.truth[task], batch.weight[task], _dense(part, task)]
    columns += part.uncertainties.values()
    # Double precision holds rows, classes and single precision exactly.
    flat = torch.cat([c.double().reshape(len(batch), c.shape[1:].numel()) for c in columns], dim=1)
    joined = world.interleave(flat.cpu()).to(flat.device)
    found = iter(_split(joined, columns))
    whole: dict[str, Any] = {"rows": next(found), "outputs": {}, "truth": {}, "losses": {}}
    for task in tasks:
        whole["outputs"][task], whole["truth"][task] = next(found), next(found)
        weight, losses = next(found), next(found)
        has = weight > 0
        whole["losses"][task] = losses[has], weight[has]
    whole["uncertainties"] = {task: next(found) for task in part.uncertainties}
    return whole


def _dense(part: Evaluated, task: str) -> Tensor:
    """Losses of all samples; 0 where there is none."""
    values, _ = part.losses[task]
    dense = values.new_zeros(len(part.batch))
    dense[part.batch.weight[task] > 0] = values
    return dense


def _split(joined: Tensor, like: list[Tensor]) -> list[Tensor]:
    """Columns with the shapes and types that they had."""
    widths = [t[:1].numel() if len(t) else t.shape[1:].numel() for t in like]
    parts = torch.split(joined, widths, dim=1)
    return [p.reshape(-1, *t.shape[1:]).to(t.dtype) for p, t in zip(parts, like, strict=True)]


__all__ = ["Evaluated", "gathered"]
