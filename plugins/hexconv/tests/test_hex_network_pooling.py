from __future__ import annotations

import numpy as np
import pytest
import torch

from gammalearn_core.api import CameraGeometry
from gammalearn_hexconv.lattice import HexLattice
from gammalearn_hexconv.networks.pooling import Pool

SEVEN = HexLattice([(0, 0), (1, 0), (0, 1), (-1, 1), (-1, 0), (0, -1), (1, -1)])


def test_mean_and_maximum_are_those_of_the_pixels() -> None:
    pixels = torch.randn(3, 4, 7, 1)
    pooled = Pool(SEVEN, ["mean", "max"])(pixels)
    torch.testing.assert_close(pooled, torch.cat([pixels.mean(dim=(2, 3)), pixels.amax(dim=(2, 3))], dim=1))


def test_the_centroid_of_one_pixel_is_its_place() -> None:
    centroids = Pool(SEVEN, ["centroid"])(torch.eye(7)[:, None, :, None])
    assert centroids[0].abs().max() < 1e-6
    torch.testing.assert_close(centroids[1:].norm(dim=1), torch.ones(6))
    torch.testing.assert_close(centroids[1], -centroids[4])


def test_the_centroid_follows_the_places_of_the_camera(small: CameraGeometry) -> None:
    centroids = Pool(HexLattice.from_camera(small), ["centroid"])(torch.eye(small.n_pixels)[:, None, :, None])
    true = np.stack([small.x, small.y], axis=1)
    between, wanted = (np.linalg.norm(p[:, None] - p[None], axis=-1) for p in (centroids.numpy(), true))
    np.testing.assert_allclose(between / between.max(), wanted / wanted.max(), atol=1e-6)


def test_the_centroid_ignores_what_is_below_zero() -> None:
    pixels = torch.tensor([[[-5.0, 1.0, -1.0, 0.0, 1.0, -3.0, -9.0]]]).unsqueeze(-1)
    torch.testing.assert_close(Pool(SEVEN, ["centroid"])(pixels), torch.zeros(1, 2))


@pytest.mark.parametrize("n", [0, 2])
def test_the_centroid_of_nothing_is_the_middle_and_has_a_gradient(n: int) -> None:
    pixels = torch.zeros(n, 3, 7, 1, requires_grad=True)
    pooled = Pool(SEVEN, ["centroid"])(pixels)
    pooled.sum().backward()  # type: ignore[no-untyped-call]
    assert pooled.tolist() == [[0.0] * 6] * n
    assert pixels.grad is not None
    assert pixels.grad.isfinite().all()


@pytest.mark.parametrize("wrong", [[], "mean", ["mean", "median"]])
def test_unknown_ways_are_refused(wrong: list[str]) -> None:
    with pytest.raises(ValueError, match="pooling must be a list of 'mean', 'max', 'centroid', got"):
        Pool(SEVEN, wrong)
