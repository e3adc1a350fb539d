from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import hexagonal
from conftest import ragged
from conftest import real
from conftest import square
from conftest import two_sizes
from torch import Tensor

from gammalearn_hexconv import HexAvgPool2d
from gammalearn_hexconv import HexConv2d
from gammalearn_hexconv import HexConvTranspose2d
from gammalearn_hexconv import HexLattice
from gammalearn_hexconv import HexMaxPool2d
from gammalearn_hexconv import NeighbourTable
from gammalearn_hexconv import backend_report
from gammalearn_hexconv import kernel
from gammalearn_hexconv.functional import hex_avg_pool2d
from gammalearn_hexconv.functional import hex_conv2d
from gammalearn_hexconv.functional import hex_max_pool2d

CAMERAS = {
    "hexagonal": ragged,
    "square": lambda: square(9),
    "irregular": two_sizes,
    "FlashCam": lambda: real("FlashCam"),
}
SETTINGS = [
    {},
    {"radius": 2},
    {"radius": 3, "stride": 2, "groups": 2},
    {"stride": 3},
    {"radius": 2, "stride": 4, "dilation": 2},
    {"dilation": 3, "groups": 4, "bias": False},
    {"stride": 2, "indexedconv_compat": True},
    {"stride": "sqrt7"},
]
FASTEST = "indirect" if kernel.available() else "axial"


@pytest.fixture(params=CAMERAS)
def lattice(request: pytest.FixtureRequest) -> HexLattice:
    """One of each kind."""
    return HexLattice.from_camera(CAMERAS[request.param]())


def layers(
    layer: type[HexConv2d | HexConvTranspose2d], lattice: HexLattice, setting: dict[str, object], dtype: torch.dtype
) -> Iterator[HexConv2d | HexConvTranspose2d]:
    """The same layer by every backend that can compute it, the gathered one first."""
    state: dict[str, Tensor] = {}
    for backend in ("gather", "axial", "indirect", "reference"):
        found = layer(4, 8, lattice, backend=backend, **setting).to(dtype)  # type: ignore[arg-type]
        state = state or found.state_dict()
        found.load_state_dict(state)
        try:
            found.chosen_backend()
        except ValueError:
            continue
        yield found


def results(layer: torch.nn.Module, pixels: Tensor, gradient: Tensor | None) -> list[Tensor]:
    """Output and gradients; the gradient of the output is drawn if it is not given."""
    pixels = pixels.detach().requires_grad_()
    output = layer(pixels)
    output.backward(torch.linspace(-1, 1, output.numel(), dtype=output.dtype).view(output.shape))
    assert pixels.grad is not None
    return [output.detach(), pixels.grad, *(p.grad for p in layer.parameters() if p.grad is not None)]


@pytest.mark.parametrize("setting", SETTINGS, ids=str)
@pytest.mark.parametrize("layer", [HexConv2d, HexConvTranspose2d])
def test_all_backends_give_the_same(
    lattice: HexLattice, layer: type[HexConv2d | HexConvTranspose2d], setting: dict[str, object]
) -> None:
    try:
        found = layer(4, 8, lattice, **setting)  # type: ignore[arg-type]
    except ValueError:
        assert lattice.kind == "irregular" or (lattice.kind, setting["stride"]) == ("square", "sqrt7")
        return
    n_in = found.table.n_in
    for dtype, tolerance in ((torch.float64, 1e-12), (torch.float32, 5e-6)):
        pixels = torch.randn(2, 4, n_in, dtype=dtype)
        first, *others = layers(layer, lattice, setting, dtype)
        expected = results(first, pixels, None)
        assert others
        for other in others:
            for ours, theirs in zip(results(other, pixels, None), expected, strict=True):
                scale = max(1.0, float(theirs.abs().max()))
                torch.testing.assert_close(ours, theirs, atol=tolerance * scale, rtol=0)


