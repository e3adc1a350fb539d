"""A moving average of the weights, which predicts better than the last ones."""

from __future__ import annotations

from torch import nn
from torch.optim.swa_utils import AveragedModel
from torch.optim.swa_utils import get_ema_multi_avg_fn


def make_average(network: nn.Module, decay: float | None) -> AveragedModel | None:
    """The average of a network's weights and statistics, which `AveragedModel.update_parameters` moves on.

    Parameters
    ----------
    network : nn.Module
    decay : float or None
        Share of the average that a step leaves; None if there is to be no average.
    """
    if decay is None:
        return None
    move_on = get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call]
    return AveragedModel(network, multi_avg_fn=move_on, use_buffers=True)


__all__ = ["make_average"]
