"""Whole residual layers in training, as one operation, against their parts in double precision."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch import nn

from gammalearn_hexconv import HexConv2d
from gammalearn_hexconv import HexLattice
from gammalearn_hexconv import kernel
from gammalearn_hexconv.fused.residual import DirectLayer
from gammalearn_hexconv.fused.residual import residual_layer
from gammalearn_hexconv.fused.residual import residual_layer_grad
from gammalearn_hexconv.networks import blocks
from gammalearn_hexconv.networks.blocks import PreActivationLayer

pytestmark = pytest.mark.skipif(not kernel.available(), reason=f"no kernel: {kernel.why_not()}")

LATTICE = HexLattice([(q, r) for q in range(11) for r in range(9) if q + r > 2])
KINDS = [{}, {"preactivate": False}, {"stride": 2}, {"stride": 2, "preactivate": False}, {"radius": 2}]


def layer(in_channels: int, out_channels: int, **settings: object) -> PreActivationLayer:
    made = PreActivationLayer(in_channels, out_channels, LATTICE, **settings)  # type: ignore[arg-type]
    for module in made.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 2)
            nn.init.normal_(module.bias)
    return made


def images(n: int, channels: int, dtype: torch.dtype = torch.float32) -> Tensor:
    values = torch.randn(n, channels, LATTICE.n_pixels, 1).to(dtype)
    return values.contiguous(memory_format=torch.channels_last).requires_grad_()


def results(module: nn.Module, pixels: Tensor) -> list[Tensor]:
    """Output, running statistics, and gradients of pixels and parameters."""
    output = module(pixels)
    grad = torch.linspace(-1, 2, output.numel(), dtype=torch.float64).reshape(output.shape).to(output.dtype)
    grads = torch.autograd.grad(output, [pixels, *module.parameters()], grad)
    return [output.detach(), *(b for b in module.buffers() if b.is_floating_point()), *grads]


def exactly(module: nn.Module, pixels: Tensor) -> list[Tensor]:
    return results(copy.deepcopy(module).double(), pixels.detach().double().requires_grad_())


def by_parts(module: nn.Module, pixels: Tensor, monkeypatch: pytest.MonkeyPatch) -> list[Tensor]:
    with monkeypatch.context() as patch:
        patch.setattr(blocks, "pre_activated", lambda layer, pixels: None)
        return results(copy.deepcopy(module), pixels)


def error(value: Tensor, wanted: Tensor) -> float:
    return float((value.double() - wanted).abs().max())


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n", [1, 2, 5])
@pytest.mark.parametrize("channels", [(1, 1), (3, 8), (16, 16), (17, 17), (8, 64)])
def test_it_is_what_its_parts_are(
    channels: tuple[int, int], n: int, kind: dict[str, object], dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    module, pixels = layer(*channels, **kind).to(dtype), images(n, channels[0], dtype)
    exact, parts = exactly(module, pixels), by_parts(module, pixels, monkeypatch)
    assert "DirectLayer" in _names(copy.deepcopy(module)(pixels))
    mine = results(module, pixels)
    tolerance = 2e-5 if dtype == torch.float32 else 3e-2
    for value, part, wanted in zip(mine, parts, exact, strict=True):
        assert value.dtype == part.dtype
        # A value near zero that passes a ReLU here and not there moves a gradient, in the parts as well.
        assert error(value, wanted) < tolerance * float(wanted.abs().max() + 1) + 3 * error(part, wanted)


def _names(output: Tensor) -> str:
    node, names = output.grad_fn, ""
    while node is not None:
        names += type(node).__name__
        node = node.next_functions[0][0] if node.next_functions else None
    return names


def test_without_flips_it_is_exact(monkeypatch: pytest.MonkeyPatch) -> None:
    module, pixels = layer(8, 16, stride=2), images(4, 8)
    for norm in module.modules():
        if isinstance(norm, nn.BatchNorm2d):
            nn.init.constant_(norm.bias, 9.0)
    for value, wanted in zip(results(copy.deepcopy(module), pixels), exactly(module, pixels), strict=True):
        assert error(value, wanted) < 3e-6 * float(wanted.abs().max()) + 2e-4


@pytest.mark.parametrize("kind", KINDS)
def test_results_do_not_depend_on_threads(kind: dict[str, object]) -> None:
    module, pixels = layer(16, 32, **kind), images(5, 16)
    one = results(copy.deepcopy(module), pixels)
    for threads in (2, 3):
        torch.set_num_threads(threads)
        assert all(torch.equal(a, b) for a, b in zip(one, results(copy.deepcopy(module), pixels), strict=True))


PLAIN: list[Callable[[PreActivationLayer], object]] = [
    lambda module: module.eval(),
    lambda module: module.second.norm.eval(),  # type: ignore[union-attr]
    lambda module: module.double(),
    lambda module: module.first.conv.register_forward_hook(lambda *_: None),
    lambda module: module.second.register_forward_pre_hook(lambda *_: None),
    lambda module: setattr(module.second.conv, "backend", "gather"),
    lambda module: setattr(module.first.norm, "eps", 1e-3),
    lambda module: setattr(module.second, "norm", nn.BatchNorm2d(4, affine=False)),
]


@pytest.mark.parametrize("change", PLAIN)
def test_where_it_does_not_apply_the_parts_are_used(change: Callable[[PreActivationLayer], object]) -> None:
    module = layer(4, 4)
    change(module)
    dtype = module.first.conv.weight.dtype
    output = module(images(2, 4, torch.float32).detach().to(dtype).requires_grad_())
    assert "DirectLayer" not in _names(output)


def test_under_autocast_the_parts_are_used() -> None:
    with torch.autocast("cpu", torch.bfloat16):
        output = layer(4, 4)(images(2, 4))
    assert "DirectLayer" not in _names(output)


def test_no_images_are_legal() -> None:
    assert layer(4, 4).eval()(images(0, 4)).shape == (0, 4, LATTICE.n_pixels, 1)


def test_checkpoints_are_those_of_the_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    module, pixels = layer(4, 8, stride=2), images(3, 4)
    names = list(module.state_dict())
    module(pixels)
    assert list(module.state_dict()) == names
    twin = layer(4, 8, stride=2)
    twin.load_state_dict(module.state_dict())
    monkeypatch.setattr(blocks, "pre_activated", lambda layer, pixels: None)
    assert torch.allclose(twin.eval()(pixels), module.eval()(pixels))


def arguments(module: PreActivationLayer, pixels: Tensor) -> tuple[object, ...]:
    parts = module.first, module.second, module.shortcut
    given: list[object] = []
    for part in parts:
        norm = None if part is None else part.norm
        vectors = (None, None) if norm is None else (norm.weight, norm.bias)
        given += [None] * 4 if part is None else [*vectors, part.conv.weight, part.conv.bias]
    for conv in (module.first.conv, module.second.conv):
        assert isinstance(conv, HexConv2d)
        given += [conv.site.rows, conv.site.inverse_rows, conv.site.inverse_taps]
    return pixels.squeeze(3).transpose(1, 2).detach().contiguous().requires_grad_(), *given, 1e-5


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_what_torch_asks_of_an_operation(kind: dict[str, object]) -> None:
    given = arguments(layer(3, 5, **kind), images(2, 3))
    torch.library.opcheck(residual_layer, given)
    with torch.no_grad():
        output, *others = residual_layer(*given)
    detached = [value.detach() if isinstance(value, Tensor) else value for value in given]
    torch.library.opcheck(residual_layer_grad, (output, *others, *detached))


def test_wrong_arguments_are_refused() -> None:
    given = list(arguments(layer(4, 4), images(2, 4)))
    for at, wrong, message in (
        (0, torch.zeros(2, 4), "x must be"),
        (0, torch.zeros(2, LATTICE.n_pixels, 5), "x must have pixels with 4 channels"),
        (0, torch.zeros(0, LATTICE.n_pixels, 4), "x must have pixels"),
        (1, torch.ones(3), "norm_weight must have 4 numbers"),
        (13, torch.zeros(1, 7), "rows must be int32"),
        (13, torch.full((5, 7), 10**6, dtype=torch.int32), "rows"),
    ):
        with pytest.raises((ValueError, TypeError), match=message):
            residual_layer(*given[:at], wrong, *given[at + 1 :])


@pytest.mark.parametrize("kind", KINDS)
def test_with_and_without_the_dispatcher_it_is_the_same(kind: dict[str, object]) -> None:
    given = arguments(layer(3, 5, **kind), images(2, 3))
    differentiable = [value for value in given if isinstance(value, Tensor) and value.requires_grad]
    outputs = [operation(*given) for operation in (residual_layer, DirectLayer.apply)]
    grads = [torch.autograd.grad(output[0].square().sum(), differentiable) for output in outputs]
    for value, wanted in zip((*outputs[0], *grads[0]), (*outputs[1], *grads[1]), strict=True):
        assert torch.equal(value, wanted)


def test_gradients_of_gradients_are_refused() -> None:
    pixels, residual = images(2, 4), layer(4, 4)
    parameters = list(residual.parameters())
    for wanted in ([pixels], parameters):
        grad = torch.autograd.grad(residual(pixels).square().sum(), pixels, create_graph=True)[0]
        with pytest.raises(RuntimeError, match="residual_layer_grad"):
            torch.autograd.grad(grad.square().sum(), wanted)
    grad = torch.autograd.grad(residual(pixels).square().sum(), pixels, create_graph=True)[0]
    with pytest.raises(RuntimeError, match="residual_layer_grad"):
        grad.sum().backward()


def test_wrong_arguments_of_the_gradient_are_refused() -> None:
    given = arguments(layer(4, 4), images(2, 4))
    detached = [value.detach() if isinstance(value, Tensor) else value for value in given]
    output, *others = residual_layer(*detached)
    for at, wrong, message in (
        (0, output[:1], "grad must be"),
        (1, output.bfloat16(), "hidden must be"),
        (2, torch.zeros(3, 5), r"first_statistics must be \(3, 4\)"),
    ):
        call = [output, *others, *detached]
        call[at] = wrong
        with pytest.raises(ValueError, match=message):
            residual_layer_grad(*call)


def test_compiled_code_gives_the_same() -> None:
    module = nn.Sequential(layer(4, 8, stride=2), PreActivationLayer(8, 8, LATTICE.coarsen(2)))
    compiled, pixels = torch.compile(copy.deepcopy(module), fullgraph=True, backend="aot_eager"), images(3, 4)
    for value, wanted in zip(results(compiled, pixels), results(module, pixels), strict=True):
        assert torch.allclose(value, wanted, rtol=1e-5, atol=1e-5)
