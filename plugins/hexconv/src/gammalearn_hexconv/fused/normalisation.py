"""Batch normalisation with the statistics of the batch, with residual and ReLU: operations for torch.

They take images ``(n, channels, height, width)`` in channels-last memory, float32 or bfloat16, on the CPU. Sums are
made over blocks that do not depend on the number of threads, and are joined in double precision.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from gammalearn_hexconv.fused.calls import MomentsCall
from gammalearn_hexconv.fused.calls import NormaliseCall
from gammalearn_hexconv.fused.calls import NormaliseGradCall
from gammalearn_hexconv.fused.calls import address
from gammalearn_hexconv.fused.calls import run
from gammalearn_hexconv.fused.images import DTYPES
from gammalearn_hexconv.fused.images import check_images
from gammalearn_hexconv.fused.images import check_vectors
from gammalearn_hexconv.fused.images import floats

if TYPE_CHECKING:
    from typing import Any

NOWHERE, BY_X, BY_Y = 0, 1, 2
"""``enum hex_cut`` of fused.h."""


def moments(images: Tensor, epsilon: float) -> tuple[Tensor, Tensor, Tensor]:
    """Mean, biased variance and ``1 / sqrt(variance + epsilon)`` of each channel, float32, of checked images."""
    mean, variance, inverse = (torch.empty(images.shape[1]) for _ in range(3))
    results = address(mean), address(variance), address(inverse)
    run("hex_moments", MomentsCall(*_sizes(images), epsilon, address(images), *results))
    return mean, variance, inverse


def _sizes(images: Tensor) -> tuple[int, int, int, int]:
    channels = images.shape[1]
    return DTYPES[images.dtype], images.numel() // channels, channels, torch.get_num_threads()


@torch.library.custom_op(
    "gammalearn_hexconv::batch_norm_act",
    mutates_args=(),
    schema="(Tensor images, Tensor weight, Tensor bias, Tensor? residual, float epsilon, bool relu) "
    "-> (Tensor, Tensor, Tensor, Tensor)",
)
def batch_norm_act(
    images: Tensor, weight: Tensor, bias: Tensor, residual: Tensor | None, epsilon: float, relu: bool
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Normalise each channel over all images and pixels, add a residual, cut at zero.

    Parameters
    ----------
    images : Tensor, (n, channels, height, width)
    weight, bias : Tensor, (channels,)
    residual : Tensor or None
        As ``images``.
    epsilon : float
        Added to the variance.
    relu : bool
        Whether what is below zero becomes zero. What is NaN stays.

    Returns
    -------
    normalised : Tensor
        As ``images``.
    mean, variance, inverse : Tensor of float32, (channels,)
        Mean, biased variance, and ``1 / sqrt(variance + epsilon)``; no gradient flows from these.

    Raises
    ------
    ValueError, TypeError
        A tensor has not the shape, type, device or memory format that is wanted.
    """
    check_images(images, "images")
    check_vectors(images.shape[1], weight=weight, bias=bias)
    if residual is not None:
        check_images(residual, "residual", images)
    if not images.numel():
        raise ValueError(f"batch statistics need at least one pixel, got images of the shape {tuple(images.shape)}")
    mean, variance, inverse = moments(images, epsilon)
    scale, shift, output = floats(weight) * inverse, floats(bias), torch.empty_like(images)
    pointers = map(address, (images, residual, mean, scale, shift, output))
    run("hex_normalise", NormaliseCall(*_sizes(images), relu, *pointers))
    return output, mean, variance, inverse


@batch_norm_act.register_fake
def _(
    images: Tensor, weight: Tensor, bias: Tensor, residual: Tensor | None, epsilon: float, relu: bool
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    mean, variance, inverse = (weight.new_empty(images.shape[1], dtype=torch.float32) for _ in range(3))
    return torch.empty_like(images), mean, variance, inverse


@torch.library.custom_op(
    "gammalearn_hexconv::batch_norm_act_grad",
    mutates_args=(),
    schema="(Tensor grad, Tensor images, Tensor? output, Tensor weight, Tensor bias, Tensor mean, Tensor inverse, "
    "bool relu) -> (Tensor, Tensor, Tensor, Tensor)",
)
def batch_norm_act_grad(
    grad: Tensor,
    images: Tensor,
    output: Tensor | None,
    weight: Tensor,
    bias: Tensor,
    mean: Tensor,
    inverse: Tensor,
    relu: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Give the gradients of `batch_norm_act`: of images, residual, weight and bias.

    With both a residual and ReLU the ``output`` must be given. Without it, the gradient of the residual is empty: there
    is none, or it is ``grad``.
    """
    check_images(images, "images")
    check_images(grad, "grad", images)
    check_vectors(images.shape[1], weight=weight, bias=bias, mean=mean, inverse=inverse)
    if output is not None:
        check_images(output, "output", images)
    images_grad, weight_grad, bias_grad = torch.empty_like(images), torch.empty_like(mean), torch.empty_like(mean)
    residual_grad = None if output is None else torch.empty_like(images)
    cut = BY_Y if output is not None else BY_X if relu else NOWHERE
    scale, shift = floats(weight) * inverse, floats(bias)
    inputs = map(address, (images, output, grad, mean, inverse, scale, shift))
    results = map(address, (images_grad, residual_grad, weight_grad, bias_grad))
    run("hex_normalise_grad", NormaliseGradCall(*_sizes(images), cut, *inputs, None, *results))
    none = images.new_empty(0) if residual_grad is None else residual_grad
    return images_grad, none, weight_grad.to(weight.dtype), bias_grad.to(bias.dtype)


@batch_norm_act_grad.register_fake
def _(
    grad: Tensor,
    images: Tensor,
    output: Tensor | None,
    weight: Tensor,
    bias: Tensor,
    mean: Tensor,
    inverse: Tensor,
    relu: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    residual_grad = images.new_empty(0) if output is None else torch.empty_like(images)
    return torch.empty_like(images), residual_grad, torch.empty_like(weight), torch.empty_like(bias)


def _save(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    images, weight, bias, residual, _, ctx.relu = inputs
    normalised, mean, _, inverse = output
    ctx.residual = residual is not None
    ctx.mark_non_differentiable(*output[1:])
    ctx.save_for_backward(images, normalised if ctx.residual and ctx.relu else None, weight, bias, mean, inverse)


def _backward(ctx: Any, grad: Tensor, *_: Tensor) -> tuple[Tensor | None, ...]:
    images, output, weight, bias, mean, inverse = ctx.saved_tensors
    grad = grad.contiguous(memory_format=torch.channels_last)
    grads = batch_norm_act_grad(grad, images, output, weight, bias, mean, inverse, ctx.relu)
    images_grad, cut_grad, weight_grad, bias_grad = grads
    residual_grad = None if not ctx.residual else grad if output is None else cut_grad
    return images_grad, weight_grad, bias_grad, residual_grad, None, None


batch_norm_act.register_autograd(_backward, setup_context=_save)

__all__ = ["batch_norm_act", "batch_norm_act_grad", "moments"]
