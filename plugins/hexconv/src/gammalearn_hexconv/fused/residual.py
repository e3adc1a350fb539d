"""A whole pre-activation residual layer in training, as one operation for torch.

Between its parts nothing is kept but what the first convolution gives: what batch norm and ReLU make is made anew on
the way back. Images are (images, pixels, channels), contiguous, float32 or bfloat16, on the CPU.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import NamedTuple

import torch
from torch import Tensor

from gammalearn_hexconv.fused.images import check_vectors
from gammalearn_hexconv.fused.norm_conv import NormConv
from gammalearn_hexconv.fused.norm_conv import Tables
from gammalearn_hexconv.fused.norm_conv import statistics_of
from gammalearn_hexconv.kernel.checks import check_images

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_PARAMETERS = "Tensor? {0}_norm_weight, Tensor? {0}_norm_bias, Tensor{1} {0}_weight, Tensor? {0}_bias"
_SCHEMA = ", ".join(
    (
        *(_PARAMETERS.format(*part) for part in (("first", ""), ("second", ""), ("shortcut", "?"))),
        "Tensor rows, Tensor inv_rows, Tensor inv_taps, Tensor second_rows, Tensor second_inv_rows",
        "Tensor second_inv_taps, float epsilon",
    )
)


class _Parts(NamedTuple):
    first: NormConv
    second: NormConv
    shortcut: NormConv | None


def _parts(given: tuple[Any, ...]) -> tuple[_Parts, float]:
    """The parts of a layer, and epsilon, from what follows the images in the arguments of the operation."""
    tables: tuple[Tables, Tables] = given[12:15], given[15:18]
    first, second = (_part(given[at : at + 4], table) for at, table in zip((0, 4), tables, strict=True))
    shortcut = None if given[10] is None else _part(given[8:12], tables[0])
    return _Parts(first, second, shortcut), given[18]


def _part(given: tuple[Any, ...], tables: Tables) -> NormConv:
    norm_weight, norm_bias, weight, bias = given
    norm = None if norm_weight is None or norm_bias is None else (norm_weight, norm_bias)
    if norm is not None:
        check_vectors(weight.shape[1], norm_weight=norm_weight, norm_bias=norm_bias)
    return NormConv(norm, weight, bias, tables)


@torch.library.custom_op(
    "gammalearn_hexconv::residual_layer",
    mutates_args=(),
    schema=f"(Tensor x, {_SCHEMA}) -> (Tensor, Tensor, Tensor, Tensor)",
)
def residual_layer(x: Tensor, *given: Any) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Apply batch norm, ReLU and a convolution, twice, and add what went in, or what a shortcut makes of it.

    Parameters
    ----------
    x : Tensor, (images, pixels, channels)
    first_norm_weight, first_norm_bias, first_weight, first_bias : Tensor or None
        Without the former two there are no batch norm and ReLU before the convolution.
    second_norm_weight, second_norm_bias, second_weight, second_bias : Tensor or None
    shortcut_norm_weight, shortcut_norm_bias, shortcut_weight, shortcut_bias : Tensor or None
        Without these ``x`` itself is added.
    rows, inv_rows, inv_taps, second_rows, second_inv_rows, second_inv_taps : Tensor of int32
        Tables of the first convolution, which are those of the shortcut's, and of the second.
    epsilon : float
        Added to variances.

    Returns
    -------
    y : Tensor, (images, out_pixels, out_channels)
    hidden : Tensor, as y
        What the first convolution gives.
    first_statistics, second_statistics : Tensor, (3, channels)
        Mean, biased variance and ``1 / sqrt(variance + epsilon)`` of x and of hidden. No gradient flows from these.

    Raises
    ------
    ValueError, TypeError
        A tensor has not the shape, type, device or memory format that is wanted.
    """
    return _layer(x, *given)


def _layer(x: Tensor, *given: Any) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    check_images(x, "x")
    (first, second, shortcut), epsilon = _parts(given)
    if x.shape[2] != first.weight.shape[1] or not x.numel():
        raise ValueError(f"x must have pixels with {first.weight.shape[1]} channels, its shape is {tuple(x.shape)}")
    normed = first.norm is not None or (shortcut is not None and shortcut.norm is not None)
    first_statistics = statistics_of(x, epsilon) if normed else torch.empty(3, 0)
    kept = x if shortcut is None else shortcut.forward(x, first_statistics)
    hidden = first.forward(x, first_statistics)
    second_statistics = statistics_of(hidden, epsilon)
    return second.forward(hidden, second_statistics, kept), hidden, first_statistics, second_statistics


