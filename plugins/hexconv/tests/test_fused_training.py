"""Fused batch norm and attention in training, against torch in double precision."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch import nn

from gammalearn_hexconv import kernel
from gammalearn_hexconv.fused import training
from gammalearn_hexconv.fused.attention import attend
from gammalearn_hexconv.fused.attention import channel_means
from gammalearn_hexconv.fused.normalisation import batch_norm_act
from gammalearn_hexconv.fused.training import norm_relu
from gammalearn_hexconv.networks.attention import DualAttention
from gammalearn_hexconv.networks.attention import SpatialAttention
from gammalearn_hexconv.networks.attention import SqueezeExcite

pytestmark = pytest.mark.skipif(not kernel.available(), reason=f"no kernel: {kernel.why_not()}")

CHANNELS = [1, 3, 8, 16, 17, 64]
BATCHES = [1, 2, 5]
TYPES = [torch.float32, torch.bfloat16]
TOLERANCE = {torch.float32: 3e-6, torch.bfloat16: 1e-2}
"""Of the largest value."""


def images(n: int, channels: int, pixels: int, dtype: torch.dtype = torch.float32) -> Tensor:
    values = (torch.randn(n, channels, pixels, 1) * 2 + 3).to(dtype)
    return values.contiguous(memory_format=torch.channels_last).requires_grad_()


def norm(channels: int) -> nn.BatchNorm2d:
    module = nn.BatchNorm2d(channels)
    nn.init.uniform_(module.weight, 0.5, 2)
    nn.init.normal_(module.bias)
    return module


def double(tensor: Tensor) -> Tensor:
    return tensor.detach().double().requires_grad_(tensor.requires_grad)


def off(value: Tensor, wanted: Tensor) -> float:
    """Largest difference, over the largest value."""
    return float((value.detach().double() - wanted.detach()).abs().max() / wanted.detach().abs().max().clamp_min(1e-30))


@pytest.fixture
def plainly(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Call it to have plain torch from then on."""
    return lambda: monkeypatch.setattr(training, "_kernel_takes", lambda pixels: False)


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("residual", [False, True])
@pytest.mark.parametrize("n", BATCHES)
@pytest.mark.parametrize("channels", CHANNELS)
def test_batch_norm_is_that_of_torch(channels: int, n: int, residual: bool, dtype: torch.dtype) -> None:
    pixels, grad = images(n, channels, 331, dtype), images(n, channels, 331, dtype).detach()
    added = images(n, channels, 331, dtype) if residual else None
    mine, theirs = norm(channels), nn.BatchNorm2d(channels).double()
    theirs.load_state_dict(mine.state_dict())
    given = [pixels, *mine.parameters(), *([added] if added is not None else [])]
    output = norm_relu(mine, pixels, added)
    wanted_pixels = double(pixels)
    wanted_added = None if added is None else double(added)
    wanted = theirs(wanted_pixels)
    wanted = F.relu(wanted if wanted_added is None else wanted + wanted_added)
    wanted_given = [wanted_pixels, *theirs.parameters(), *([wanted_added] if wanted_added is not None else [])]
    assert type(output.grad_fn).__name__.startswith("GeneratedBackwardFor_gammalearn_hexconv")
    assert output.dtype == dtype
    assert off(output, wanted) < TOLERANCE[dtype]
    assert off(mine.running_mean, theirs.running_mean) < 1e-6
    assert off(mine.running_var, theirs.running_var) < 1e-6
    grads = torch.autograd.grad(output, given, grad)
    wanted_grads = torch.autograd.grad(wanted, wanted_given, grad.double())
    for value, double_value in zip(grads, wanted_grads, strict=True):
        # Where a value is rounded to zero its gradient goes or stays: the largest of them counts.
        assert off(value, double_value) < 5 * TOLERANCE[dtype]


@pytest.mark.parametrize("momentum", [0.1, None])
def test_running_statistics_are_those_of_torch(momentum: float | None) -> None:
    mine, theirs = nn.BatchNorm2d(8, momentum=momentum), nn.BatchNorm2d(8, momentum=momentum)
    for _ in range(3):
        pixels = images(4, 8, 50).detach()
        norm_relu(mine, pixels)
        theirs(pixels)
    for value, wanted in zip(mine.buffers(), theirs.buffers(), strict=True):
        assert torch.allclose(value.double(), wanted.double(), rtol=1e-6)
    assert int(mine.num_batches_tracked) == 3


