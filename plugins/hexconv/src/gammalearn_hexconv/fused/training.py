"""What networks call for batch norm with ReLU, and for attention: fused where that applies, else plain torch."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor
from torch import nn

from gammalearn_hexconv.fused.attention import attend
from gammalearn_hexconv.fused.attention import channel_means
from gammalearn_hexconv.fused.images import DTYPES
from gammalearn_hexconv.fused.normalisation import batch_norm_act
from gammalearn_hexconv.kernel import available
from gammalearn_hexconv.kernel import ops
from gammalearn_hexconv.steady import steady_sigmoid

_identities: dict[int, tuple[Tensor, Tensor, Tensor]] = {}


def norm_relu(norm: nn.BatchNorm2d, pixels: Tensor, residual: Tensor | None = None) -> Tensor:
    """``relu(norm(pixels) + residual)``, and the running statistics as `torch.nn.BatchNorm2d` keeps them.

    Parameters
    ----------
    norm : BatchNorm2d
    pixels : Tensor, (n, channels, n_pixels, 1)
    residual : Tensor, optional
        As ``pixels``.

    Returns
    -------
    Tensor, (n, channels, n_pixels, 1)
        In channels-last memory if ``pixels`` is.

    Examples
    --------
    >>> pixels = torch.tensor([-1.0, 1.0]).reshape(1, 1, 2, 1)
    >>> norm_relu(nn.BatchNorm2d(1), pixels).detach().flatten().round()
    tensor([0., 1.])
    """
    if not _fuses(norm, pixels, residual):
        normalised = norm(pixels)
        return F.relu(normalised if residual is None else normalised + residual)
    residual = None if residual is None else _dense(residual)
    output, mean, variance, _ = batch_norm_act(_dense(pixels), norm.weight, norm.bias, residual, norm.eps, True)
    _track(norm, mean, variance, pixels)
    return output  # type: ignore[no-any-return]


def pixel_means(pixels: Tensor) -> Tensor:
    """Mean of each channel over the pixels: ``(n, channels, n_pixels, 1)`` to ``(n, channels)``."""
    if not _kernel_takes(pixels):
        return pixels.mean(dim=(2, 3))
    return channel_means(_dense(pixels))  # type: ignore[no-any-return]


def pointwise(conv: nn.Conv2d, pixels: Tensor) -> Tensor:
    """A 1x1 convolution without groups: ``(n, channels, n_pixels, 1)`` to ``(n, out_channels, n_pixels, 1)``."""
    if not _kernel_takes(pixels) or pixels.shape[3] != 1 or conv.weight.dtype not in DTYPES or _hooked(conv):
        return conv(pixels)  # type: ignore[no-any-return]
    images = _dense(pixels).squeeze(3).transpose(1, 2)
    output = ops.conv(images, conv.weight.flatten(2), conv.bias, *_identity(images.shape[1]), 1)
    return output.transpose(1, 2).unsqueeze(3)  # type: ignore[no-any-return]


class PixelScore(NamedTuple):
    """What makes the gate of a pixel from its reduced channels: batch norm, ReLU, a linear map, the sigmoid."""

    norm: nn.BatchNorm2d
    score: nn.Conv2d
    """1x1, to one channel, with a bias."""

    def gate(self, reduced: Tensor) -> Tensor:
        """Gates from 0 to 1, ``(n, 1, n_pixels, 1)``."""
        return steady_sigmoid(pointwise(self.score, norm_relu(self.norm, reduced)))


def scaled(pixels: Tensor, channel_gate: Tensor | None, reduced: Tensor, how: PixelScore, *, plus: float) -> Tensor:
    """``pixels * channel_gate * (plus + how.gate(reduced))`` in one pass.

    Parameters
    ----------
    pixels : Tensor, (n, channels, n_pixels, 1)
    channel_gate : Tensor or None, (n, channels, 1, 1)
    reduced : Tensor, (n, reduced channels, n_pixels, 1)
    how : PixelScore
    plus : float
        Added to the gates of the pixels.

    Returns
    -------
    Tensor, (n, channels, n_pixels, 1)
    """
    if not _fuses(how.norm, reduced) or pixels.dtype != reduced.dtype or how.score.bias is None or _hooked(how.score):
        channels = pixels if channel_gate is None else pixels * channel_gate
        gate = how.gate(reduced)
        return channels * (plus + gate if plus else gate)
    flat = None if channel_gate is None else channel_gate.flatten(1)
    parameters = how.norm.weight, how.norm.bias, how.score.weight.flatten(), how.score.bias
    results = attend(_dense(pixels), flat, _dense(reduced), *parameters, how.norm.eps, plus)
    _track(how.norm, results[2], results[3], reduced)
    return results[0]  # type: ignore[no-any-return]


def _dense(pixels: Tensor) -> Tensor:
    return pixels.contiguous(memory_format=torch.channels_last)


def _identity(n_pixels: int) -> tuple[Tensor, Tensor, Tensor]:
    """The table, and its inverse, in which each output sees one pixel; the same tensors each time."""
    if n_pixels not in _identities:
        rows = torch.arange(n_pixels, dtype=torch.int32)[:, None]
        _identities[n_pixels] = rows, rows.clone(), torch.zeros(1, dtype=torch.int32)
    return _identities[n_pixels]


@torch.compiler.assume_constant_result  # type: ignore[untyped-decorator]
def _available() -> bool:
    return available()


def _kernel_takes(pixels: Tensor) -> bool:
    cpu = pixels.device.type == "cpu" and pixels.dtype in DTYPES and pixels.dim() == 4
    return cpu and pixels.numel() > 0 and not torch.compiler.is_exporting() and _available()


def _fuses(norm: nn.BatchNorm2d, pixels: Tensor, residual: Tensor | None = None) -> bool:
    """Whether a fused operation can take the place of a batch norm for these images."""
    if not norm.training or type(norm) is not nn.BatchNorm2d or not norm.affine or _hooked(norm):
        return False
    if residual is not None and (residual.shape != pixels.shape or residual.dtype != pixels.dtype):
        return False
    suits = pixels.shape[1] == norm.num_features and pixels.numel() > norm.num_features and norm.weight.dtype in DTYPES
    return suits and _kernel_takes(pixels)


def _hooked(module: nn.Module) -> bool:
    hooks = module._forward_hooks, module._forward_pre_hooks, module._backward_hooks, module._backward_pre_hooks
    return any(hooks)


def _track(norm: nn.BatchNorm2d, mean: Tensor, variance: Tensor, pixels: Tensor) -> None:
    """Take the mean and the biased variance of a batch into the running statistics."""
    if norm.running_mean is None or norm.running_var is None or norm.num_batches_tracked is None:
        return
    count = pixels.numel() // pixels.shape[1]
    with torch.no_grad():
        norm.num_batches_tracked.add_(1)
        share = norm.momentum if norm.momentum is not None else 1.0 / float(norm.num_batches_tracked)
        norm.running_mean.mul_(1 - share).add_(mean, alpha=share)
        norm.running_var.mul_(1 - share).add_(variance, alpha=share * count / (count - 1))


__all__ = ["PixelScore", "norm_relu", "pixel_means", "pointwise", "scaled"]
