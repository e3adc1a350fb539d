from __future__ import annotations

import copy
import itertools
import pickle

import numpy as np
import pytest
from conftest import HEXAGONAL
from conftest import hexagonal
from conftest import real
from conftest import square
from conftest import two_sizes

from gammalearn_core.api import CameraGeometry
from gammalearn_hexconv.lattice import TAPS
from gammalearn_hexconv.lattice import HexLattice
from gammalearn_hexconv.lattice import taps


@pytest.mark.parametrize("radius", [1, 2, 3])
def test_the_taps_are_in_the_order_of_indexedconv(radius: int) -> None:
    steps = itertools.product(range(-radius, radius + 1), repeat=2)
    assert [(q, -r) for q, r in taps.hexagon(radius).tolist()] == [(i, j) for i, j in steps if abs(i - j) <= radius]
    assert len(taps.hexagon(radius)) == (7, 19, 37)[radius - 1]


def test_neighbours_are_those_of_the_camera(camera: CameraGeometry) -> None:
    rows = HexLattice.from_camera(camera).table().rows
    start, indices = camera.neighbours
    assert rows.shape == (camera.n_pixels, 7)
    for pixel, seen in enumerate(rows):
        around = np.delete(seen, 3)
        assert sorted(around[around >= 0]) == sorted(indices[start[pixel] : start[pixel + 1]])


PAIRS = {
    "LSTCam": 5394,
    "FlashCam": 5124,
    "DigiCam": 3744,
    "FACT": 4183,
    "MAGICCam": 3000,
    "VERITAS": 1416,
}
"""Pairs of neighbours, counted independently of any lattice."""


@pytest.mark.parametrize("name", PAIRS)
def test_a_camera_has_as_many_pairs_of_neighbours_as_were_counted(name: str) -> None:
    counts = HexLattice.from_camera(real(name)).table().counts
    assert (counts.sum() - len(counts)) / 2 == PAIRS[name]


def test_the_fourth_tap_is_the_pixel_itself(camera: CameraGeometry) -> None:
    np.testing.assert_array_equal(HexLattice.from_camera(camera).table().rows[:, 3], np.arange(camera.n_pixels))


@pytest.mark.parametrize("radius", [1, 2, 3])
@pytest.mark.parametrize("dilation", [1, 2])
def test_each_tap_points_the_same_way_everywhere(camera: CameraGeometry, radius: int, dilation: int) -> None:
    rows = HexLattice.from_camera(camera).table(radius, 1, dilation).rows
    place = camera.x + 1j * camera.y
    for tap, (q, r) in zip(rows.T, taps.hexagon(radius), strict=True):
        here = np.flatnonzero(tap >= 0)
        steps = (place[tap[here]] - place[here]) / camera.pitch
        if len(here):
            length = dilation * np.sqrt(q * q + q * r + r * r)
            assert np.abs(steps - steps.mean()).max() < 0.1
            assert abs(steps.mean()) == pytest.approx(length, abs=0.02 * max(length, 1))


def test_opposite_taps_are_inverse(camera: CameraGeometry) -> None:
    rows = HexLattice.from_camera(camera).table(2).rows
    for tap in range(19):
        here = np.flatnonzero(rows[:, tap] >= 0)
        np.testing.assert_array_equal(rows[rows[here, tap], 18 - tap], here)


def test_every_pixel_is_seen_from_the_coarse_lattice(camera: CameraGeometry) -> None:
    lattice = HexLattice.from_camera(camera)
    for _ in range(3):
        coarse, rows = lattice.coarsen(2), lattice.table(stride=2).rows
        assert rows.shape == (coarse.n_pixels, 7)
        np.testing.assert_array_equal(np.unique(rows[rows >= 0]), np.arange(lattice.n_pixels))
        assert (rows >= 0).any(axis=1).all()
        lattice = coarse


