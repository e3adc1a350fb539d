"""Attention to channels, to pixels or to both, in one pass: operations for torch, on images as in `normalisation`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from gammalearn_hexconv.fused.calls import AttendCall
from gammalearn_hexconv.fused.calls import AttendGradCall
from gammalearn_hexconv.fused.calls import MeansCall
from gammalearn_hexconv.fused.calls import address
from gammalearn_hexconv.fused.calls import run
from gammalearn_hexconv.fused.images import DTYPES
from gammalearn_hexconv.fused.images import check_images
from gammalearn_hexconv.fused.images import check_vectors
from gammalearn_hexconv.fused.images import floats
from gammalearn_hexconv.fused.normalisation import batch_norm_act_grad
from gammalearn_hexconv.fused.normalisation import moments

if TYPE_CHECKING:
    from typing import Any


@torch.library.custom_op("gammalearn_hexconv::channel_means", mutates_args=(), schema="(Tensor images) -> Tensor")
def channel_means(images: Tensor) -> Tensor:
    """Mean of each channel of each image over its pixels, ``(n, channels)``, of the type of the images."""
    check_images(images, "images")
    n, channels, height, width = images.shape
    means = torch.empty(n, channels)
    sizes = DTYPES[images.dtype], n, height * width, channels, torch.get_num_threads()
    run("hex_means", MeansCall(*sizes, address(images), address(means)))
    result: Tensor = means.to(images.dtype)
    return result


@channel_means.register_fake
def _(images: Tensor) -> Tensor:
    return images.new_empty(images.shape[:2])


def _save_shape(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    ctx.shape = inputs[0].shape


def _means_backward(ctx: Any, grad: Tensor) -> Tensor:
    each: Tensor = grad / (ctx.shape[2] * ctx.shape[3])
    return each[:, :, None, None].expand(ctx.shape)


channel_means.register_autograd(_means_backward, setup_context=_save_shape)


@torch.library.custom_op(
    "gammalearn_hexconv::attend",
    mutates_args=(),
    schema="(Tensor images, Tensor? channel_gate, Tensor reduced, Tensor weight, Tensor bias, Tensor score, "
    "Tensor score_bias, float epsilon, float plus) -> (Tensor, Tensor, Tensor, Tensor, Tensor)",
)
def attend(
    images: Tensor,
    channel_gate: Tensor | None,
    reduced: Tensor,
    weight: Tensor,
    bias: Tensor,
    score: Tensor,
    score_bias: Tensor,
    epsilon: float,
    plus: float,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Scale each channel by its gate and each pixel by ``plus`` and its own gate.

    The gate of a pixel is the sigmoid of a linear map of its reduced channels, after batch normalisation with the
    statistics of the batch and ReLU.

    Parameters
    ----------
    images : Tensor, (n, channels, height, width)
    channel_gate : Tensor or None, (n, channels)
        Counts as 1 where it is None.
    reduced : Tensor, (n, reduced channels, height, width)
    weight, bias : Tensor, (reduced channels,)
        Of batch normalisation.
    score, score_bias : Tensor, (reduced channels,) and (1,)
        The linear map.
    epsilon : float
        Added to the variance.
    plus : float
        Added to the gate of a pixel.

    Returns
    -------
    scaled : Tensor
        As ``images``.
    pixel_gate : Tensor of float32, (n, pixels)
    mean, variance, inverse : Tensor of float32, (reduced channels,)
        See `batch_norm_act`; no gradient flows from these and the former.

    Raises
    ------
    ValueError, TypeError
        A tensor has not the shape, type, device or memory format that is wanted.
    """
    n, channels, pixels, width = _check(images, channel_gate, reduced)
    check_vectors(width, weight=weight, bias=bias, score=score)
    check_vectors(1, score_bias=score_bias)
    mean, variance, inverse = moments(reduced, epsilon)
    gate = None if channel_gate is None else floats(channel_gate)
    pixel_gate, scaled = torch.empty(n, pixels), torch.empty_like(images)
    vectors = mean, floats(weight) * inverse, floats(bias), floats(score), floats(score_bias)
    inputs = map(address, (images, reduced, *vectors, gate))
    sizes = DTYPES[images.dtype], n, pixels, channels, width, torch.get_num_threads()
    run("hex_attend", AttendCall(*sizes, *inputs, plus, address(pixel_gate), 0, address(scaled)))
    return scaled, pixel_gate, mean, variance, inverse


