from __future__ import annotations

import subprocess
import sys
import time
from importlib.resources import files

import numpy as np
import pytest
from astropy.table import Table
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from gammalearn_core import UnknownComponentError
from gammalearn_showers.instrument import Camera
from gammalearn_showers.instrument import camera
from gammalearn_showers.instrument import camera_names
from gammalearn_showers.instrument.cameras import HEXAGON_AREA
from gammalearn_showers.instrument.lookup import FINENESS
from gammalearn_showers.instrument.lookup import pixel_lookup

# Pixels, those with all neighbours, least neighbours, and width in cm; as ctapipe 0.28 has them of the same tables, but
# for the width of FACT and VERITAS, where ctapipe goes by the tables' areas, which are not the lattice's.
KNOWN = {
    "ASTRICam": (2368, 2156, 2, 0.716),
    "CHEC": (2048, 1864, 2, 0.64),
    "DigiCam": (1296, 1155, 2, 2.36),
    "FACT": (1440, 1306, 3, 0.95),
    "FlashCam": (1764, 1599, 2, 5.0),
    "HESS-I": (960, 832, 2, 4.2),
    "HESS-II": (2048, 1858, 2, 4.2),
    "LSTCam": (1855, 1687, 3, 5.0),
    "MAGICCam": (1039, 925, 3, 3.0),
    "NectarCam": (1855, 1687, 3, 5.0),
    "SCTCam": (11328, 10868, 2, 0.669),
    "VERITAS": (499, 421, 3, 3.1),
}
ALL = (*KNOWN, "hex1801", "hex19", "hex7")


@pytest.fixture(params=ALL)
def cam(request: pytest.FixtureRequest) -> Camera:
    return camera(request.param)


