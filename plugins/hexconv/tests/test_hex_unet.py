"""``hexconv.unet`` and the autoencoder."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from gammalearn_core.api import CameraGeometry
from gammalearn_core.api import InputSpec
from gammalearn_core.api import OutputSpec
from gammalearn_hexconv.lattice import HexLattice
from gammalearn_hexconv.networks.encoder_decoder import EncoderDecoder
from gammalearn_hexconv.networks.unet import HexAutoencoder
from gammalearn_hexconv.networks.unet import HexUNet

Inputs = Callable[..., InputSpec]
Outputs = Callable[..., OutputSpec]


def test_it_has_features_at_each_pixel(camera: CameraGeometry, inputs: Inputs, outputs: Outputs) -> None:
    network = HexUNet(inputs=inputs(camera), outputs=outputs(energy=1), channels=(4, 8, 16), depths=(1, 1, 1))
    assert network.features(torch.randn(2, 2, camera.n_pixels)).shape == (2, 4, camera.n_pixels)


def test_features_at_a_pixel_depend_on_pixels_far_away(small: CameraGeometry, inputs: Inputs, outputs: Outputs) -> None:
    """By way of the coarse lattices; three convolutions on the camera's pixels see three pixels far."""
    network = HexUNet(inputs=inputs(small), outputs=outputs(energy=1), channels=(4, 8, 16), depths=(1, 1, 1)).eval()
    pixels = torch.randn(1, 2, 217, requires_grad=True)
    middle = int((small.x**2 + small.y**2).argmin())
    network.features(pixels)[0, :, middle].square().sum().backward()
    assert pixels.grad is not None
    reach = torch.from_numpy((small.x**2 + small.y**2) ** 0.5)[pixels.grad[0].abs().sum(dim=0) > 0].max()
    assert reach > 6 * small.pitch


def test_without_skips_all_passes_the_code(small: CameraGeometry) -> None:
    lattice = HexLattice.from_camera(small)
    body = EncoderDecoder(2, lattice, channels=(4, 8, 16), depths=(1, 1, 1), skip=False).eval()
    given = body.encode(torch.randn(3, 2, 217, 1))
    zeros = [torch.zeros_like(g) for g in given[:-1]]
    torch.testing.assert_close(body.decode([*zeros, given[-1]]), body.decode(given), atol=0, rtol=0)


def test_with_skips_each_stage_on_the_way_up_sees_that_on_the_way_down(small: CameraGeometry) -> None:
    lattice = HexLattice.from_camera(small)
    body = EncoderDecoder(2, lattice, channels=(4, 8, 16), depths=(1, 1, 1)).eval()
    given = body.encode(torch.randn(3, 2, 217, 1))
    whole = body.decode(given)
    for level in (0, 1):
        changed = [torch.zeros_like(g) if i == level else g for i, g in enumerate(given)]
        assert not torch.allclose(body.decode(changed), whole)


def test_the_stages_are_on_ever_coarser_lattices(small: CameraGeometry) -> None:
    lattice = HexLattice.from_camera(small)
    body = EncoderDecoder(2, lattice, channels=(4, 8, 16), depths=(1, 2, 3))
    coarse = lattice.coarsen(2)
    assert [tuple(g.shape) for g in body.encode(torch.zeros(1, 2, 217, 1))] == [
        (1, 4, 217, 1),
        (1, 8, coarse.n_pixels, 1),
        (1, 16, coarse.coarsen(2).n_pixels, 1),
    ]
    assert body.code_lattice == coarse.coarsen(2)


@pytest.mark.parametrize("skip", [False, True])
def test_the_autoencoder_gives_images_of_any_camera(camera: CameraGeometry, skip: bool) -> None:
    network = HexAutoencoder(2, HexLattice.from_camera(camera), channels=(4, 8), depths=(1, 1), skip=skip)
    images = torch.randn(3, 2, camera.n_pixels)
    assert network(images).shape == images.shape


@pytest.mark.parametrize("kind", ["square", "irregular"])
def test_the_autoencoder_gives_images_of_square_and_irregular_cameras(grid: CameraGeometry, kind: str) -> None:
    lattice = HexLattice.from_camera(grid)
    if kind == "irregular":
        places = torch.rand(60, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64).numpy()
        lattice = HexLattice.from_positions(*places.T)
    assert lattice.kind == kind
    network = HexAutoencoder(1, lattice, channels=(4, 8), depths=(1, 1))
    assert network(torch.randn(3, 1, lattice.n_pixels)).shape == (3, 1, lattice.n_pixels)


def test_the_code_is_smaller_and_enough(small: CameraGeometry) -> None:
    network = HexAutoencoder(1, HexLattice.from_camera(small), channels=(8, 8, 2)).eval()
    images = torch.randn(3, 1, 217)
    code = network.encode(images)
    assert code[0].numel() < images[0].numel()
    torch.testing.assert_close(network.decode(code), network(images), atol=0, rtol=0)


def test_a_network_with_skips_does_not_decode_a_code(small: CameraGeometry) -> None:
    network = HexAutoencoder(1, HexLattice.from_camera(small), skip=True)
    with pytest.raises(ValueError, match="skip=True cannot decode a code alone"):
        network.decode(network.encode(torch.zeros(1, 1, 217)))


@pytest.mark.parametrize("shape", [(3, 2, 217), (3, 1, 216), (1, 217)])
def test_images_of_another_shape_are_refused(small: CameraGeometry, shape: tuple[int, ...]) -> None:
    network = HexAutoencoder(1, HexLattice.from_camera(small))
    with pytest.raises(ValueError, match=r"expected images of the shape \(n, 1, 217\), got"):
        network(torch.zeros(shape))


def test_the_autoencoder_learns_to_give_spots_back(small: CameraGeometry) -> None:
    place = torch.rand(48, 2, generator=torch.Generator().manual_seed(1)) * 0.5 - 0.25
    x, y = (torch.from_numpy(c.copy()).float() - place[:, i, None] for i, c in enumerate((small.x, small.y)))
    images = torch.exp(-(x**2 + y**2) / (2 * 0.07**2))[:, None]
    network = HexAutoencoder(1, HexLattice.from_camera(small), channels=(8, 8, 4))
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-2)
    for _ in range(80):
        loss = (network(images) - images).square().mean()
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    assert network.encode(images)[0].numel() < 217
    assert loss.item() < images.var().item() / 10