def test_statistics_that_are_not_tracked_are_not_there() -> None:
    mine = nn.BatchNorm2d(8, track_running_stats=False)
    pixels = images(4, 8, 50)
    assert torch.allclose(norm_relu(mine, pixels), F.relu(mine(pixels)), atol=1e-5)


def test_at_zero_the_gradient_is_zero() -> None:
    module = nn.BatchNorm2d(16)
    nn.init.zeros_(module.weight)
    pixels = images(2, 16, 40)
    norm_relu(module, pixels).sum().backward()
    assert module.weight.grad is not None
    assert not module.weight.grad.any()
    assert module.bias.grad is not None
    assert not module.bias.grad.any()


@pytest.mark.parametrize("value", [0.0, 7.3, 1e6])
def test_a_constant_channel_gives_its_bias(value: float) -> None:
    module = norm(17)
    pixels = torch.full((3, 17, 900, 1), value).contiguous(memory_format=torch.channels_last)
    wanted = F.relu(module.bias)[None, :, None, None].expand_as(pixels)
    assert torch.allclose(norm_relu(module, pixels), wanted, atol=1e-6 + 1e-7 * value * 316)


def test_large_means_do_not_hide_small_differences() -> None:
    pixels = (images(5, 16, 700) * 0.01 + 1000).detach().contiguous(memory_format=torch.channels_last)
    module = nn.BatchNorm2d(16)
    wanted = F.relu(copy.deepcopy(module).double()(pixels.double()))
    assert off(norm_relu(module, pixels), wanted) < 1e-3


@pytest.mark.parametrize("channels", CHANNELS)
def test_nan_stays(channels: int) -> None:
    pixels = images(2, channels, 70).detach()
    pixels[1, 0, 69] = torch.nan
    normalised = norm_relu(norm(channels), pixels)
    assert normalised[:, 0].isnan().all()
    assert not normalised[:, 1:].isnan().any()
    spatial = SpatialAttention(channels)
    assert spatial(pixels)[1, :, 69].isnan().all()
    assert channel_means(pixels).isnan().tolist() == [[False] * channels, [True] + [False] * (channels - 1)]


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("n", BATCHES)
@pytest.mark.parametrize("channels", CHANNELS)
@pytest.mark.parametrize("kind", [SqueezeExcite, SpatialAttention, DualAttention])
def test_attention_is_that_of_torch(
    kind: Callable[[int], nn.Module], channels: int, n: int, dtype: torch.dtype, plainly: Callable[[], None]
) -> None:
    module = kind(channels).to(dtype)
    pixels, grad = images(n, channels, 331, dtype), images(n, channels, 331, dtype).detach()

    def results(to: torch.dtype) -> list[Tensor]:
        attention = copy.deepcopy(module).to(to)
        given = pixels.detach().to(to).requires_grad_()
        output = attention(given)
        return [output, *torch.autograd.grad(output, [given, *attention.parameters()], grad.to(to))]

    mine = results(dtype)
    plainly()
    theirs, exact = results(dtype), results(torch.float64)
    assert [value.dtype for value in mine] == [value.dtype for value in theirs]
    for value, plain, wanted in zip(mine, theirs, exact, strict=True):
        # Gradients of parameters are sums of such products, in which much cancels.
        scale = float(wanted.detach().abs().max()) + 0.1 * float((grad * pixels.detach()).abs().sum())
        assert error_of(value, wanted) < TOLERANCE[dtype] * scale + 2 * error_of(plain, wanted)


def error_of(value: Tensor, wanted: Tensor) -> float:
    return float((value.detach().double() - wanted.detach()).abs().max())


@pytest.mark.parametrize("channels", [3, 16, 64])
def test_results_do_not_depend_on_threads(channels: int) -> None:
    pixels, grad = images(5, channels, 1855), images(5, channels, 1855).detach()
    modules = norm(channels), DualAttention(channels)

    def results(threads: int) -> list[Tensor]:
        torch.set_num_threads(threads)
        first, second = copy.deepcopy(modules)
        output = second(norm_relu(first, pixels, pixels))
        parameters = [pixels, *first.parameters(), *second.parameters()]
        return [output, *first.buffers(), *second.buffers(), *torch.autograd.grad(output, parameters, grad)]

    one = results(1)
    for threads in (2, 3):
        assert all(torch.equal(a, b) for a, b in zip(one, results(threads), strict=True))


