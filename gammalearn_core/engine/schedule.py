"""Learning-rate schedules: made, and advanced when it is their time."""

from __future__ import annotations

import inspect
import math
from typing import Any
from typing import Literal

from torch.optim import Optimizer
from torch.optim.lr_scheduler import ReduceLROnPlateau

from gammalearn_core.engine.components import Part

Pace = Literal["step", "epoch", "metric"]


def pace_of(part: Part) -> Pace:
    """When a schedule advances.

    A record says so. A class of torch's named in the settings advances as torch's documentation has it: with each
    step if it is told the number of steps, else with each epoch, and `ReduceLROnPlateau` with the validation loss.
    """
    if part.record is not None:
        pace: Pace = part.fact("per")
        return pace
    if inspect.isclass(part.target) and issubclass(part.target, ReduceLROnPlateau):
        return "metric"
    return "step" if part.takes("total_steps") else "epoch"


def make_schedule(part: Part, optimizer: Optimizer, total_steps: int) -> Any:
    """The schedule of an optimizer, told how often it will advance if it wants to know."""
    return part.make(optimizer, optional={"total_steps": total_steps})


def advance(schedule: Any, pace: Pace, now: Pace, loss: float) -> None:
    """Advance a schedule if its time has come; one that follows the loss waits while that is not finite."""
    if pace != now:
        return
    if pace != "metric":
        schedule.step()
    elif math.isfinite(loss):
        schedule.step(loss)


__all__ = ["Pace", "advance", "make_schedule", "pace_of"]
