"""The compiled convolution and its gradients against float64."""

from __future__ import annotations

import os

import kernel_reference as reference
import pytest
import torch
from torch import Tensor

from gammalearn_hexconv import kernel

pytestmark = pytest.mark.skipif(not kernel.available(), reason=kernel.why_not())
if kernel.available():
    from gammalearn_hexconv.kernel import ops

TOLERANCE = {torch.float32: 3e-6, torch.bfloat16: 8e-3}
DTYPES = pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=["float32", "bfloat16"])
SHAPES = [
    *[(1, 16, 1), (2, 16, 1), (3, 5, 1), (17, 23, 1), (23, 17, 1), (64, 64, 1), (1, 1, 1), (5, 80, 1), (64, 3, 1)],
    *[(4, 8, 2), (12, 36, 3), (6, 6, 6), (40, 72, 2)],
]
TABLES = {
    "radius 1": reference.on_hexagon(9),
    "radius 2": reference.on_hexagon(9, radius=2),
    "radius 3": reference.on_hexagon(8, radius=3),
    "stride 2": reference.on_hexagon(17, stride=2),
    "radius 2, stride 2": reference.on_hexagon(11, radius=2, stride=2),
    "dilation 2": reference.on_hexagon(9, dilation=2),
    "square 9": reference.on_square(8),
    "square 25": reference.on_square(8, reach=2),
    "not injective": reference.at_random(50, 40, 5, seed=1),
    "more outputs": reference.at_random(30, 130, 7, seed=2),
    "one pixel": reference.on_hexagon(1),
    "one tap": reference.at_random(20, 20, 1, seed=3),
}


