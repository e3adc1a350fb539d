from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from conftest import SMALL
from conftest import Showers
from conftest import contents
from conftest import small
from numpy.typing import NDArray

from gammalearn_core import GammalearnError
from gammalearn_showers.gallery import draw_gallery
from gammalearn_showers.gallery import events_of
from gammalearn_showers.instrument import camera_names
from gammalearn_showers.instrument import telescope_type
from gammalearn_showers.outlines import pixel_outlines
from gammalearn_showers.runs import blocks
from gammalearn_showers.simulator import Simulator
from gammalearn_showers.sky import offset


def size_of(path: Path) -> tuple[int, int]:
    """Width and height of a PNG."""
    data = path.read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", data[16:24])
    return width, height


def area(corners: NDArray[np.float64]) -> NDArray[np.float64]:
    """Areas of polygons."""
    x, y = corners[..., 0], corners[..., 1]
    areas: NDArray[np.float64] = np.abs((x * np.roll(y, -1, axis=1) - y * np.roll(x, -1, axis=1)).sum(axis=1)) / 2
    return areas


def test_the_command_draws_without_writing_files(showers: Showers, tmp_path: Path) -> None:
    done = showers(*SMALL, "--show", tmp_path / "g.png", "--show-count", 2)
    assert done.returncode == 0, done.stderr
    assert list(contents(tmp_path)) == ["g.png"]
    width, height = size_of(tmp_path / "g.png")
    assert width > 800
    assert height > 1000


def test_a_gallery_shows_the_first_events_of_a_run(simulator: Simulator) -> None:
    (block,) = blocks(simulator, 1, 3, size=200)
    events = list(events_of(block, simulator.production))
    assert len(events) == 3
    energy = block.showers.energy[block.showers.triggered][0]
    assert (f"{energy * 1000:.0f} GeV" if energy < 1 else f"{energy:.1f} TeV") in events[0].title
    np.testing.assert_array_equal(events[0].images[0].charge, block.images[0].charge[0])


def test_more_events_make_a_longer_gallery(simulator: Simulator, tmp_path: Path) -> None:
    for count in (1, 2):
        draw_gallery(tmp_path / f"{count}.png", simulator, count=count)
    assert size_of(tmp_path / "2.png")[1] > size_of(tmp_path / "1.png")[1] + 400


def test_a_gallery_that_cannot_be_written_is_an_error(simulator: Simulator, tmp_path: Path) -> None:
    (tmp_path / "g.png").mkdir()
    with pytest.raises(GammalearnError, match=r"g.png could not be written: Is a directory"):
        draw_gallery(tmp_path / "g.png", simulator, count=1)
    assert list(tmp_path.iterdir()) == [tmp_path / "g.png"]


def test_a_name_that_is_too_long_for_the_disk_is_an_error(simulator: Simulator, tmp_path: Path) -> None:
    with pytest.raises(GammalearnError, match="File name too long"):
        draw_gallery(tmp_path / f"{'n' * 300}.png", simulator, count=1)


@pytest.mark.parametrize("name", [n for n in camera_names() if not telescope_type(n).camera.hexagonal])
def test_squares_are_drawn_as_large_as_they_are(name: str) -> None:
    kind = telescope_type(name)
    scale = np.degrees(1 / kind.effective_focal_length) ** 2
    assert np.median(area(pixel_outlines(kind))) == pytest.approx(np.median(kind.camera.area) * scale)


@pytest.mark.parametrize("name", [*(n for n in camera_names() if telescope_type(n).camera.hexagonal), "hex331"])
def test_hexagons_that_touch_share_an_edge(name: str) -> None:
    camera, corners = telescope_type(name).camera, pixel_outlines(telescope_type(name))
    middle = int(np.argmin(np.hypot(camera.x, camera.y)))
    shared = []
    for other in camera.neighbours[middle]:
        distance = np.hypot(*(corners[middle][:, None] - corners[other][None]).transpose(2, 0, 1))
        shared.append(int(np.count_nonzero(distance.min(axis=1) < 0.1 * np.sqrt(area(corners[:1])[0]))))
    assert shared == [2] * 6


def test_the_true_direction_is_where_images_have_it() -> None:
    production = small(zenith=20, azimuth=180).production()
    alt, az = np.radians(70), np.radians(180)
    assert offset(alt, az, production) == pytest.approx((0, 0))
    assert offset(alt + np.radians(1), az, production) == pytest.approx((0, 1), abs=1e-3)
    lon, lat = offset(alt, az + np.radians(1), production)
    assert lon == pytest.approx(np.cos(alt), abs=1e-3)
    assert lat == pytest.approx(0, abs=0.01)


def test_axes_of_bright_gammas_point_at_their_stars() -> None:
    """The star is drawn where the dashed lines meet."""
    production = small(camera=None, energy_range=(3.0, 10.0), viewcone=1.0, scatter_radius=250).production()
    (block,) = blocks(Simulator(production), 1, 12, size=200)
    misses = []
    for event in events_of(block, production):
        lon, lat, psi = event.images[0].axis
        dx, dy = event.source[0] - lon, event.source[1] - lat
        misses.append(abs(dx * np.sin(np.radians(psi)) - dy * np.cos(np.radians(psi))))
    assert np.nanmedian(misses) < 0.1