def test_every_even_pixel_is_the_middle_of_a_coarse_one(camera: CameraGeometry) -> None:
    lattice = HexLattice.from_camera(camera)
    coarse, rows = lattice.coarsen(2), lattice.table(stride=2).rows
    assert lattice.axial is not None
    assert coarse.axial is not None
    even = np.flatnonzero((lattice.axial % 2 == 0).all(axis=1))
    middle = rows[:, 3][rows[:, 3] >= 0]
    np.testing.assert_array_equal(np.sort(middle), even)
    np.testing.assert_array_equal(coarse.axial[rows[:, 3] >= 0], lattice.axial[middle] // 2)


def test_the_coarse_lattice_has_about_a_quarter_of_the_pixels(small: CameraGeometry) -> None:
    coarse = HexLattice.from_camera(small).coarsen(2)
    assert small.n_pixels / 4 < coarse.n_pixels < small.n_pixels / 2.5


@pytest.mark.parametrize("stride", [2, 3, 4, "sqrt7"])
def test_the_order_of_pixels_does_not_change_the_coarse_lattice(small: CameraGeometry, stride: int) -> None:
    lattice = HexLattice.from_camera(small)
    order = np.random.default_rng(1).permutation(small.n_pixels)
    assert lattice.axial is not None
    other = HexLattice(lattice.axial[order])
    assert other.coarsen(stride) == lattice.coarsen(stride)
    shuffled = other.table(2, stride).rows
    np.testing.assert_array_equal(np.where(shuffled < 0, -1, order[shuffled]), lattice.table(2, stride).rows)


def test_negative_coordinates_are_legal() -> None:
    points = np.array([(0, 0), (1, 0), (-1, 0), (0, -3)])
    lattice, moved = HexLattice(points), HexLattice(points + 4)
    np.testing.assert_array_equal(lattice.table(2).rows, moved.table(2).rows)
    np.testing.assert_array_equal(lattice.table(1, 2).rows, moved.table(1, 2).rows)
    assert lattice != moved


@pytest.mark.parametrize("name", [name for name in HEXAGONAL if name.startswith(("LST", "Nectar", "MSTx"))])
def test_lstcam_and_nectarcam_are_265_whole_modules(name: str) -> None:
    lattice = HexLattice.from_camera(real(name))
    rows = lattice.table(stride="sqrt7").rows
    np.testing.assert_array_equal(np.sort(rows.ravel()), np.arange(1855))
    assert lattice.coarsen("sqrt7").n_pixels == 265


@pytest.mark.parametrize("name", ["LSTCam", "LSTCam__gamma_test", "MSTx-NectarCam__gamma_diffuse_prod6_run10"])
def test_the_modules_are_those_of_the_hardware_whose_pixels_have_consecutive_ids(name: str) -> None:
    modules = np.sort(HexLattice.from_camera(real(name)).table(stride="sqrt7").rows, axis=1)
    np.testing.assert_array_equal(np.sort(modules[:, 0]), np.arange(0, 1855, 7))
    np.testing.assert_array_equal(modules - modules[:, :1], np.tile(np.arange(7), (265, 1)))


def test_every_pixel_is_in_one_module(camera: CameraGeometry) -> None:
    rows = HexLattice.from_camera(camera).table(stride="sqrt7").rows
    assert (rows >= 0).any(axis=1).all()
    np.testing.assert_array_equal(np.sort(rows[rows >= 0]), np.arange(camera.n_pixels))


@pytest.mark.parametrize("mirror", [False, True])
def test_modules_of_either_handedness_are_found(mirror: bool) -> None:
    base = np.array([(2, 1), (-1, 3)] if not mirror else [(3, -1), (1, 2)])
    centres = np.array([(a, b) for a in range(3) for b in range(3)]) @ base + 5
    lattice = HexLattice((centres[:, None] + TAPS).reshape(-1, 2))
    assert lattice.coarsen("sqrt7").n_pixels == 9
    assert (lattice.table(stride="sqrt7").rows >= 0).all()


def test_the_same_tables_and_lattices_are_given_again(small: CameraGeometry) -> None:
    lattice = HexLattice.from_camera(small)
    assert lattice.table(2, 2) is lattice.table(2, 2)
    assert lattice.coarsen(2) is lattice.coarsen(2)
    assert lattice.coarsen(1) is lattice


def test_lattices_are_equal_by_their_pixels(small: CameraGeometry) -> None:
    lattice, same = HexLattice.from_camera(small), HexLattice.from_camera(small)
    assert lattice.axial is not None
    turned = HexLattice(lattice.axial[::-1])
    assert lattice == same
    assert hash(lattice) == hash(same)
    assert len({lattice, same, turned, HexLattice(lattice.axial, kind="square")}) == 3
    assert lattice != "lattice"


@pytest.mark.parametrize("again", [copy.deepcopy, lambda value: pickle.loads(pickle.dumps(value))])
def test_a_copy_is_the_same_lattice(small: CameraGeometry, again: object) -> None:
    lattice = HexLattice.from_camera(small)
    other = again(lattice)  # type: ignore[operator]
    assert other == lattice
    np.testing.assert_array_equal(other.table(2, 2).rows, lattice.table(2, 2).rows)


def test_a_lattice_is_found_from_positions(camera: CameraGeometry) -> None:
    assert HexLattice.from_positions(camera.x, camera.y) == HexLattice.from_camera(camera)


def test_a_lattice_is_found_from_its_neighbour_table() -> None:
    for camera in (hexagonal(8), real("FACT"), square(7)):
        lattice = HexLattice.from_camera(camera)
        found = HexLattice.from_neighbours(lattice.table().rows)
        assert found.kind == camera.kind
        np.testing.assert_array_equal(found.axial, lattice.axial)


def test_a_table_of_no_lattice_is_irregular(small: CameraGeometry) -> None:
    rows = HexLattice.from_camera(small).table().rows.copy()
    rows[10, 2] = -1
    lattice = HexLattice.from_neighbours(rows)
    assert lattice.kind == "irregular"
    np.testing.assert_array_equal(lattice.table().rows, rows)
    with pytest.raises(ValueError, match="give positions to `from_neighbours`"):
        lattice.coarsen(2)
    with pytest.raises(ValueError, match="no index matrix"):
        lattice.index_matrix()


def test_a_table_and_positions_can_be_coarsened(small: CameraGeometry) -> None:
    rows = HexLattice.from_camera(small).table().rows.copy()
    rows[10, 2] = -1
    lattice = HexLattice.from_neighbours(rows, x=small.x, y=small.y)
    assert 50 < lattice.coarsen(2).n_pixels < 110


def test_an_index_matrix_is_taken_and_given_verbatim() -> None:
    matrix = np.full((5, 4), -1)
    matrix[1, 1], matrix[1, 2], matrix[3, 1] = 2, 0, 1
    lattice = HexLattice.from_index_matrix(matrix[None, None].astype(float))
    assert lattice.axial is not None
    assert lattice.axial.tolist() == [[1, -2], [3, -1], [1, -1]]
    np.testing.assert_array_equal(lattice.index_matrix(), matrix)


def test_the_index_matrix_of_a_camera_is_that_of_its_coordinates(camera: CameraGeometry) -> None:
    lattice = HexLattice.from_camera(camera)
    matrix = lattice.index_matrix()
    np.testing.assert_array_equal(np.sort(matrix[matrix >= 0]), np.arange(camera.n_pixels))
    assert (matrix >= 0).any(axis=0).all()
    assert (matrix >= 0).any(axis=1).all()
    np.testing.assert_array_equal(HexLattice.from_index_matrix(matrix).table(2).rows, lattice.table(2).rows)


@pytest.mark.parametrize(
    ("matrix", "message"),
    [
        ([[0, 2], [-1, -1]], "pixel 1 is not there"),
        ([[0, 1], [1, -1]], "pixel 1 is there 2 times"),
        ([[-1, -1]], "has no pixels"),
        ([1, 2], "shape"),
    ],
)
def test_a_wrong_index_matrix_is_refused(matrix: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        HexLattice.from_index_matrix(matrix)  # type: ignore[arg-type]


def test_square_pixels_have_nine_taps_row_by_row() -> None:
    camera = square(5)
    lattice = HexLattice.from_camera(camera)
    assert lattice.kind == "square"
    rows = lattice.table().rows
    assert rows.shape == (25, 9)
    place = camera.x + 1j * camera.y
    for tap, (q, r) in zip(rows.T, taps.square(1), strict=True):
        here = np.flatnonzero(tap >= 0)
        np.testing.assert_allclose(place[tap[here]] - place[here], q + 1j * r, atol=1e-9)
    assert lattice.table(2).n_taps == 25
    assert lattice.coarsen(2).n_pixels == 9
    with pytest.raises(ValueError, match="hexagonal lattices only"):
        lattice.coarsen("sqrt7")


@pytest.mark.parametrize("name", ["ASTRICam", "CHEC", "SCTCam"])
def test_square_cameras_are_square(name: str) -> None:
    lattice = HexLattice.from_camera(real(name))
    assert lattice.kind == "square"
    rows = lattice.table().rows
    assert (rows >= 0).all(axis=1).mean() > 0.9


def test_irregular_pixels_have_their_neighbours_at_the_tap_that_points_to_them() -> None:
    camera = two_sizes()
    lattice = HexLattice.from_camera(camera)
    assert lattice.kind == "irregular"
    rows = lattice.table().rows
    place = camera.x + 1j * camera.y
    np.testing.assert_array_equal(rows[:, rows.shape[1] // 2], np.arange(camera.n_pixels))
    for tap in np.delete(rows, rows.shape[1] // 2, axis=1).T:
        here = np.flatnonzero(tap >= 0)
        steps = place[tap[here]] - place[here]
        assert (np.abs(np.angle(steps / steps.sum())) < np.radians(60)).all()
    for pixel, seen in enumerate(rows):
        assert len(set(seen[seen >= 0])) == (seen >= 0).sum()
        assert pixel in seen


def test_hexagonal_pixels_taken_as_irregular_have_the_same_neighbours(small: CameraGeometry) -> None:
    from gammalearn_hexconv.lattice.neighbourhood import neighbour_table

    places = np.column_stack([small.x, small.y])
    np.testing.assert_array_equal(neighbour_table(places), HexLattice.from_camera(small).table().rows)


def test_irregular_pixels_are_coarsened() -> None:
    lattice = HexLattice.from_camera(two_sizes())
    coarse, rows = lattice.coarsen(2), lattice.table(stride=2).rows
    assert rows.shape == (coarse.n_pixels, lattice.table().n_taps)
    np.testing.assert_array_equal(np.unique(rows[rows >= 0]), np.arange(lattice.n_pixels))
    assert lattice.n_pixels / 5 < coarse.n_pixels < lattice.n_pixels / 2
    assert coarse.coarsen(2).n_pixels < coarse.n_pixels
    with pytest.raises(ValueError, match="radius 1 and dilation 1 only"):
        lattice.table(2)
    with pytest.raises(ValueError, match="strides 1 and 2 only"):
        lattice.coarsen(3)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"radius": 0}, "radius must be a whole number above 0, got 0"),
        ({"stride": 1.5}, "stride must be a whole number above 0, got 1.5"),
        ({"stride": "sqrt3"}, "'sqrt7', got 'sqrt3'"),
        ({"dilation": -1}, "dilation must be a whole number above 0, got -1"),
        ({"kernel": "disc"}, "kernel must be 'neighbours' or 'rhombus', got 'disc'"),
    ],
)
def test_wrong_kernels_are_refused(small: CameraGeometry, wrong: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        HexLattice.from_camera(small).table(**wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("axial", [[], [1, 2], [(1, 2, 3)]])
def test_coordinates_of_another_shape_are_refused(axial: object) -> None:
    with pytest.raises(ValueError, match="axial coordinates of the shape"):
        HexLattice(axial)  # type: ignore[arg-type]


def test_two_pixels_in_one_place_are_refused() -> None:
    with pytest.raises(ValueError, match="two pixels have the same axial coordinates"):
        HexLattice([(0, 0), (1, 0), (0, 0)])


@pytest.mark.parametrize(("x", "y"), [([0.0, 1.0], [0.0]), ([], []), ([0.0, np.nan], [0.0, 1.0])])
def test_wrong_positions_are_refused(x: list[float], y: list[float]) -> None:
    with pytest.raises(ValueError, match=r"x and y must be of the shape|must be finite"):
        HexLattice.from_positions(x, y)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("name", "rotation"), [("LSTCam", 100.893), ("FlashCam", 30.0), ("DigiCam", 30.0)])
def test_the_index_matrix_of_gammalearn_is_taken_as_it_is(name: str, rotation: float) -> None:
    instrument = pytest.importorskip("ctapipe.instrument")
    units = pytest.importorskip("astropy.units")
    camera = real(name)
    geometry = instrument.CameraGeometry(
        name=name,
        pix_id=np.arange(camera.n_pixels),
        pix_x=camera.x * units.m,
        pix_y=camera.y * units.m,
        pix_area=camera.area * units.m**2,
        pix_type="hexagon",
        pix_rotation=rotation * units.deg,
    )
    if not hasattr(geometry, "_pixel_indices_cartesian"):
        pytest.skip("this ctapipe has no index matrix, which is not of its public names")
    # Turned as GammaLearn turns it.
    lattice = HexLattice.from_index_matrix(np.rot90(geometry._pixel_indices_cartesian, -1))
    found, expected = (
        [set(row[row >= 0]) for row in other.table().rows] for other in (lattice, HexLattice.from_camera(camera))
    )
    assert found == expected