def made(shape: tuple[int, int, int], images: int, n_in: int, taps: int, dtype: torch.dtype) -> tuple[Tensor, ...]:
    """Images, weight and bias that want gradients."""
    inputs, outputs, groups = shape
    x = torch.randn(images, n_in, inputs)
    weight = torch.randn(outputs, inputs // groups, taps) / (inputs // groups * taps) ** 0.5
    return tuple(t.to(dtype).requires_grad_() for t in (x, weight, torch.randn(outputs)))


def assert_as_reference(
    shape: tuple[int, int, int], images: int, where: tuple[reference.Tables, int], dtype: torch.dtype
) -> None:
    tables, n_in = where
    x, weight, bias = made(shape, images, n_in, tables.rows.shape[1], dtype)
    y = ops.conv(x, weight, bias, *tables, shape[2])
    wanted = reference.conv(x, weight, bias, tables.rows, shape[2])
    assert y.dtype == dtype
    assert reference.relative(y, wanted) <= TOLERANCE[dtype]
    grad = torch.randn(wanted.shape).to(dtype)
    gradients = torch.autograd.grad(y, (x, weight, bias), grad)
    for actual, expected in zip(gradients, torch.autograd.grad(wanted, (x, weight, bias), grad.double()), strict=True):
        assert actual.dtype == dtype
        assert reference.relative(actual, expected) <= TOLERANCE[dtype]


def test_the_kernel_uses_the_instructions_that_were_asked_for() -> None:
    wanted = os.environ.get("GAMMALEARN_HEXCONV_ISA")
    assert kernel.isa() == wanted if wanted else kernel.isa() in {"avx512bf16", "avx512", "avx2", "portable"}


def test_the_error_of_a_sum_of_many_products_stays_small() -> None:
    tables, n_in = TABLES["radius 2"]
    x, weight, _ = made((192, 16, 1), 4, n_in, 19, torch.float32)
    y = ops.conv(x, weight, None, *tables, 1)
    assert (y - reference.conv(x, weight, None, tables.rows, 1)).abs().max() <= 2.5e-6


@DTYPES
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_outputs_and_gradients_are_those_of_float64(shape: tuple[int, int, int], dtype: torch.dtype) -> None:
    assert_as_reference(shape, 3, TABLES["radius 1"], dtype)
    assert_as_reference(shape, 2, TABLES["stride 2"], dtype)


@DTYPES
@pytest.mark.parametrize("name", TABLES)
def test_any_table_is_followed(name: str, dtype: torch.dtype) -> None:
    assert_as_reference((5, 19, 1), 2, TABLES[name], dtype)
    assert_as_reference((32, 16, 2), 3, TABLES[name], dtype)


@DTYPES
@pytest.mark.parametrize("images", [0, 1, 5])
def test_batches_of_any_size_are_taken(images: int, dtype: torch.dtype) -> None:
    assert_as_reference((17, 23, 1), images, TABLES["radius 1"], dtype)


def test_no_images_give_no_gradient_of_the_weight() -> None:
    tables, n_in = TABLES["radius 1"]
    x, weight, bias = made((2, 3, 1), 0, n_in, 7, torch.float32)
    ops.conv(x, weight, bias, *tables, 1).sum().backward()
    assert weight.grad is not None
    assert not weight.grad.any()
    assert bias.grad is not None
    assert not bias.grad.any()


def test_weights_may_be_of_another_dtype_than_images() -> None:
    tables, n_in = TABLES["radius 1"]
    x, weight, bias = made((4, 6, 1), 2, n_in, 7, torch.float32)
    half = x.detach().bfloat16()
    y = ops.conv(half, weight, bias, *tables, 1)
    assert y.dtype == torch.bfloat16
    assert reference.relative(y, reference.conv(half, weight, bias, tables.rows)) <= 8e-3
    y.float().sum().backward()
    assert weight.grad is not None
    assert weight.grad.dtype == torch.float32


def test_weights_may_have_any_strides() -> None:
    tables, n_in = TABLES["radius 1"]
    x, weight, _ = made((4, 6, 1), 2, n_in, 7, torch.float32)
    turned = weight.detach().permute(2, 0, 1).contiguous().permute(1, 2, 0)
    assert not turned.is_contiguous()
    assert torch.equal(ops.conv(x, turned, None, *tables, 1), ops.conv(x, weight, None, *tables, 1))


@DTYPES
@pytest.mark.parametrize("shape", [(1, 16, 1), (17, 23, 1), (64, 64, 1), (12, 36, 3)], ids=str)
@pytest.mark.parametrize("name", ["radius 1", "stride 2"])
def test_bits_do_not_depend_on_batch_or_threads(name: str, shape: tuple[int, int, int], dtype: torch.dtype) -> None:
    tables, n_in = TABLES[name]
    x, weight, bias = (t.detach() for t in made(shape, 7, n_in, 7, dtype))
    grad = torch.randn(7, len(tables.rows), shape[1]).to(dtype)
    y = ops.conv(x, weight, bias, *tables, shape[2])
    back = ops.conv_input_grad(grad, weight, *tables, shape[2])
    sums = ops.conv_weight_grad(x, grad, *tables, shape[2], True)
    for start, stop in [(0, 1), (1, 3), (3, 7)]:
        assert torch.equal(ops.conv(x[start:stop], weight, bias, *tables, shape[2]), y[start:stop])
        assert torch.equal(ops.conv_input_grad(grad[start:stop], weight, *tables, shape[2]), back[start:stop])
    for threads in (2, 3):
        torch.set_num_threads(threads)
        assert torch.equal(ops.conv(x, weight, bias, *tables, shape[2]), y)
        assert torch.equal(ops.conv_input_grad(grad, weight, *tables, shape[2]), back)
        again = ops.conv_weight_grad(x, grad, *tables, shape[2], True)
        assert torch.equal(again[0], sums[0])
        assert torch.equal(again[1], sums[1])


def test_a_large_batch_gives_the_same_weight_gradient_for_any_number_of_threads() -> None:
    tables, n_in = reference.on_hexagon(24)
    x, grad = torch.randn(64, n_in, 2), torch.randn(64, n_in, 16)
    sums = ops.conv_weight_grad(x, grad, *tables, 1, True)
    torch.set_num_threads(3)
    assert torch.equal(ops.conv_weight_grad(x, grad, *tables, 1, True)[0], sums[0])


def test_the_input_gradient_is_the_adjoint() -> None:
    for name in ("radius 1", "radius 2, stride 2", "not injective"):
        tables, n_in = TABLES[name]
        x, weight, _ = (t.detach() for t in made((6, 9, 3), 2, n_in, tables.rows.shape[1], torch.float32))
        grad = torch.randn(2, len(tables.rows), 9)
        there = (ops.conv(x, weight, None, *tables, 3) * grad).double().sum()
        back = (ops.conv_input_grad(grad, weight, *tables, 3) * x).double().sum()
        assert float(there - back) == pytest.approx(0, abs=2e-4)


@DTYPES
def test_nan_and_infinity_go_where_they_are_seen_and_no_further(dtype: torch.dtype) -> None:
    tables, n_in = TABLES["radius 1"]
    x, weight, _ = (t.detach() for t in made((3, 18, 1), 2, n_in, 7, dtype))
    x[1, 40, 1], x[0, 12, 2] = float("nan"), float("inf")
    y = ops.conv(x, weight, None, *tables, 1)
    touched = torch.stack([(tables.rows == 12).any(1), (tables.rows == 40).any(1)])
    assert torch.equal(~torch.isfinite(y).any(2), touched)
    assert torch.equal(torch.isnan(y).all(2)[1], touched[1])


def test_an_infinite_weight_makes_nan_where_its_neighbour_is_missing() -> None:
    tables, n_in = TABLES["radius 1"]
    x, weight, _ = (t.detach() for t in made((2, 4, 1), 1, n_in, 7, torch.float32))
    weight[1, 0, 0] = float("inf")
    y = ops.conv(x.abs() + 1, weight, None, *tables, 1)
    assert torch.equal(torch.isnan(y[0, :, 1]), tables.rows[:, 0] < 0)
    assert torch.isfinite(y[0, :, 0]).all()


def test_what_lies_behind_the_images_is_not_read_into_the_result() -> None:
    tables, n_in = TABLES["radius 1"]
    memory = torch.full((n_in * 3 + 64,), float("nan"), dtype=torch.bfloat16)
    x = memory[: n_in * 3].view(1, n_in, 3)
    x.copy_(torch.randn(x.shape))
    weight = torch.randn(4, 3, 7)
    assert torch.isfinite(ops.conv(x, weight, None, *tables, 1)).all()
