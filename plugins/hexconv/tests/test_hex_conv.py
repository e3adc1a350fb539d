from __future__ import annotations

import numpy as np
import pytest
import torch
from conftest import hexagonal
from torch import Tensor

from gammalearn_core.api import CameraGeometry
from gammalearn_hexconv import HexConvTranspose2d
from gammalearn_hexconv import HexMaxPool2d
from gammalearn_hexconv import kernel
from gammalearn_hexconv.backends import Backend
from gammalearn_hexconv.functional import hex_conv2d
from gammalearn_hexconv.lattice import TAPS
from gammalearn_hexconv.lattice import HexLattice
from gammalearn_hexconv.modules import HexConv2d

BACKENDS: list[Backend] = ["gather", "axial"]
BACKENDS += ["indirect"] if kernel.available() else []


def brute_force(conv: HexConv2d, pixels: Tensor) -> Tensor:
    """The same sum, one product at a time."""
    row = {tuple(point): i for i, point in enumerate(conv.lattice.axial.tolist())}
    assert conv.bias is not None
    output = conv.bias[:, None].repeat(len(pixels), 1, conv.out_lattice.n_pixels)
    for out, centre in enumerate(conv.out_lattice.axial * conv.stride):
        for k, step in enumerate(TAPS):
            if (seen := row.get(tuple((centre + step).tolist()))) is not None:
                output[:, :, out] += pixels[:, :, seen] @ conv.weight[:, :, k].T
    return output


@pytest.mark.parametrize("stride", [1, 2])
def test_it_is_the_sum_over_taps(camera: CameraGeometry, stride: int) -> None:
    conv = HexConv2d(3, 4, HexLattice.from_camera(camera), stride=stride).double()
    pixels = torch.randn(2, 3, camera.n_pixels, dtype=torch.float64)
    torch.testing.assert_close(conv(pixels), brute_force(conv, pixels))


def test_it_equals_indexedconv(camera: CameraGeometry) -> None:
    engine = pytest.importorskip("indexedconv.engine")
    utils = pytest.importorskip("indexedconv.utils")
    lattice = HexLattice.from_camera(camera)
    i, j = torch.tensor([(q, -r) for q, r in lattice.axial.tolist()]).T
    j = j - j.min()
    matrix = torch.full((1, 1, int(i.max()) + 1, int(j.max()) + 1), -1)
    matrix[0, 0, i, j] = torch.arange(camera.n_pixels)
    theirs = engine.IndexedConv(3, 4, utils.neighbours_extraction(matrix)).double()
    ours = HexConv2d(3, 4, lattice).double()
    ours.load_state_dict({name: theirs.state_dict()[name] for name in ("weight", "bias")})
    pixels = torch.randn(2, 3, camera.n_pixels, dtype=torch.float64)
    raster = matrix[matrix >= 0]
    torch.testing.assert_close(ours(pixels)[:, :, raster], theirs(pixels))


def test_shuffled_pixels_give_the_output_shuffled_alike(camera: CameraGeometry) -> None:
    order = np.random.default_rng(5).permutation(camera.n_pixels)
    shuffled = CameraGeometry(
        name="shuffled", x=camera.x[order], y=camera.y[order], area=camera.area[order], focal_length=28.0
    )
    conv = HexConv2d(2, 3, HexLattice.from_camera(camera))
    other = HexConv2d(2, 3, HexLattice.from_camera(shuffled))
    other.load_state_dict(conv.state_dict())
    pixels = torch.randn(2, 2, camera.n_pixels)
    torch.testing.assert_close(other(pixels[:, :, order]), conv(pixels)[:, :, order])


def test_what_is_outside_counts_as_zero(small: CameraGeometry) -> None:
    conv = HexConv2d(1, 1, HexLattice.from_camera(small), bias=False)
    torch.nn.init.ones_(conv.weight)
    seen = conv(torch.ones(1, 1, small.n_pixels))[0, 0]
    start, _ = small.neighbours
    torch.testing.assert_close(seen, torch.from_numpy(np.diff(start) + 1).float())
    assert seen.min() == 4