@residual_layer.register_fake
def _(x: Tensor, *given: Any) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    normed = given[0] is not None or given[8] is not None
    hidden = x.new_empty((x.shape[0], given[12].shape[0], given[2].shape[0]))
    first = x.new_empty((3, x.shape[2] if normed else 0), dtype=torch.float32)
    return torch.empty_like(hidden), hidden, first, x.new_empty((3, hidden.shape[2]), dtype=torch.float32)


@torch.library.custom_op(
    "gammalearn_hexconv::residual_layer_grad",
    mutates_args=(),
    schema=f"(Tensor grad, Tensor hidden, Tensor first_statistics, Tensor second_statistics, Tensor x, {_SCHEMA}) "
    "-> Tensor[]",
)
def residual_layer_grad(
    grad: Tensor, hidden: Tensor, first_statistics: Tensor, second_statistics: Tensor, x: Tensor, *given: Any
) -> list[Tensor]:
    """Give the gradients of `residual_layer`: of x and of the twelve parameters, empty for those that are None."""
    return _layer_grad(grad, hidden, first_statistics, second_statistics, x, *given)


def _layer_grad(
    grad: Tensor, hidden: Tensor, first_statistics: Tensor, second_statistics: Tensor, x: Tensor, *given: Any
) -> list[Tensor]:
    (first, second, shortcut), _ = _parts(given)
    alike = {"grad": grad, "hidden": hidden} if shortcut is not None else {"grad": grad, "hidden": hidden, "x": x}
    for name, images in {"x": x, **alike}.items():
        check_images(images, name)
        if name in alike and (images.shape != hidden.shape or images.dtype != x.dtype):
            raise ValueError(
                f"{name} must be {x.dtype} {tuple(hidden.shape)}, got {images.dtype} {tuple(images.shape)}"
            )
    for name, statistics, images in (("first", first_statistics, x), ("second", second_statistics, hidden)):
        if statistics.shape[1:] not in ((images.shape[2],), (0,)) or not statistics.is_contiguous():
            raise ValueError(f"{name}_statistics must be (3, {images.shape[2]}), got {tuple(statistics.shape)}")
    below, *second_grads = second.backward(grad, hidden, second_statistics, None)
    assert below is not None
    if shortcut is None:
        x_grad, *first_grads = first.backward(below, x, first_statistics, grad)
        shortcut_grads: list[Tensor | None] = [None] * 4
    else:
        aside, *shortcut_grads = shortcut.backward(grad, x, first_statistics, None)
        x_grad, *first_grads = first.backward(below, x, first_statistics, aside)
    results = [x_grad, *first_grads, *second_grads, *shortcut_grads]
    return [x.new_empty(0) if result is None else result for result in results]


@residual_layer_grad.register_fake
def _(
    grad: Tensor, hidden: Tensor, first_statistics: Tensor, second_statistics: Tensor, x: Tensor, *given: Any
) -> list[Tensor]:
    return [x.new_empty(0) if tensor is None else torch.empty_like(tensor) for tensor in (x, *given[:12])]


def _save(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    *tensors, ctx.epsilon = inputs
    ctx.mark_non_differentiable(*output[1:])
    ctx.save_for_backward(*tensors, *output[1:])


def _grads(gradient: Callable[..., list[Tensor]], ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    *tensors, hidden, first_statistics, second_statistics = ctx.saved_tensors
    given = hidden, first_statistics, second_statistics, *tensors, ctx.epsilon
    grads = gradient(grad.contiguous(), *given)
    of_tensors = [g if tensor is not None else None for g, tensor in zip(grads, tensors[:13], strict=True)]
    return (*of_tensors, *([None] * 7))


def _backward(ctx: Any, grad: Tensor, *_: Tensor) -> tuple[Tensor | None, ...]:
    return _grads(residual_layer_grad, ctx, grad)


residual_layer.register_autograd(_backward, setup_context=_save)


class DirectLayer(torch.autograd.Function):
    """`residual_layer` without torch's dispatcher, which takes a twentieth of a training step; not for compilers."""

    @staticmethod
    def forward(*given: Any) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Give what `residual_layer` gives."""
        return _layer(*given)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
        """Save what the way back needs."""
        _save(ctx, inputs, output)

    @staticmethod
    def backward(ctx: Any, grad: Tensor, *_: Tensor) -> tuple[Tensor | None, ...]:
        """Give the gradients of the arguments; those that are to be differentiated again are torch's to refuse."""
        return _grads(residual_layer_grad if torch.is_grad_enabled() else _layer_grad, ctx, grad)


__all__ = ["DirectLayer", "residual_layer", "residual_layer_grad"]
