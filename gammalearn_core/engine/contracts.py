"""What components give, checked at each step: a wrong shape would often broadcast into a wrong number."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from gammalearn_core.data.batch import Batch
from gammalearn_core.data.specs import InputSpec
from gammalearn_core.data.specs import OutputSpec
from gammalearn_core.errors import GammalearnError


class ContractError(GammalearnError):
    """A component gives something else than its protocol says."""


def checked_outputs(outputs: object, *, wanted: OutputSpec, n: int, label: str) -> dict[str, Tensor]:
    """The outputs of a network, ``(n, size)`` for each task.

    Raises
    ------
    ContractError
        A task is missing, or has another shape.
    """
    if not isinstance(outputs, Mapping):
        raise ContractError(f"{label} gives {_kind(outputs)}, wanted a dictionary {{task: (n, size)}}")
    missing = [name for name in wanted.tasks if name not in outputs]
    if missing:
        raise ContractError(f"{label} gives nothing for task {missing[0]!r}; it gives {', '.join(map(str, outputs))}")
    for name, task in wanted.tasks.items():
        if not isinstance(outputs[name], Tensor) or outputs[name].shape != (n, task.size):
            raise ContractError(f"{label} gives {_kind(outputs[name])} for task {name!r}, wanted ({n}, {task.size})")
    return {name: outputs[name] for name in wanted.tasks}


def checked_losses(losses: object, *, n: int, label: str) -> Tensor:
    """Losses of samples, ``(n,)``.

    Raises
    ------
    ContractError
        They have another shape.
    """
    if not isinstance(losses, Tensor) or losses.shape != (n,):
        raise ContractError(f"{label} gives {_kind(losses)}, wanted ({n},): one loss a sample, not reduced")
    return losses


def checked_uncertainty(uncertainty: object, *, n: int, size: int, label: str) -> Tensor:
    """Standard deviations of the numbers of a target, ``(n, size)``.

    Raises
    ------
    ContractError
        They have another shape.
    """
    if not isinstance(uncertainty, Tensor) or uncertainty.shape != (n, size):
        raise ContractError(f"{label} gives {_kind(uncertainty)}, wanted ({n}, {size}): one for each number")
    return uncertainty


def checked_batch(after: object, *, before: Batch, outputs: InputSpec, label: str) -> Batch:
    """A batch with the same events in the same order as before a transform, and images as its ``outputs`` say.

    Raises
    ------
    ContractError
        It is no batch, its events are others, or its images have other shapes.
    """
    if not isinstance(after, Batch):
        raise ContractError(f"{label} gives {_kind(after)}, wanted a Batch")
    rows = after.events["row"]
    if rows is not before.events["row"] and not torch.equal(rows, before.events["row"]):
        raise ContractError(f"{label} changes the events of a batch or their order")
    for key, group in after.images.items():
        spec = outputs.cameras[key]
        wanted = (len(group.event), len(spec.channels), *spec.shape)
        if group.pixels.shape != wanted:
            raise ContractError(f"{label} gives images of {key} as {_kind(group.pixels)}; its outputs say {wanted}")
    return after


def _kind(value: object) -> str:
    return f"a tensor of shape {tuple(value.shape)}" if isinstance(value, Tensor) else f"a {type(value).__name__}"


__all__ = ["ContractError", "checked_batch", "checked_losses", "checked_outputs", "checked_uncertainty"]