@pytest.mark.parametrize("stride", [1, 2])
def test_gradients_are_those_of_finite_differences(stride: int) -> None:
    lattice = HexLattice([(0, 0), (1, 0), (0, 1), (3, 1), (2, 1), (2, 0)])
    conv = HexConv2d(2, 3, lattice, stride=stride).double()
    pixels = torch.randn(2, 2, 6, dtype=torch.float64, requires_grad=True)
    assert conv.bias is not None
    torch.autograd.gradcheck(
        lambda x, weight, bias: torch.func.functional_call(conv, {"weight": weight, "bias": bias}, x),
        (pixels, conv.weight, conv.bias),
    )


def test_it_begins_like_a_convolution_of_torch() -> None:
    conv = HexConv2d(16, 64, HexLattice([(0, 0), (1, 0), (0, 1)]))
    bound = (16 * 7) ** -0.5
    assert conv.bias is not None
    for values in (conv.weight, conv.bias):
        assert values.abs().max() <= bound
        assert values.abs().max() > 0.9 * bound
        assert abs(values.mean()) < 0.2 * bound


def test_its_state_is_weight_and_bias_alone(small: CameraGeometry) -> None:
    lattice = HexLattice.from_camera(small)
    assert set(HexConv2d(1, 1, lattice).state_dict()) == {"weight", "bias"}
    assert set(HexConv2d(1, 1, lattice, bias=False).state_dict()) == {"weight"}


@pytest.mark.parametrize("n", [0, 1, 5])
def test_any_number_of_images_is_legal(small: CameraGeometry, n: int) -> None:
    conv = HexConv2d(2, 3, HexLattice.from_camera(small), stride=2)
    pixels = torch.randn(n, 2, small.n_pixels, requires_grad=True)
    output = conv(pixels)
    assert output.shape == (n, 3, conv.out_lattice.n_pixels)
    output.sum().backward()
    assert pixels.grad is not None


def test_half_precision_stays_half(small: CameraGeometry) -> None:
    conv = HexConv2d(2, 3, HexLattice.from_camera(small))
    pixels = torch.randn(2, 2, small.n_pixels)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        output = conv(pixels)
    assert output.dtype == torch.bfloat16
    torch.testing.assert_close(output.float(), conv(pixels), atol=0.05, rtol=0.05)


@pytest.mark.parametrize("shape", [(2, 1, 217), (2, 2, 218), (3, 217), (217,), (2, 2, 217, 2), (2, 2, 217, 1, 1)])
def test_an_input_of_another_shape_is_refused(small: CameraGeometry, shape: tuple[int, ...]) -> None:
    conv = HexConv2d(2, 3, HexLattice.from_camera(small))
    with pytest.raises(ValueError, match=r"expected an input of the shape \(n, 2, 217\), got"):
        conv(torch.zeros(shape))


def test_with_stride_2_an_even_pixel_gives_what_it_gives_without(camera: CameraGeometry) -> None:
    lattice = HexLattice.from_camera(camera)
    conv, strided = (HexConv2d(3, 4, lattice, radius=2, stride=stride).double() for stride in (1, 2))
    strided.load_state_dict(conv.state_dict())
    pixels = torch.randn(2, 3, camera.n_pixels, dtype=torch.float64)
    middle = torch.from_numpy(strided.table.rows[:, 9].astype(np.int64))
    there = middle >= 0
    torch.testing.assert_close(strided(pixels)[..., there], conv(pixels)[..., middle[there]])


@pytest.mark.parametrize("backend", BACKENDS)
def test_any_layout_gives_the_same_stored_channels_last(small: CameraGeometry, backend: Backend) -> None:
    conv = HexConv2d(3, 8, HexLattice.from_camera(small), stride=2, backend=backend)
    pixels = torch.randn(4, 3, 217)
    output = conv(pixels)
    n_out = conv.out_lattice.n_pixels
    assert output.shape == (4, 8, n_out)
    last = pixels.transpose(1, 2).contiguous().transpose(1, 2)
    reversed_order = pixels.flip(0, 1, 2).contiguous().flip(0, 1, 2)
    sliced = torch.cat([pixels, pixels], dim=2)[:, :, :217]
    for other in (last, reversed_order, sliced):
        assert torch.equal(conv(other), output)
    flat = conv(pixels.unsqueeze(3).to(memory_format=torch.channels_last))
    assert torch.equal(flat, output.unsqueeze(3))
    assert flat.is_contiguous(memory_format=torch.channels_last)
    assert torch.nn.BatchNorm2d(8)(flat).is_contiguous(memory_format=torch.channels_last)
    assert output.transpose(1, 2).is_contiguous()
    torch.testing.assert_close(conv(pixels[0]), output[0])
    expanded = conv(pixels[:1].expand(4, -1, -1))
    torch.testing.assert_close(expanded, output[:1].expand(4, -1, -1))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("layer", [HexConv2d, HexConvTranspose2d])
