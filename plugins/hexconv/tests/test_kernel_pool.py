"""The compiled pooling against torch."""

from __future__ import annotations

import kernel_reference as reference
import pytest
import torch
from torch import Tensor

from gammalearn_hexconv import kernel

pytestmark = pytest.mark.skipif(not kernel.available(), reason=kernel.why_not())
if kernel.available():
    from gammalearn_hexconv.kernel import ops

DTYPES = pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=["float32", "bfloat16"])
CHANNELS = pytest.mark.parametrize("channels", [1, 17, 64, 130])
TABLES = {
    "radius 1": reference.on_hexagon(9),
    "stride 2": reference.on_hexagon(11, stride=2),
    "not injective": reference.at_random(50, 40, 5, seed=1),
}
NAMES = pytest.mark.parametrize("name", TABLES)


def largest(x: Tensor, rows: Tensor, *, missing: float) -> Tensor:
    """The largest of the pixels seen, ``missing`` standing for those that are not there."""
    found = reference.seen(x, rows)
    return torch.where((rows < 0)[None, :, :, None], torch.tensor(missing, dtype=x.dtype), found).amax(2)


@DTYPES
@CHANNELS
@NAMES
@pytest.mark.parametrize("compat", [False, True])
def test_the_largest_is_taken(name: str, channels: int, compat: bool, dtype: torch.dtype) -> None:
    tables, n_in = TABLES[name]
    x = (torch.randn(3, n_in, channels) - 1).to(dtype)
    values, argmax = ops.max_pool(x, tables.rows, compat)
    wanted = largest(x, tables.rows, missing=0.0 if compat else -torch.inf)
    assert torch.equal(values, wanted)
    at = argmax.long()
    chosen = x.gather(1, at.clamp(min=0))
    assert torch.equal(torch.where(at >= 0, chosen, values), values)
    nobody = values == (0 if compat else -torch.inf)
    assert torch.equal(at < 0, nobody)


@DTYPES
@NAMES
def test_the_gradient_goes_to_the_largest(name: str, dtype: torch.dtype) -> None:
    tables, n_in = TABLES[name]
    order = torch.stack([torch.randperm(n_in * 5).view(n_in, 5) for _ in range(2)])
    x = (order - 40).to(dtype).requires_grad_()
    double = x.detach().double().requires_grad_()
    values, _ = ops.max_pool(x, tables.rows, True)
    grad = torch.randint(-8, 8, values.shape)
    (back,) = torch.autograd.grad(values, x, grad.to(dtype))
    wanted = largest(double, tables.rows, missing=0.0)
    ties = dtype == torch.bfloat16 or name == "not injective"
    (expected,) = torch.autograd.grad(wanted, double, grad.double())
    if ties:
        assert back.double().sum() == grad.double()[wanted > 0].sum()
    else:
        assert torch.equal(back.double(), expected)


def test_nan_is_larger_than_anything() -> None:
    tables, n_in = TABLES["radius 1"]
    x = torch.randn(1, n_in, 3)
    x[0, 20, 1] = torch.nan
    values, argmax = ops.max_pool(x, tables.rows, False)
    sees = (tables.rows == 20).any(1)
    assert torch.equal(torch.isnan(values[0, :, 1]), sees)
    assert torch.equal(argmax[0, :, 1] == 20, sees)
    assert torch.isfinite(values[0, :, [0, 2]]).all()


@DTYPES
@CHANNELS
@NAMES
@pytest.mark.parametrize("count_missing", [False, True])
def test_the_mean_is_taken(name: str, channels: int, count_missing: bool, dtype: torch.dtype) -> None:
    tables, n_in = TABLES[name]
    x = torch.randn(3, n_in, channels).to(dtype).requires_grad_()
    y = ops.avg_pool(x, *tables, count_missing)
    number = tables.rows.shape[1] if count_missing else (tables.rows >= 0).sum(1).clamp(min=1)[None, :, None]
    wanted = reference.seen(x.double(), tables.rows).sum(2) / number
    tolerance = 1e-6 if dtype == torch.float32 else 8e-3
    assert y.dtype == dtype
    assert reference.relative(y, wanted) <= tolerance
    grad = torch.randn(y.shape).to(dtype)
    (back,), (expected,) = (torch.autograd.grad(v, x, grad.to(v.dtype)) for v in (y, wanted))
    assert reference.relative(back, expected) <= tolerance


@NAMES
def test_bits_do_not_depend_on_batch_or_threads(name: str) -> None:
    tables, n_in = TABLES[name]
    x = torch.randn(5, n_in, 70)
    values, argmax = ops.max_pool(x, tables.rows, False)
    mean = ops.avg_pool(x, *tables, False)
    back = ops.max_pool_grad(values, argmax, n_in), ops.avg_pool_grad(values, *tables, False)
    assert torch.equal(ops.max_pool(x[1:3], tables.rows, False)[0], values[1:3])
    assert torch.equal(ops.avg_pool(x[1:3], *tables, False), mean[1:3])
    torch.set_num_threads(3)
    assert torch.equal(ops.max_pool(x, tables.rows, False)[1], argmax)
    assert torch.equal(ops.avg_pool(x, *tables, False), mean)
    assert torch.equal(ops.max_pool_grad(values, argmax, n_in), back[0])
    assert torch.equal(ops.avg_pool_grad(values, *tables, False), back[1])


def test_no_images_are_pooled() -> None:
    tables, n_in = TABLES["radius 1"]
    x = torch.randn(0, n_in, 3)
    values, argmax = ops.max_pool(x, tables.rows, False)
    assert values.shape == argmax.shape == (0, n_in, 3)
    assert ops.max_pool_grad(values, argmax, n_in).shape == x.shape
    assert ops.avg_pool(x, *tables, True).shape == x.shape