@pytest.mark.parametrize("setting", [{"stride": 1}, {"stride": 2}, {"kernel": "rhombus"}, {"stride": "sqrt7"}], ids=str)
@pytest.mark.parametrize("layer", [HexMaxPool2d, HexAvgPool2d])
def test_all_backends_pool_the_same(
    lattice: HexLattice, layer: type[HexMaxPool2d | HexAvgPool2d], setting: dict[str, object]
) -> None:
    if (lattice.kind != "hexagonal" and "sqrt7" in setting.values()) or (
        lattice.kind == "irregular" and "kernel" in setting
    ):
        with pytest.raises(ValueError, match=r"only"):
            layer(lattice, **setting)  # type: ignore[arg-type]
        return
    pixels = torch.randn(3, 5, lattice.n_pixels)
    gathered = layer(lattice, backend="gather", **setting)  # type: ignore[arg-type]
    for backend in {FASTEST} - {"axial"}:
        other = layer(lattice, backend=backend, **setting)  # type: ignore[arg-type]
        for ours, theirs in zip(results(other, pixels, None), results(gathered, pixels, None), strict=True):
            torch.testing.assert_close(ours, theirs)


ANY = NeighbourTable(np.random.default_rng(0).integers(-1, 5, (40, 3)), 6)
"""A table that is that of no lattice, and has inputs more than once a tap."""


def test_any_table_will_do() -> None:
    weight = torch.randn(8, 2, 3, dtype=torch.float64, requires_grad=True)
    pixels = torch.randn(2, 4, 6, dtype=torch.float64, requires_grad=True)

    def conv(pixels: Tensor, weight: Tensor) -> Tensor:
        return hex_conv2d(pixels, weight, None, ANY, groups=2, backend="gather")

    torch.autograd.gradcheck(conv, (pixels, weight))
    torch.autograd.gradgradcheck(conv, (pixels, weight))
    full = torch.randn(8, 4, 3, dtype=torch.float64)
    expected = hex_conv2d(pixels.detach(), full, None, ANY, backend="gather")
    pytest.importorskip("indexedconv")
    torch.testing.assert_close(hex_conv2d(pixels.detach(), full, None, ANY, backend="reference"), expected)


@pytest.mark.skipif(not kernel.available(), reason=f"no compiled kernel: {kernel.why_not()}")
def test_any_table_will_do_for_the_kernel() -> None:
    weight, pixels = torch.randn(8, 4, 3), torch.randn(2, 4, 6)
    found = []
    for backend in ("gather", "indirect"):
        w, x = weight.clone().requires_grad_(), pixels.clone().requires_grad_()
        output = hex_conv2d(x, w, None, ANY, backend=backend)  # type: ignore[arg-type]
        output.square().sum().backward()  # type: ignore[no-untyped-call]
        pooled = hex_max_pool2d(x, ANY, backend=backend), hex_avg_pool2d(x, ANY, backend=backend)  # type: ignore[arg-type]
        found.append([output, x.grad, w.grad, *pooled])
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs, atol=2e-5, rtol=1e-5)


