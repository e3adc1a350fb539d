"""The kernel's operations as operations of torch."""

from __future__ import annotations

import kernel_reference as reference
import pytest
import torch
from torch import Tensor
from torch.export import Dim
from torch.export import export

from gammalearn_hexconv import kernel

pytestmark = pytest.mark.skipif(not kernel.available(), reason=kernel.why_not())
if kernel.available():
    from gammalearn_hexconv.kernel import ops

TABLES, N_IN = reference.on_hexagon(7)
STRIDED, _ = reference.on_hexagon(7, stride=2)


def made(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(shape, dtype=dtype).requires_grad_()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=["float32", "bfloat16"])
def test_torch_finds_no_fault_with_the_operations(dtype: torch.dtype) -> None:
    x, weight, bias = made(2, N_IN, 4, dtype=dtype), made(6, 2, 7, dtype=dtype), made(6, dtype=dtype)
    grad, small = made(2, len(STRIDED.rows), 6, dtype=dtype), made(2, len(STRIDED.rows), 4, dtype=dtype)
    argmax = ops.max_pool(x.detach(), STRIDED.rows, False)[1]
    for op, inputs in [
        (ops.conv, (x, weight, bias, *STRIDED, 2)),
        (ops.conv, (x, weight, None, *STRIDED, 2)),
        (ops.conv_input_grad, (grad, weight, *STRIDED, 2)),
        (ops.conv_weight_grad, (x, grad, *STRIDED, 2, True)),
        (ops.conv_weight_grad, (x, grad, *STRIDED, 2, False)),
        (ops.max_pool, (x, STRIDED.rows, False)),
        (ops.max_pool_grad, (small, argmax, N_IN)),
        (ops.avg_pool, (x, *STRIDED, False)),
        (ops.avg_pool_grad, (small, *STRIDED, False)),
    ]:
        torch.library.opcheck(op, inputs)
    x, weight = x.detach(), weight.detach()
    torch.library.opcheck(ops.pack_weight, (weight, 2, dtype))
    for second in (False, True):
        scale = torch.randn(6)
        torch.library.opcheck(ops.conv_act, (x, weight, None, None, scale, scale, STRIDED.rows, 2, True, second))


class Layers(torch.nn.Module):
    """Two convolutions and two poolings."""

    def __init__(self) -> None:
        super().__init__()
        self.first = torch.nn.Parameter(torch.randn(8, 3, 7) / 4)
        self.second = torch.nn.Parameter(torch.randn(4, 4, 7) / 4)
        self.bias = torch.nn.Parameter(torch.randn(8))
        for name, tensor in zip("rit", TABLES, strict=True):
            self.register_buffer(name, tensor)

    def forward(self, x: Tensor) -> Tensor:
        tables = (self.r, self.i, self.t)
        x = torch.relu(ops.conv(x, self.first, self.bias, *tables, 1))
        x = ops.max_pool(x, self.r, False)[0]
        return ops.avg_pool(ops.conv(x, self.second, None, *tables, 2), *tables, False)


def gradients(run: torch.nn.Module, layers: Layers, x: Tensor) -> list[Tensor]:
    y = run(x)
    return [y, *torch.autograd.grad(y.square().sum(), [x, *layers.parameters()])]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_compiled_layers_give_the_same_bits() -> None:
    layers, x = Layers(), made(2, N_IN, 3)
    compiled = torch.compile(layers, fullgraph=True, backend="aot_eager")
    for actual, wanted in zip(gradients(compiled, layers, x), gradients(layers, layers, x), strict=True):
        assert torch.equal(actual, wanted)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_layers_are_exported_with_any_batch() -> None:
    layers, x = Layers(), torch.randn(2, N_IN, 3)
    program = export(layers, (x,), dynamic_shapes=({0: Dim("batch")},)).module()
    more = torch.randn(5, N_IN, 3)
    assert torch.equal(program(more), layers(more))


def test_under_autocast_convolution_is_bfloat16() -> None:
    x, weight, bias = made(2, N_IN, 4), made(6, 4, 7), made(6)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        y = ops.conv(x, weight, bias, *TABLES, 1)
    assert y.dtype == torch.bfloat16
    y.float().square().sum().backward()
    assert [t.grad.dtype for t in (x, weight, bias) if t.grad is not None] == [torch.float32] * 3
    wanted = ops.conv(x.bfloat16(), weight.bfloat16(), bias.bfloat16(), *TABLES, 1)
    assert torch.equal(y, wanted)


def test_gradients_of_gradients() -> None:
    x, weight, bias = made(2, N_IN, 4), made(6, 2, 7), made(6)

    def function(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        y = ops.conv(x, weight, bias, *STRIDED, 2)
        parts = torch.autograd.grad(y.square().sum(), (x, weight, bias), create_graph=True)
        return sum(part.square().sum() for part in parts)

    def exact(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        y = reference.conv(x, weight, bias, STRIDED.rows, 2)
        parts = torch.autograd.grad(y.square().sum(), (x, weight, bias), create_graph=True)
        return sum(part.square().sum() for part in parts)

    inputs = (x, weight, bias)
    doubles = tuple(t.detach().double().requires_grad_() for t in inputs)
    for actual, wanted in zip(
        torch.autograd.grad(function(*inputs), inputs),
        torch.autograd.grad(exact(*doubles), doubles),
        strict=True,
    ):
        assert reference.relative(actual, wanted) <= 1e-5


def test_gradients_of_gradients_of_pooling() -> None:
    def largest(x: Tensor) -> Tensor:
        return reference.seen(x, STRIDED.rows).amax(2)

    def mean(x: Tensor) -> Tensor:
        return reference.seen(x, STRIDED.rows).sum(2) / (STRIDED.rows >= 0).sum(1)[None, :, None]

    for actual, exact in [
        (lambda x: ops.max_pool(x, STRIDED.rows, True)[0], largest),
        (lambda x: ops.avg_pool(x, *STRIDED, False), mean),
    ]:
        found = []
        for pooled, x in [(actual, made(2, N_IN, 4)), (exact, made(2, N_IN, 4, dtype=torch.float64))]:
            torch.manual_seed(1)
            x = torch.rand(x.shape).to(x.dtype).requires_grad_()
            (grad,) = torch.autograd.grad(pooled(x).pow(3).sum(), x, create_graph=True)
            found += torch.autograd.grad(grad.square().sum(), x)
        assert reference.relative(*found) <= 1e-5


def test_gradients_that_are_not_contiguous_are_taken() -> None:
    x, weight = made(2, N_IN, 4), made(6, 4, 7)
    y = ops.conv(x, weight, None, *TABLES, 1)
    grad = torch.randn(6, N_IN, 2).permute(2, 1, 0)
    actual = torch.autograd.grad(y, (x, weight), grad, retain_graph=True)
    wanted = torch.autograd.grad(y, (x, weight), grad.contiguous())
    assert all(map(torch.equal, actual, wanted))