def inside(cam: Camera, part: float, per_pixel: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Random points of every pixel's outline, shrunk to `part`: whose they are, and where."""
    rng = np.random.default_rng(12)
    side = cam.width if cam.hexagonal else np.sqrt(cam.area[0])
    turn = np.radians(cam.pixel_rotation)
    angles = turn + (np.arange(3) * np.pi / 3 if cam.hexagonal else np.arange(2) * np.pi / 2)
    points = rng.uniform(-0.6 * side, 0.6 * side, (cam.n_pixels, 8 * per_pixel, 2))
    if not cam.hexagonal:
        points *= 0.5 / 0.6
    reach = np.abs(points @ np.array([np.cos(angles), np.sin(angles)])).max(axis=2)
    pixel, which = np.nonzero(reach <= part * side / 2)
    place = points[pixel, which] + np.column_stack([cam.x, cam.y])[pixel]
    return pixel, place


def test_the_names_are_those_of_the_tables() -> None:
    tables = files("gammalearn_showers.instrument") / "tables"
    names = sorted(f.name.removesuffix(".camgeom.fits.gz") for f in tables.iterdir() if f.name.endswith(".fits.gz"))
    assert list(camera_names()) == names == sorted(KNOWN)


def test_the_tables_come_with_their_licence() -> None:
    text = (files("gammalearn_showers.instrument") / "tables" / "README.md").read_text(encoding="utf-8")
    assert "dl1-data-handler" in text
    assert "MIT License" in text


@pytest.mark.parametrize("name", KNOWN)
def test_a_real_camera_has_its_pixels_and_neighbours(name: str) -> None:
    cam = camera(name)
    count, full, least, width = KNOWN[name]
    touching = (cam.neighbours >= 0).sum(axis=1)
    assert cam.name == name
    assert cam.n_pixels == count
    assert (touching == cam.neighbours.shape[1]).sum() == full
    assert touching.min() == least
    assert 100 * cam.width == pytest.approx(width, rel=2e-3)


def test_arrays_are_of_doubles_and_of_one_length(cam: Camera) -> None:
    for values in (cam.x, cam.y, cam.area):
        assert values.shape == (cam.n_pixels,)
        assert values.dtype == np.float64
        assert values.flags.c_contiguous
        assert np.isfinite(values).all()
    assert (cam.area > 0).all()


def test_pixels_are_neighbours_of_their_neighbours(cam: Camera) -> None:
    pairs = {(p, int(n)) for p, row in enumerate(cam.neighbours) for n in row if n >= 0}
    assert cam.neighbours.dtype == np.int32
    assert cam.neighbours.shape == (cam.n_pixels, 6 if cam.hexagonal else 4)
    assert {(b, a) for a, b in pairs} == pairs
    assert not any(a == b for a, b in pairs)


def test_no_neighbours_lie_on_a_diagonal(cam: Camera) -> None:
    pixel, place = np.nonzero(cam.neighbours >= 0)
    other = cam.neighbours[pixel, place]
    angle = np.degrees(np.arctan2(cam.y[other] - cam.y[pixel], cam.x[other] - cam.x[pixel]))
    turn = 60 if cam.hexagonal else 90
    off = (angle - cam.pixel_rotation + turn / 2) % turn - turn / 2
    assert np.abs(off).max() < 10, "edges are not where the rotation of pixels says they are"


@pytest.mark.parametrize("name", [n for n in ALL if n not in ("FACT", "VERITAS")])
def test_pixels_are_as_large_as_their_spacing_allows(name: str) -> None:
    cam = camera(name)
    area = cam.width**2 * (0.75**0.5 if cam.hexagonal else 1)
    np.testing.assert_allclose(cam.area, area, rtol=0.03)


def test_pixels_of_fact_have_the_area_of_its_lattice_and_its_camera_is_turned_upright() -> None:
    fact = camera("FACT")
    np.testing.assert_allclose(fact.area, 0.75**0.5 * fact.width**2, rtol=0.01)
    assert fact.pixel_rotation == 0
    path = files("gammalearn_showers.instrument") / "tables" / "FACT.camgeom.fits.gz"
    with path.open("rb") as file:
        table = Table.read(file, hdu=1, format="fits")
    assert table.meta["CAM_ROT"] == -90
    np.testing.assert_allclose(fact.x, -table["pix_y"], atol=1e-12)
    np.testing.assert_allclose(fact.y, table["pix_x"], atol=1e-12)


def test_points_of_a_pixel_are_looked_up_to_it(cam: Camera) -> None:
    pixel, place = inside(cam, 0.9, 60)
    _, nearest = cKDTree(np.column_stack([cam.x, cam.y])).query(place)
    right = cam.lookup.find(*place.T) == nearest
    of_pixel = np.bincount(pixel, weights=right) / np.bincount(pixel)
    assert np.bincount(pixel).min() > 50
    assert of_pixel.min() > (0.9 if cam.name == "CHEC" else 0.99)  # pixels of its curved surface overlap in projection
    assert right.mean() > 0.99


def test_points_near_an_edge_are_lost_seldom(cam: Camera) -> None:
    pixel, place = inside(cam, 1.0, 40)
    found = cam.lookup.find(*place.T)
    assert (found == pixel).mean() > 0.96
    assert (found < 0).mean() < 0.02


def test_the_formula_of_the_lookup_finds_what_find_does(cam: Camera) -> None:
    table, pitch, half_width = cam.lookup
    for p in range(0, cam.n_pixels, 97):
        x, y = float(cam.x[p]), float(cam.y[p])
        assert table[int((x + half_width) / pitch), int((y + half_width) / pitch)] == p


def test_points_beyond_the_camera_are_of_no_pixel(cam: Camera) -> None:
    angle = np.linspace(0, 2 * np.pi, 1000)
    for distance in (cam.radius + cam.width, 2 * cam.radius, 1e6):
        assert (cam.lookup.find(distance * np.cos(angle), distance * np.sin(angle)) == -1).all()


def test_the_rim_of_the_lookup_is_empty(cam: Camera) -> None:
    table = cam.lookup.table
    assert (np.concatenate([table[0], table[-1], table[:, 0], table[:, -1]]) == -1).all()
    assert table.shape == (len(table), len(table))
    assert len(table) * cam.lookup.pitch == pytest.approx(2 * cam.lookup.half_width)


def test_pixels_have_about_their_area_in_the_lookup(cam: Camera) -> None:
    cells = np.bincount(cam.lookup.table[cam.lookup.table >= 0], minlength=cam.n_pixels)
    area = cam.width**2 * 0.75**0.5 if cam.hexagonal else cam.area[0]
    ratio = cells * cam.lookup.pitch**2 / area
    assert ratio.mean() == pytest.approx(1, abs=0.015)
    assert ratio.std() < (0.03 if cam.name == "CHEC" else 0.01)


def test_the_nearest_of_overlapping_pixels_is_looked_up() -> None:
    for x in ([0.0, 0.6], [0.6, 0.0]):
        lookup = pixel_lookup(np.array(x), np.zeros(2), side=1.0, edges=np.eye(2))
        found = lookup.find(np.array([0.25, 0.35]), np.zeros(2))
        assert [x[p] for p in found] == [0.0, 0.6]


def test_a_gap_between_modules_is_of_no_pixel() -> None:
    sct = camera("SCTCam")
    pixel, place = np.nonzero(sct.neighbours >= 0)
    other = sct.neighbours[pixel, place]
    step = np.hypot(sct.x[other] - sct.x[pixel], sct.y[other] - sct.y[pixel])
    assert step.max() / sct.width == pytest.approx(1.074, abs=0.005)
    half = [(v[pixel] + v[other])[step > 1.07 * sct.width] / 2 for v in (sct.x, sct.y)]
    assert (sct.lookup.find(*half) < 0).mean() > 0.5
    joined = [(v[pixel] + v[other])[step < 1.01 * sct.width] / 2 for v in (sct.x, sct.y)]
    assert (sct.lookup.find(*joined) >= 0).all()


def test_the_lookup_is_small_and_soon_made() -> None:
    lst = camera("LSTCam")
    fresh = Camera(lst.name, lst.x, lst.y, lst.area, lst.shape, lst.pixel_rotation)
    start = time.process_time()
    table = fresh.lookup.table
    assert time.process_time() - start < 0.5
    assert table.dtype == np.int32
    assert table.flags.c_contiguous
    assert fresh.lookup.pitch == pytest.approx(lst.width / FINENESS)
    assert camera("SCTCam").lookup.table.nbytes < 40e6


@pytest.mark.parametrize(("count", "rings"), [(7, 1), (61, 4), (1801, 24), (1951, 25), (10981, 60)])
def test_hexagonal_cameras_are_of_whole_rings_and_of_one_area(count: int, rings: int) -> None:
    cam = camera(f"hex{count}")
    assert (cam.name, cam.n_pixels, cam.shape, cam.pixel_rotation) == (f"hex{count}", count, "hexagon", 0.0)
    assert cam.radius == pytest.approx(rings * cam.width)
    assert cam.area.sum() == pytest.approx(HEXAGON_AREA)
    assert ((cam.neighbours >= 0).sum(axis=1) == 3).sum() == 6
    assert ((cam.neighbours >= 0).sum(axis=1) == 6).sum() == 1 + 3 * rings * (rings - 1)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("nectarcam", "did you mean 'NectarCam'"),
        ("HESS", "did you mean 'HESS-I'"),
        ("", "there are ASTRICam, CHEC"),
        ("../FACT", "no camera is named '../FACT'"),
        ("hex1800", "such as hex1657, hex1801, hex1951"),
        ("hex1", "such as hex7, hex19"),
        ("hex11347", "hex10981"),
        ("hex999999999", "n from 1 to 60"),
        ("hex0", "did you mean 'hex1801'"),
        ("hex-7", "no camera is named"),
    ],
)
def test_unknown_cameras_are_told_with_close_ones(name: str, says: str) -> None:
    with pytest.raises(UnknownComponentError) as caught:
        camera(name)
    assert says in str(caught.value)
    assert name in str(caught.value)


def test_a_camera_is_read_once() -> None:
    assert camera("VERITAS") is camera("VERITAS")


def test_no_table_is_read_before_a_camera_is_asked_for() -> None:
    code = (
        "import sys;"
        "from gammalearn_showers.instrument import camera; camera('hex19'); assert 'astropy' not in sys.modules;"
        "camera('FACT'); assert 'astropy' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