@pytest.mark.parametrize("setting", [{}, {"stride": 2, "radius": 2}, {"groups": 2, "dilation": 2}], ids=str)
@pytest.mark.parametrize("backend", ["gather", "axial"])
@pytest.mark.parametrize("layer", [HexConv2d, HexConvTranspose2d])
def test_gradients_are_those_of_finite_differences(
    layer: type[HexConv2d | HexConvTranspose2d], backend: str, setting: dict[str, object]
) -> None:
    lattice = HexLattice([(0, 0), (1, 0), (0, 1), (3, 1), (2, 1), (2, 0), (5, -3)])
    conv = layer(2, 4, lattice, backend=backend, **setting).double()  # type: ignore[arg-type]
    pixels = torch.randn(2, 2, conv.table.n_in, dtype=torch.float64, requires_grad=True)
    assert conv.bias is not None

    def run(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        return torch.func.functional_call(conv, {"weight": weight, "bias": bias}, x)

    torch.autograd.gradcheck(run, (pixels, conv.weight, conv.bias))
    torch.autograd.gradgradcheck(run, (pixels, conv.weight, conv.bias))


@pytest.mark.parametrize("compat", [False, True])
def test_gradients_of_poolings_are_those_of_finite_differences(compat: bool) -> None:
    lattice = HexLattice([(0, 0), (1, 0), (0, 1), (3, 1), (2, 1), (2, 0), (5, -3)])
    pixels = torch.randn(2, 2, 7, dtype=torch.float64, requires_grad=True)
    for stride in (1, 2):
        torch.autograd.gradcheck(HexMaxPool2d(lattice, stride=stride, indexedconv_compat=compat), pixels)
        torch.autograd.gradcheck(HexAvgPool2d(lattice, stride=stride, indexedconv_compat=compat), pixels)
        torch.autograd.gradgradcheck(HexAvgPool2d(lattice, stride=stride, indexedconv_compat=compat), pixels)


BITWISE = ["gather", *(["indirect"] if kernel.available() else [])]
BITWISE_SETTINGS = [(1, 16, {}), (16, 32, {}), (17, 23, {"radius": 2, "stride": 2}), (64, 64, {"stride": 2})]


@pytest.mark.parametrize(("in_channels", "out_channels", "setting"), BITWISE_SETTINGS)
@pytest.mark.parametrize("backend", BITWISE)
@pytest.mark.parametrize("transposed", [False, True])
def test_what_an_image_gives_does_not_depend_on_the_batch(
    backend: str, in_channels: int, out_channels: int, setting: dict[str, int], transposed: bool
) -> None:
    lattice = HexLattice.from_camera(real("VERITAS"))
    cls = HexConvTranspose2d if transposed else HexConv2d
    layer = cls(in_channels, out_channels, lattice, backend=backend, **setting)  # type: ignore[arg-type]
    pixels = torch.randn(37, in_channels, layer.table.n_in)
    output, gradient, *_ = results(layer, pixels, None)
    seed = torch.linspace(-1, 1, output.numel()).view(output.shape)
    for sizes in ([1] * 37, [2, 35], [16, 16, 5]):
        parts, gradients = [], []
        for part, of_part in zip(pixels.split(sizes), seed.split(sizes), strict=True):
            x = part.clone().requires_grad_()
            y = layer(x)
            y.backward(of_part)
            assert x.grad is not None
            parts.append(y)
            gradients.append(x.grad)
        assert torch.equal(torch.cat(parts), output)
        assert torch.equal(torch.cat(gradients), gradient)


@pytest.mark.parametrize(("in_channels", "out_channels", "setting"), BITWISE_SETTINGS)
@pytest.mark.parametrize("backend", BITWISE)
def test_nothing_depends_on_the_number_of_threads(
    backend: str, in_channels: int, out_channels: int, setting: dict[str, int]
) -> None:
    lattice = HexLattice.from_camera(real("VERITAS"))
    layer = HexConv2d(in_channels, out_channels, lattice, backend=backend, **setting)  # type: ignore[arg-type]
    pixels = torch.randn(19, in_channels, lattice.n_pixels)
    found = []
    for threads in (1, 2, 3):
        torch.set_num_threads(threads)
        layer.zero_grad()
        found.append(results(layer, pixels, None))
    for other in found[1:]:
        for ours, theirs in zip(other, found[0], strict=True):
            assert torch.equal(ours, theirs)


def test_poolings_depend_neither_on_the_batch_nor_on_threads() -> None:
    lattice = HexLattice.from_camera(real("VERITAS"))
    pixels = torch.randn(11, 5, lattice.n_pixels)
    for backend in BITWISE:
        for layer in (HexMaxPool2d(lattice, backend=backend), HexAvgPool2d(lattice, backend=backend)):  # type: ignore[arg-type]
            found = []
            for threads, sizes in ((1, [11]), (2, [11]), (1, [1, 10]), (2, [4, 4, 3])):
                torch.set_num_threads(threads)
                found.append(torch.cat([layer(part) for part in pixels.split(sizes)]))
            assert all(torch.equal(other, found[0]) for other in found[1:])


def test_a_layer_says_what_computes_it() -> None:
    lattice = HexLattice.from_camera(hexagonal(8))
    model = torch.nn.Sequential(
        HexConv2d(1, 8, lattice), torch.nn.ReLU(), HexMaxPool2d(lattice), HexConv2d(8, 8, lattice, backend="axial")
    )
    report = backend_report(model)
    assert [layer.name for layer in report] == ["0", "2", "3"]
    assert report[0].backend == ("indirect" if kernel.available() else "gather")
    assert report[2][1:] == ("HexConv2d", "axial", "it is asked for")
    assert str(report).splitlines()[2].split() == ["3", "HexConv2d", "axial", "it", "is", "asked", "for"]
    in_double = backend_report(model.double())
    assert in_double[0].backend == "gather"
    assert "float64" in in_double[0].reason
    assert "1 channels are too few" in in_double[0].reason


def test_without_the_kernel_dense_boxes_are_for_many_channels_and_full_boxes() -> None:
    lattice = HexLattice.from_camera(real("FlashCam"))
    thin = HexLattice([(i, 0) for i in range(8)] + [(0, 8)])
    irregular = HexLattice.from_camera(two_sizes())
    assert HexConv2d(8, 8, lattice).double().chosen_backend().backend == "axial"
    assert HexConvTranspose2d(8, 8, lattice, stride=2).double().chosen_backend().backend == "axial"
    for layer, reason in (
        (HexConv2d(7, 8, lattice), "7 channels are too few"),
        (HexConv2d(8, 8, thin), "of a dense box would be occupied"),
        (HexConv2d(8, 8, irregular), "not those of a kernel on a lattice"),
    ):
        choice = layer.double().chosen_backend()
        assert choice.backend == "gather"
        assert reason in choice.reason


def test_the_smallest_of_three_boxes_is_taken() -> None:
    from gammalearn_hexconv.backends.frame import axial_frame

    # A long strip along each of the three axes, one pixel wide.
    for step in ((1, 0), (0, 1), (-1, 1)):
        frame = axial_frame(HexLattice(np.outer(range(20), step)).table())
        assert frame is not None
        assert frame.fill > 0.3
    for name, fill in (("LSTCam", 0.6), ("FlashCam", 0.56), ("HESS-II", 0.66)):
        frame = axial_frame(HexLattice.from_camera(real(name)).table())
        assert frame is not None
        assert frame.fill > fill


@pytest.mark.parametrize(
    ("backend", "setting", "reason"),
    [
        ("axial", {"stride": "sqrt7"}, "the outputs are not those of a kernel on a lattice"),
        ("reference", {"groups": 2}, "IndexedConv has no groups"),
        ("indirect", {}, "the kernel is for float32 and bfloat16, not for float64"),
    ],
)
def test_a_backend_that_cannot_do_it_says_why(backend: str, setting: dict[str, object], reason: str) -> None:
    lattice = HexLattice.from_camera(hexagonal(4))
    layer = HexConv2d(2, 2, lattice, backend=backend, **setting).double()  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=f"{backend!r} cannot run this layer: {reason}"):
        layer(torch.zeros(1, 2, lattice.n_pixels, dtype=torch.float64))