def test_an_empty_batch_has_gradients_of_zero(
    small: CameraGeometry, backend: Backend, layer: type[HexConv2d | HexConvTranspose2d]
) -> None:
    conv = layer(2, 4, HexLattice.from_camera(small), stride=2, backend=backend)
    pixels = torch.zeros(0, 2, conv.table.n_in, requires_grad=True)
    output = conv(pixels)
    assert output.shape == (0, 4, conv.table.n_out)
    output.sum().backward()
    assert pixels.grad is not None
    assert pixels.grad.shape == pixels.shape
    assert all(parameter.grad is not None and not parameter.grad.any() for parameter in conv.parameters())


@pytest.mark.parametrize("backend", BACKENDS)
def test_bfloat16_gives_about_the_same(small: CameraGeometry, backend: Backend) -> None:
    conv = HexConv2d(8, 16, HexLattice.from_camera(small), backend=backend)
    pixels = torch.randn(4, 8, 217)
    expected = conv(pixels)
    rounded = HexConv2d(8, 16, HexLattice.from_camera(small), backend=backend).bfloat16()
    rounded.load_state_dict(conv.state_dict())
    output = rounded(pixels.bfloat16())
    assert output.dtype == torch.bfloat16
    assert (output.float() - expected).abs().max() < 0.03


@pytest.mark.parametrize("backend", BACKENDS)
def test_autocast_keeps_parameters_and_gives_their_gradients(small: CameraGeometry, backend: Backend) -> None:
    conv = HexConv2d(8, 16, HexLattice.from_camera(small), backend=backend)
    pixels = torch.randn(4, 8, 217)
    gradients = []
    for enabled in (True, False):
        conv.zero_grad()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=enabled):
            output = conv(pixels)
        assert output.dtype == (torch.bfloat16 if enabled else torch.float32)
        output.float().square().mean().backward()
        assert conv.weight.grad is not None
        gradients.append(conv.weight.grad)
    assert gradients[0].dtype == torch.float32
    torch.testing.assert_close(*gradients, atol=0.02 * float(gradients[1].abs().max()), rtol=0)


def test_double_precision_is_not_touched_by_autocast(small: CameraGeometry) -> None:
    conv = HexConv2d(2, 3, HexLattice.from_camera(small)).double()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert conv(torch.randn(2, 2, 217, dtype=torch.float64)).dtype == torch.float64


def test_inputs_of_another_type_are_refused(small: CameraGeometry) -> None:
    conv = HexConv2d(2, 3, HexLattice.from_camera(small))
    with pytest.raises(TypeError, match=r"the input is torch.float64 but the weights are torch.float32"):
        conv(torch.zeros(1, 2, 217, dtype=torch.float64))
    with pytest.raises(TypeError, match=r"expected an input of a floating type, got torch.int64"):
        conv(torch.zeros(1, 2, 217, dtype=torch.int64))


@pytest.mark.parametrize("lattice", ["LSTCam", None, hexagonal(1), np.zeros((7, 2))])
def test_what_is_no_lattice_is_refused(lattice: object) -> None:
    for layer in (HexConv2d, HexConvTranspose2d):
        with pytest.raises(TypeError, match=r"expected a HexLattice or a NeighbourTable, got .*from_camera"):
            layer(1, 1, lattice)  # type: ignore[operator]
    with pytest.raises(TypeError, match=r"expected a HexLattice or a NeighbourTable"):
        HexMaxPool2d(lattice)  # type: ignore[arg-type]


def test_an_input_of_another_camera_is_refused(small: CameraGeometry) -> None:
    conv = HexConv2d(2, 3, HexLattice.from_camera(small))
    with pytest.raises(ValueError, match=r"expected an input of the shape \(n, 2, 217\), got \(5, 2, 1855\)"):
        conv(torch.zeros(5, 2, 1855))


