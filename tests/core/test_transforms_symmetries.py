"""The symmetries of real cameras, as permutations of their pixels."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from gammalearn_core.api import CameraGeometry
from gammalearn_core.builtin.transforms.symmetries import symmetries

Camera = Callable[..., CameraGeometry]

ROTATIONS = {
    "LSTCam": 60,
    "NectarCam": 60,
    "MAGICCam": 60,
    "VERITAS": 60,
    "FlashCam": 120,
    "DigiCam": 120,
    "HESS-I": 180,
    "HESS-II": 180,
    "ASTRICam": 90,
    "CHEC": 90,
    "SCTCam": 90,
    "FACT": 360,
}
REFLECTIONS = {"MAGICCam": 6, "VERITAS": 6, "ASTRICam": 4, "CHEC": 4, "SCTCam": 4, "FACT": 1}


def positions(camera: CameraGeometry) -> NDArray[np.float64]:
    return np.column_stack([camera.x, camera.y])


@pytest.mark.parametrize(("name", "degrees"), ROTATIONS.items())
def test_rotations_are_those_of_the_cameras_own_group(camera: Camera, name: str, degrees: int) -> None:
    found = symmetries(camera(name))
    angles = [round(float(np.degrees(np.arctan2(s.matrix[1, 0], s.matrix[0, 0]))) % 360) for s in found]
    assert angles == list(range(0, 360, degrees))
    assert [round(float(np.linalg.det(s.matrix)), 9) for s in found] == [1] * len(found)
    assert camera(name).symmetry == degrees


@pytest.mark.parametrize("name", ROTATIONS)
def test_reflections_are_found_where_there_are_some(camera: Camera, name: str) -> None:
    rotations, found = symmetries(camera(name)), symmetries(camera(name), reflections=True)
    mirrored = found[len(rotations) :]
    assert len(mirrored) == REFLECTIONS.get(name, 0)
    assert [round(float(np.linalg.det(s.matrix)), 9) for s in mirrored] == [-1] * len(mirrored)


@pytest.mark.parametrize("name", ROTATIONS)
def test_each_pixel_goes_where_the_matrix_moves_it(camera: Camera, name: str) -> None:
    geometry = camera(name)
    for symmetry in symmetries(geometry, reflections=True):
        moved = positions(geometry)[symmetry.source] @ symmetry.matrix.T
        apart = np.linalg.norm(moved - positions(geometry), axis=1).max()
        assert apart < 0.02 * geometry.pitch


@pytest.mark.parametrize("name", ROTATIONS)
def test_the_identity_is_first_and_no_two_are_the_same(camera: Camera, name: str) -> None:
    found = symmetries(camera(name), reflections=True)
    np.testing.assert_array_equal(found[0].source, np.arange(camera(name).n_pixels))
    assert len({s.source.tobytes() for s in found}) == len(found)


@pytest.mark.parametrize("name", ROTATIONS)
def test_two_turns_after_each_other_are_a_turn(camera: Camera, name: str) -> None:
    found = symmetries(camera(name), reflections=True)
    known = {s.source.tobytes(): s.matrix for s in found}
    for first in found:
        for second in found:
            matrix = known[first.source[second.source].tobytes()]
            np.testing.assert_allclose(matrix, second.matrix @ first.matrix, atol=1e-3)


@pytest.mark.parametrize("degrees", [0.0, 7.0, 100.893, -19.1])
@pytest.mark.parametrize("name", ["LSTCam", "VERITAS", "ASTRICam"])
def test_a_camera_that_is_mounted_at_an_angle_has_the_same_symmetries(
    camera: Camera, name: str, degrees: float
) -> None:
    geometry = camera(name)
    z = (geometry.x + 1j * geometry.y) * np.exp(1j * np.radians(degrees))
    mounted = CameraGeometry(name=name, x=z.real, y=z.imag, area=geometry.area, focal_length=28)
    found = symmetries(mounted, reflections=True)
    assert len(found) == len(symmetries(geometry, reflections=True))
    for symmetry in found:
        moved = positions(mounted)[symmetry.source] @ symmetry.matrix.T
        assert np.linalg.norm(moved - positions(mounted), axis=1).max() < 0.02 * mounted.pitch


def test_a_camera_beside_the_axis_is_refused(camera: Camera) -> None:
    geometry = camera("VERITAS")
    x = geometry.x + 0.3 * geometry.pitch
    aside = CameraGeometry(name="aside", x=x, y=geometry.y, area=geometry.area, focal_length=12)
    with pytest.raises(ValueError, match=r"aside has a symmetric outline, but .* comes to lie 0.\d+ pitches beside"):
        symmetries(aside)


def test_a_camera_without_a_lattice_has_the_identity_only() -> None:
    spiral = np.sqrt(np.arange(36)) * np.exp(2.4j * np.arange(36))
    geometry = CameraGeometry(name="sunflower", x=spiral.real, y=spiral.imag, area=np.ones(36), focal_length=28)
    (identity,) = symmetries(geometry, reflections=True)
    np.testing.assert_array_equal(identity.source, np.arange(36))


@pytest.mark.parametrize("name", ROTATIONS)
def test_a_whole_turn_gives_the_image_back_bit_for_bit(camera: Camera, name: str) -> None:
    image = np.random.default_rng(1).normal(size=camera(name).n_pixels).astype(np.float32)
    found = symmetries(camera(name))
    turned = image
    for _ in found:
        turned = turned[found[min(1, len(found) - 1)].source]
    np.testing.assert_array_equal(turned, image)


@pytest.mark.parametrize("name", REFLECTIONS)
def test_a_reflection_twice_gives_the_image_back_bit_for_bit(camera: Camera, name: str) -> None:
    image = np.random.default_rng(1).normal(size=camera(name).n_pixels).astype(np.float32)
    for symmetry in symmetries(camera(name), reflections=True)[360 // camera(name).symmetry :]:
        assert (image[symmetry.source] != image).any()
        np.testing.assert_array_equal(image[symmetry.source][symmetry.source], image)
