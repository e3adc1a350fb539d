"""Learning-rate schedules, torch's own with arguments that an experiment knows."""

from __future__ import annotations

from torch.optim import Optimizer
from torch.optim.lr_scheduler import CosineAnnealingLR
from torch.optim.lr_scheduler import OneCycleLR
from torch.optim.lr_scheduler import ReduceLROnPlateau


def cosine(optimizer: Optimizer, *, total_steps: int, minimum: float = 0.0) -> CosineAnnealingLR:
    """From the optimizer's learning rate to ``minimum`` along half a cosine, over the run."""
    if not minimum >= 0:
        raise ValueError(f"minimum must be 0 or above, got {minimum}")
    return CosineAnnealingLR(optimizer, T_max=total_steps, eta_min=minimum)


def one_cycle(
    optimizer: Optimizer, *, total_steps: int, warm_up: float = 0.3, start: float = 25.0, end: float = 1e4
) -> OneCycleLR:
    """From ``lr / start`` up to ``lr`` during the share ``warm_up`` of the run, then down to ``lr / start / end``."""
    peaks = [group["lr"] for group in optimizer.param_groups]
    return OneCycleLR(
        optimizer,
        max_lr=peaks,
        total_steps=total_steps,
        pct_start=warm_up,
        div_factor=start,
        final_div_factor=end,
        cycle_momentum=False,
    )


def plateau(
    optimizer: Optimizer, *, total_steps: int, factor: float = 0.5, patience: int = 5, minimum: float = 0.0
) -> ReduceLROnPlateau:
    """Multiplies the learning rate by ``factor`` after ``patience`` epochs without a lower validation loss."""
    return ReduceLROnPlateau(optimizer, factor=factor, patience=patience, min_lr=minimum)


__all__ = ["cosine", "one_cycle", "plateau"]