def test_other_types_and_layers_are_plain() -> None:
    pixels = images(2, 4, 9)
    synchronised = nn.SyncBatchNorm(4).eval()
    others = [
        norm_relu(norm(4).eval(), pixels),
        norm_relu(norm(4).double(), double(pixels)),
        norm_relu(nn.BatchNorm2d(4, affine=False), pixels),
        norm_relu(synchronised, pixels),  # type: ignore[arg-type]
    ]
    assert {type(output.grad_fn).__name__ for output in others} == {"ReluBackward0"}


def test_hooks_of_the_batch_norm_are_called() -> None:
    module, called = norm(4), []
    module.register_forward_hook(lambda *_: called.append(True))
    norm_relu(module, images(2, 4, 9))
    assert called == [True]


def test_one_value_a_channel_is_refused_as_torch_does() -> None:
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        norm_relu(norm(4), images(1, 4, 1))


def test_any_memory_format_will_do() -> None:
    pixels = images(3, 16, 20)
    spread = pixels.detach().contiguous(memory_format=torch.contiguous_format)
    assert torch.equal(norm_relu(norm(16), spread).isnan(), torch.zeros(3, 16, 20, 1).bool())
    torch.manual_seed(1)
    module = norm(16)
    assert torch.equal(norm_relu(module, spread), norm_relu(module, pixels))


@pytest.mark.parametrize("n", [1, 3])
def test_the_operations_are_what_torch_asks_of_operations(n: int) -> None:
    pixels, vectors = images(n, 6, 20), [torch.rand(6, requires_grad=True) for _ in range(3)]
    calls = [
        (batch_norm_act, (pixels, *vectors[:2], pixels.detach().clone(), 1e-5, True)),
        (channel_means, (pixels,)),
        (attend, (pixels, torch.rand(n, 6, requires_grad=True), pixels, *vectors, torch.rand(1), 1e-5, 1.0)),
    ]
    for operation, given in calls:
        torch.library.opcheck(operation, given)


def test_compiled_code_gives_the_same() -> None:
    class Both(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm = norm(16)
            self.attention = DualAttention(16)

        def forward(self, pixels: Tensor) -> Tensor:
            return self.attention(norm_relu(self.norm, pixels))  # type: ignore[no-any-return]

    module = Both()
    compiled = torch.compile(copy.deepcopy(module), fullgraph=True, backend="aot_eager")
    pixels = images(3, 16, 50)
    mine = torch.autograd.grad(module(pixels).square().sum(), [pixels, *module.parameters()])
    theirs = torch.autograd.grad(compiled(pixels).square().sum(), [pixels, *compiled.parameters()])
    for value, wanted in zip(mine, theirs, strict=True):
        assert torch.allclose(value, wanted, rtol=1e-5, atol=1e-5 * float(wanted.abs().max()))
    assert all(torch.equal(a, b) for a, b in zip(module.buffers(), compiled.buffers(), strict=True))


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda a: {**a, "images": a["images"].double()}, "float32 or bfloat16 on the CPU"),
        (lambda a: {**a, "images": a["images"].contiguous(memory_format=torch.contiguous_format)}, "channels-last"),
        (lambda a: {**a, "images": a["images"][0]}, "channels-last"),
        (lambda a: {**a, "images": a["images"][:0], "residual": a["images"][:0]}, "at least one pixel"),
        (lambda a: {**a, "weight": torch.ones(5)}, "weight must have 6 numbers"),
        (lambda a: {**a, "bias": torch.ones(6, dtype=torch.int64)}, "bias must have 6 numbers"),
        (lambda a: {**a, "residual": a["images"][:1]}, "residual must be"),
        (lambda a: {**a, "residual": a["images"].bfloat16()}, "residual must be"),
    ],
)
def test_what_does_not_fit_is_refused(change: Callable[[dict[str, Tensor]], dict[str, Tensor]], error: str) -> None:
    given = {"images": images(2, 6, 20).detach(), "weight": torch.ones(6), "bias": torch.ones(6)}
    given["residual"] = torch.zeros_like(given["images"])
    with pytest.raises((ValueError, TypeError), match=error):
        batch_norm_act(**change(given), epsilon=1e-5, relu=True)


def test_reduced_images_must_have_the_same_pixels() -> None:
    pixels, vector = images(2, 6, 20), torch.ones(6)
    with pytest.raises(ValueError, match="reduced must have the images' type, number and pixels"):
        attend(pixels, None, images(2, 6, 19), vector, vector, vector, torch.ones(1), 1e-5, 0.0)
    with pytest.raises(ValueError, match=r"channel_gate must be \(2, 6\)"):
        attend(pixels, torch.ones(2, 5), pixels, vector, vector, vector, torch.ones(1), 1e-5, 0.0)
