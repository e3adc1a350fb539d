"""What networks call for batch norm with ReLU, and for attention: fused where that applies, else plain torch."""

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor
from torch import nn

from gammalearn_hexconv.fused.attention import attend
from gammalearn_hexconv.fused.attention import channel_means
from gammalearn_hexconv.fused.images import DTYPES
from gammalearn_hexconv.fused.normalisation import batch_norm_act
from gammalearn_hexconv.fused.residual import DirectLayer
from gammalearn_hexconv.fused.residual import residual_layer
from gammalearn_hexconv.kernel import available
from gammalearn_hexconv.kernel import ops
from gammalearn_hexconv.steady import steady_sigmoid

if TYPE_CHECKING:
    from gammalearn_hexconv.networks.blocks import NormActConv
    from gammalearn_hexconv.networks.blocks import PreActivationLayer

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
    _track(norm, mean, variance, pixels.numel() // pixels.shape[1])
    return output  # type: ignore[no-any-return]


def pre_activated(layer: PreActivationLayer, pixels: Tensor) -> Tensor | None:
    """What the layer gives, by one operation; None where that does not apply."""
    parts = [part for part in (layer.first, layer.second, layer.shortcut) if part is not None]
    norms = [part.norm for part in parts if part.norm is not None]
    fitting = _kernel_takes(pixels) and pixels.shape[1:] == (
        layer.first.conv.in_channels,
        layer.first.conv.site.n_in,
        1,
    )
    if not fitting or layer.second.norm is None or not all(_part_fuses(part, pixels.dtype) for part in parts):
        return None
    if len({norm.eps for norm in norms}) > 1 or len(pixels) * layer.second.conv.site.n_in == 1:
        return None
    given = [tensor for part in (layer.first, layer.second, layer.shortcut) for tensor in _parameters(part)]
    sites = layer.first.conv.site, layer.second.conv.site
    tables = [table for site in sites for table in (site.rows, site.inverse_rows, site.inverse_taps)]
    images = _dense(pixels).squeeze(3).transpose(1, 2)
    arguments = images, *given, *tables, norms[0].eps
    if torch.compiler.is_compiling() or type(images) is not Tensor:
        output, _, *statistics = residual_layer(*arguments)
    else:
        output, _, *statistics = DirectLayer.apply(*arguments)  # type: ignore[no-untyped-call]
    count = len(images) * images.shape[1], len(images) * output.shape[1]
    for part, of, n in zip(parts, (0, 1, 0), (*count, count[0]), strict=False):
        if part.norm is not None:
            _track(part.norm, statistics[of][0], statistics[of][1], n)
    return output.transpose(1, 2).unsqueeze(3)  # type: ignore[no-any-return]


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
    _track(how.norm, results[2], results[3], reduced.numel() // reduced.shape[1])
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


def _norm_fuses(norm: nn.BatchNorm2d) -> bool:
    usual = norm.training and type(norm) is nn.BatchNorm2d and norm.affine and norm.weight.dtype in DTYPES
    return usual and not _hooked(norm)


def _part_fuses(part: NormActConv, dtype: torch.dtype) -> bool:
    """Whether a part of a residual layer is as one operation has it."""
    conv, norm = part.conv, part.norm
    usual = conv.backend in ("auto", "indirect") and conv.groups == 1 and conv.weight.dtype == dtype
    alone = not _hooked(part) and not _hooked(conv) and not torch.is_autocast_enabled("cpu")
    return usual and alone and (norm is None or _norm_fuses(norm))


def _parameters(part: NormActConv | None) -> list[Tensor | None]:
    if part is None:
        return [None] * 4
    norm = part.norm
    return [
        None if norm is None else norm.weight,
        None if norm is None else norm.bias,
        part.conv.weight,
        part.conv.bias,
    ]


def _fuses(norm: nn.BatchNorm2d, pixels: Tensor, residual: Tensor | None = None) -> bool:
    """Whether a fused operation can take the place of a batch norm for these images."""
    if not _norm_fuses(norm):
        return False
    if residual is not None and (residual.shape != pixels.shape or residual.dtype != pixels.dtype):
        return False
    suits = pixels.shape[1] == norm.num_features and pixels.numel() > norm.num_features
    return suits and _kernel_takes(pixels)


def _hooked(module: nn.Module) -> bool:
    hooks = module._forward_hooks, module._forward_pre_hooks, module._backward_hooks, module._backward_pre_hooks
    return any(hooks)


def _track(norm: nn.BatchNorm2d, mean: Tensor, variance: Tensor, count: int) -> None:
    """Take the mean and the biased variance of a batch, of ``count`` values, into the running statistics."""
    if norm.running_mean is None or norm.running_var is None or norm.num_batches_tracked is None:
        return
    with torch.no_grad():
        norm.num_batches_tracked.add_(1)
        share = norm.momentum if norm.momentum is not None else 1.0 / float(norm.num_batches_tracked)
        norm.running_mean.mul_(1 - share).add_(mean, alpha=share)
        norm.running_var.mul_(1 - share).add_(variance, alpha=share * count / (count - 1))


__all__ = ["PixelScore", "norm_relu", "pixel_means", "pointwise", "pre_activated", "scaled"]