@pytest.mark.parametrize(
    ("channels", "wrong", "message"),
    [
        ((0, 4), {}, "in_channels must be a whole number above 0, got 0"),
        ((4, 1.5), {}, "out_channels must be a whole number above 0, got 1.5"),
        ((4, 4), {"groups": 0}, "groups must be a whole number above 0, got 0"),
        ((4, 6), {"groups": 4}, "4 and 6 channels cannot be divided into 4 groups"),
        ((4, 4), {"stride": 0}, "stride must be a whole number above 0, got 0"),
        ((4, 4), {"stride": True}, "stride must be a whole number above 0, got True"),
        ((4, 4), {"radius": 2.0}, "radius must be a whole number above 0, got 2.0"),
    ],
)
def test_wrong_parameters_are_refused(
    small: CameraGeometry, channels: tuple[int, int], wrong: dict[str, int], message: str
) -> None:
    for layer in (HexConv2d, HexConvTranspose2d):
        with pytest.raises(ValueError, match=message):
            layer(*channels, HexLattice.from_camera(small), **wrong)  # type: ignore[arg-type]


def test_groups_are_convolutions_of_their_own(small: CameraGeometry) -> None:
    lattice = HexLattice.from_camera(small)
    conv = HexConv2d(4, 6, lattice, groups=2).double()
    halves = [HexConv2d(2, 3, lattice).double() for _ in range(2)]
    assert conv.bias is not None
    for half, weight, bias in zip(halves, conv.weight.chunk(2), conv.bias.chunk(2), strict=True):
        half.load_state_dict({"weight": weight, "bias": bias})
    pixels = torch.randn(2, 4, 217, dtype=torch.float64)
    expected = torch.cat([half(part) for half, part in zip(halves, pixels.chunk(2, dim=1), strict=True)], dim=1)
    torch.testing.assert_close(conv(pixels), expected)


def test_a_layer_says_what_it_is(small: CameraGeometry) -> None:
    lattice = HexLattice.from_camera(small)
    text = repr(HexConv2d(2, 4, lattice, radius=2, stride=2, groups=2, bias=False))
    assert text == (
        f"HexConv2d(2, 4, 217 to 61 pixels, radius=2, stride=2, lattice={lattice.fingerprint}, groups=2, bias=False)"
    )


@pytest.mark.parametrize(
    ("weight", "bias", "groups", "message"),
    [
        (torch.zeros(4, 2, 9), None, 1, r"shape \(out_channels, in_channels // groups, 7\).* got \(4, 2, 9\)"),
        (torch.zeros(4, 2), None, 1, "expected weights of the shape"),
        (torch.zeros(4, 2, 7), None, 0, "groups must be a whole number above 0, got 0"),
        (torch.zeros(4, 2, 7, device="meta"), None, 1, "the input is on cpu but the weights are on meta"),
        (torch.zeros(5, 1, 7), None, 2, "with as many outputs a group"),
        (torch.zeros(4, 2, 7), torch.zeros(3), 1, r"expected a bias of the shape \(4,\), got \(3,\)"),
        (torch.zeros(4, 3, 7), None, 1, r"shape \(n, 3, 217\), got \(1, 2, 217\)"),
    ],
)
def test_weights_of_another_shape_are_refused(
    small: CameraGeometry, weight: Tensor, bias: Tensor | None, groups: int, message: str
) -> None:
    table = HexLattice.from_camera(small).table()
    with pytest.raises(ValueError, match=message):
        hex_conv2d(torch.zeros(1, 2, 217), weight, bias, table, groups=groups)


def test_the_function_is_what_the_layer_computes(small: CameraGeometry) -> None:
    conv = HexConv2d(2, 4, HexLattice.from_camera(small), stride=2)
    pixels = torch.randn(3, 2, 217)
    assert torch.equal(hex_conv2d(pixels, conv.weight, conv.bias, conv.table), conv(pixels))


def test_a_bias_of_another_type_is_refused(small: CameraGeometry) -> None:
    table = HexLattice.from_camera(small).table()
    with pytest.raises(TypeError, match=r"the input is torch.float32 but the bias is torch.float64: convert"):
        hex_conv2d(torch.zeros(1, 2, 217), torch.zeros(4, 2, 7), torch.zeros(4).double(), table)
