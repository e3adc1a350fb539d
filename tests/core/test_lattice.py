"""The lattice of twelve real cameras, and of pixels that have none."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from gammalearn_core.api import CameraGeometry
from gammalearn_core.api import Lattice
from gammalearn_core.api import find_lattice
from gammalearn_core.data.lattice import neighbours
from gammalearn_core.data.lattice import symmetry

Camera = Callable[..., CameraGeometry]

HEXAGONAL = {
    "LSTCam": (5394, 60),
    "NectarCam": (5394, 60),
    "MAGICCam": (3000, 60),
    "VERITAS": (1416, 60),
    "FlashCam": (5124, 120),
    "DigiCam": (3744, 120),
    "HESS-I": (2749, 180),
    "HESS-II": (5951, 180),
    "FACT": (4183, 360),
}
SQUARE = {"ASTRICam": (56, 4624), "CHEC": (48, 4000), "SCTCam": (120, 22416)}
EVERY = sorted([*HEXAGONAL, *SQUARE])
STEPS = {
    "hexagonal": {(1, 0), (0, 1), (-1, 1), (-1, 0), (0, -1), (1, -1)},
    "square": {(1, 0), (0, 1), (-1, 0), (0, -1)},
}


def turned(camera: CameraGeometry, degrees: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    z = (camera.x + 1j * camera.y) * np.exp(1j * np.radians(degrees))
    return z.real, z.imag


def same_neighbours(camera: CameraGeometry, x: NDArray[np.float64], y: NDArray[np.float64]) -> bool:
    found = neighbours(find_lattice(x, y), x, y)
    return all(np.array_equal(a, b) for a, b in zip(found, camera.neighbours, strict=True))


@pytest.mark.parametrize("name", HEXAGONAL)
def test_hexagonal_cameras_are_recognised(camera: Camera, name: str) -> None:
    assert camera(name).kind == "hexagonal"


@pytest.mark.parametrize("name", SQUARE)
def test_square_cameras_are_recognised_and_gaps_between_modules_do_not_count(camera: Camera, name: str) -> None:
    geometry = camera(name)
    assert geometry.kind == "square"
    assert geometry.axial is not None
    assert geometry.axial.min(axis=0).tolist() == [0, 0]
    assert (geometry.axial.max(axis=0) + 1).tolist() == [SQUARE[name][0]] * 2


@pytest.mark.parametrize("name", EVERY)
def test_each_pair_of_neighbours_is_found_from_both_sides(camera: Camera, name: str) -> None:
    start, indices = camera(name).neighbours
    owner = np.repeat(np.arange(len(start) - 1), np.diff(start))
    assert len(indices) == 2 * (HEXAGONAL | SQUARE)[name][0 if name in HEXAGONAL else 1]
    assert set(zip(owner.tolist(), indices.tolist(), strict=True)) == set(
        zip(indices.tolist(), owner.tolist(), strict=True)
    )


@pytest.mark.parametrize("name", HEXAGONAL)
def test_neighbours_are_the_pixels_that_are_near(camera: Camera, name: str) -> None:
    geometry = camera(name)
    near = cKDTree(np.column_stack([geometry.x, geometry.y])).query_pairs(1.4 * geometry.pitch, output_type="set")
    start, indices = geometry.neighbours
    owner = np.repeat(np.arange(geometry.n_pixels), np.diff(start))
    assert {(int(a), int(b)) for a, b in zip(owner, indices, strict=True) if a < b} == near


@pytest.mark.parametrize("name", EVERY)
def test_adjacent_pixels_are_one_step_apart(camera: Camera, name: str) -> None:
    geometry = camera(name)
    assert geometry.axial is not None
    start, indices = geometry.neighbours
    owner = np.repeat(np.arange(geometry.n_pixels), np.diff(start))
    steps = geometry.axial[indices] - geometry.axial[owner]
    assert set(map(tuple, steps.tolist())) == STEPS[geometry.kind]


@pytest.mark.parametrize("name", EVERY)
def test_no_two_pixels_are_at_one_place(camera: Camera, name: str) -> None:
    geometry = camera(name)
    assert geometry.axial is not None
    assert len(np.unique(geometry.axial, axis=0)) == geometry.n_pixels


@pytest.mark.parametrize("name", HEXAGONAL)
def test_each_camera_has_its_own_symmetry(camera: Camera, name: str) -> None:
    assert camera(name).symmetry == HEXAGONAL[name][1]


@pytest.mark.parametrize("name", SQUARE)
def test_square_cameras_are_symmetric_in_quarter_turns(camera: Camera, name: str) -> None:
    assert camera(name).symmetry == 90


@pytest.mark.parametrize("name", EVERY)
def test_a_rotation_changes_neither_neighbours_nor_symmetry(camera: Camera, name: str) -> None:
    geometry = camera(name)
    x, y = turned(geometry, 13)
    assert same_neighbours(geometry, x, y)
    assert symmetry(find_lattice(x, y)) == geometry.symmetry


@pytest.mark.parametrize("name", EVERY)
def test_shift_and_scale_do_not_change_the_lattice(camera: Camera, name: str) -> None:
    geometry = camera(name)
    lattice = find_lattice(3 * geometry.x + 5, 3 * geometry.y - 7)
    np.testing.assert_array_equal(lattice.axial, geometry.axial)
    assert lattice.pitch == pytest.approx(3 * geometry.pitch)


@pytest.mark.parametrize("name", EVERY)
def test_pixels_that_are_a_little_out_of_place_do_not_change_the_lattice(camera: Camera, name: str) -> None:
    geometry = camera(name)
    rng = np.random.default_rng(1)
    dx, dy = rng.uniform(-0.03, 0.03, (2, geometry.n_pixels)) * geometry.pitch
    np.testing.assert_array_equal(find_lattice(geometry.x + dx, geometry.y + dy).axial, geometry.axial)


@pytest.mark.parametrize("name", EVERY)
def test_shuffled_pixels_give_the_shuffled_lattice(camera: Camera, name: str) -> None:
    geometry = camera(name)
    assert geometry.axial is not None
    order = np.random.default_rng(2).permutation(geometry.n_pixels)
    lattice = find_lattice(geometry.x[order], geometry.y[order])
    np.testing.assert_array_equal(lattice.axial, geometry.axial[order])


@pytest.mark.parametrize("noise", [1e-9, 1e-6, 1e-4])
def test_flashcam_at_plus_or_minus_30_degrees_has_the_same_axes(camera: Camera, noise: float) -> None:
    geometry = camera("FlashCam")
    assert geometry.lattice.angle == pytest.approx(30, abs=0.01)
    rng = np.random.default_rng(3)
    for turn in (60, 0, -60):
        x, y = turned(geometry, turn)
        dx, dy = rng.normal(0, noise * geometry.pitch, (2, geometry.n_pixels))
        assert find_lattice(x + dx, y + dy).angle == pytest.approx(30, abs=0.1)


def test_flashcam_of_another_production_has_the_same_axes(camera: Camera, open_dl1: Callable[..., object]) -> None:
    source = open_dl1("gamma_prod3_large_trunc", cameras="FlashCam")
    np.testing.assert_array_equal(source.inputs.camera.geometry.axial, camera("FlashCam").axial)  # type: ignore[attr-defined]


@pytest.mark.parametrize("degrees", [0, 10.893, 30, 40.893, 100.893])
def test_the_angle_follows_a_rotation_but_for_the_choice_of_the_axis(camera: Camera, degrees: float) -> None:
    geometry = camera("VERITAS")
    difference = find_lattice(*turned(geometry, degrees)).angle - geometry.lattice.angle - degrees
    assert (difference + 30) % 60 - 30 == pytest.approx(0, abs=0.02)


def test_pixels_in_disorder_have_no_lattice_but_neighbours() -> None:
    x, y = np.random.default_rng(4).uniform(0, 1, (2, 200))
    lattice = find_lattice(x, y)
    assert (lattice.kind, lattice.axial, symmetry(lattice)) == ("irregular", None, 360)
    start, indices = neighbours(lattice, x, y)
    owner = np.repeat(np.arange(200), np.diff(start))
    assert len(indices)
    assert np.hypot(x[owner] - x[indices], y[owner] - y[indices]).max() <= 1.4 * lattice.pitch


def test_rings_of_pixels_have_no_lattice() -> None:
    angle = np.linspace(0, 2 * np.pi, 30, endpoint=False)
    z = np.concatenate([np.exp(1j * angle), 2 * np.exp(1j * angle)])
    assert find_lattice(z.real, z.imag).kind == "irregular"


@pytest.mark.parametrize("name", ["LSTCam", "SCTCam"])
def test_two_pixels_at_one_place_are_no_lattice(camera: Camera, name: str) -> None:
    geometry = camera(name)
    x, y = (np.append(values, values[7]) for values in (geometry.x, geometry.y))
    assert find_lattice(x, y).kind == "irregular"


def test_pixels_that_are_all_at_one_place_are_no_lattice() -> None:
    assert find_lattice(np.zeros(5), np.zeros(5)).kind == "irregular"


@pytest.mark.parametrize("n", [0, 1, 2])
def test_fewer_than_three_pixels_have_no_lattice_and_no_neighbours(n: int) -> None:
    x = np.arange(n, dtype=np.float64)
    lattice: Lattice = find_lattice(x, x)
    start, indices = neighbours(lattice, x, x)
    assert lattice.kind == "irregular"
    assert (len(start), len(indices)) == (n + 1, 0)