def _check(images: Tensor, channel_gate: Tensor | None, reduced: Tensor) -> tuple[int, int, int, int]:
    check_images(images, "images")
    check_images(reduced, "reduced")
    if reduced.shape[:1] + reduced.shape[2:] != images.shape[:1] + images.shape[2:] or reduced.dtype != images.dtype:
        raise ValueError(
            f"reduced must have the images' type, number and pixels, {images.dtype} {tuple(images.shape)}, "
            f"got {reduced.dtype} {tuple(reduced.shape)}"
        )
    if not images.numel() or not reduced.numel():
        raise ValueError(f"batch statistics need at least one pixel, got images of the shape {tuple(images.shape)}")
    n, channels, height, width = images.shape
    if channel_gate is not None and (channel_gate.shape != (n, channels) or channel_gate.device.type != "cpu"):
        raise ValueError(f"channel_gate must be ({n}, {channels}) on the CPU, got {tuple(channel_gate.shape)}")
    return n, channels, height * width, reduced.shape[1]


@attend.register_fake
def _(
    images: Tensor,
    channel_gate: Tensor | None,
    reduced: Tensor,
    weight: Tensor,
    bias: Tensor,
    score: Tensor,
    score_bias: Tensor,
    epsilon: float,
    plus: float,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    pixel_gate = images.new_empty((images.shape[0], images.shape[2] * images.shape[3]), dtype=torch.float32)
    mean, variance, inverse = (weight.new_empty(reduced.shape[1], dtype=torch.float32) for _ in range(3))
    return torch.empty_like(images), pixel_gate, mean, variance, inverse


@torch.library.custom_op(
    "gammalearn_hexconv::attend_grad",
    mutates_args=(),
    schema="(Tensor grad, Tensor images, Tensor? channel_gate, Tensor reduced, Tensor weight, Tensor bias, "
    "Tensor score, Tensor pixel_gate, Tensor mean, Tensor inverse, float plus) "
    "-> (Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor)",
)
def attend_grad(
    grad: Tensor,
    images: Tensor,
    channel_gate: Tensor | None,
    reduced: Tensor,
    weight: Tensor,
    bias: Tensor,
    score: Tensor,
    pixel_gate: Tensor,
    mean: Tensor,
    inverse: Tensor,
    plus: float,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Give the gradients of `attend`: of images, channel_gate (empty if there is none), reduced, and the vectors."""
    n, channels, pixels, width = _check(images, channel_gate, reduced)
    check_images(grad, "grad", images)
    check_vectors(width, weight=weight, bias=bias, score=score, mean=mean, inverse=inverse)
    gate = None if channel_gate is None else floats(channel_gate)
    gate_grad = torch.empty(0 if gate is None else n, channels)
    images_grad, scaled_grad = torch.empty_like(images), torch.empty_like(reduced)
    logit_grad, score_grad = torch.empty(n, pixels), torch.empty(n, width)
    vectors = mean, floats(weight) * inverse, floats(bias), floats(score)
    inputs = map(address, (images, reduced, grad, *vectors, gate, pixel_gate))
    results = map(address, (gate_grad, logit_grad, score_grad, images_grad, scaled_grad))
    sizes = DTYPES[images.dtype], n, pixels, channels, width, torch.get_num_threads()
    run("hex_attend_grad", AttendGradCall(*sizes, *inputs, plus, *results))
    below = batch_norm_act_grad(scaled_grad, reduced, None, weight, bias, mean, inverse, True)
    reduced_grad, _, weight_grad, bias_grad = below
    # First over pixels: torch divides a sum of all numbers among the threads.
    sums = score_grad.sum(0).to(score.dtype), logit_grad.sum(1).sum().reshape(1).to(score.dtype)
    return images_grad, gate_grad, reduced_grad, weight_grad, bias_grad, *sums


@attend_grad.register_fake
def _(
    grad: Tensor,
    images: Tensor,
    channel_gate: Tensor | None,
    reduced: Tensor,
    weight: Tensor,
    bias: Tensor,
    score: Tensor,
    pixel_gate: Tensor,
    mean: Tensor,
    inverse: Tensor,
    plus: float,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
    gate_grad = images.new_empty((0 if channel_gate is None else images.shape[0], images.shape[1]), dtype=torch.float32)
    vectors = torch.empty_like(weight), torch.empty_like(bias), torch.empty_like(score), score.new_empty(1)
    return torch.empty_like(images), gate_grad, torch.empty_like(reduced), *vectors


def _save(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    *tensors, _, _, ctx.plus = inputs
    _, pixel_gate, mean, _, inverse = output
    ctx.mark_non_differentiable(*output[1:])
    ctx.save_for_backward(*tensors, pixel_gate, mean, inverse)


def _backward(ctx: Any, grad: Tensor, *_: Tensor) -> tuple[Tensor | None, ...]:
    grad = grad.contiguous(memory_format=torch.channels_last)
    channel_gate = ctx.saved_tensors[1]
    images_grad, gate_grad, *others = attend_grad(grad, *ctx.saved_tensors, ctx.plus)
    return images_grad, None if channel_gate is None else gate_grad.to(channel_gate.dtype), *others, None, None


attend.register_autograd(_backward, setup_context=_save)

__all__ = ["attend", "attend_grad", "channel_means"]