def test_poolings_that_a_backend_cannot_do_are_refused() -> None:
    lattice = HexLattice.from_camera(hexagonal(4))
    pixels = torch.zeros(1, 2, lattice.n_pixels)
    with pytest.raises(ValueError, match="poolings are not computed in a dense box"):
        HexMaxPool2d(lattice, backend="axial")(pixels)
    with pytest.raises(ValueError, match="IndexedConv counts missing pixels as zeros"):
        HexMaxPool2d(lattice, backend="reference")(pixels)


def test_an_unknown_backend_is_refused() -> None:
    with pytest.raises(ValueError, match="backend must be one of 'auto', 'indirect', 'axial', 'gather', 'reference'"):
        HexConv2d(1, 1, HexLattice.from_camera(hexagonal(1)), backend="fast")  # type: ignore[arg-type]


def test_asking_indexedconv_draws_no_numbers() -> None:
    pytest.importorskip("indexedconv")
    lattice = HexLattice.from_camera(hexagonal(2))
    layer = HexConv2d(1, 1, lattice, backend="reference")
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    layer(torch.zeros(1, 1, lattice.n_pixels))
    assert torch.equal(torch.rand(1), expected)


MEMORY = """
import torch
from pathlib import Path
from conftest import real
from gammalearn_hexconv import HexConv2d, HexLattice
torch.set_num_threads(1)
lattice = HexLattice.from_camera(real("LSTCam"))
layer = HexConv2d(64, 64, lattice)
image = torch.randn(64, 64, 1855, 1).to(memory_format=torch.channels_last)
def memory(key):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(key))
with torch.no_grad():
    layer(image[:1])
    Path("/proc/self/clear_refs").write_text("5")
    before = memory("VmRSS")
    output = layer(image)
print((memory("VmHWM") - before) / (output.numel() * 4))
"""


@pytest.mark.skipif(not kernel.available(), reason=f"no compiled kernel: {kernel.why_not()}")
@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="peak memory is read from /proc")
def test_a_layer_takes_the_memory_of_its_output() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", MEMORY],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        check=True,
    )
    assert 0.8 < float(done.stdout) <= 1.2
