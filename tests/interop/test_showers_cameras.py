"""Cameras of gammalearn-showers, seen by ctapipe."""

from __future__ import annotations

from importlib.resources import files

import astropy.units as u
import numpy as np
import pytest
from astropy.table import Table
from ctapipe.instrument import CameraGeometry
from ctapipe.instrument.camera.geometry import PixelShape

pytest.importorskip("gammalearn_showers")

from gammalearn_showers.instrument import Camera
from gammalearn_showers.instrument import camera
from gammalearn_showers.instrument import camera_names

NAMES = (*camera_names(), "hex1801")


def geometry(cam: Camera) -> CameraGeometry:
    """Our pixels, as ctapipe's."""
    return CameraGeometry(
        name=cam.name,
        pix_id=np.arange(cam.n_pixels),
        pix_x=u.Quantity(cam.x, u.m),
        pix_y=u.Quantity(cam.y, u.m),
        pix_area=u.Quantity(cam.area, u.m**2),
        pix_type=PixelShape.HEXAGON if cam.hexagonal else PixelShape.SQUARE,
        pix_rotation=u.Quantity(cam.pixel_rotation, u.deg),
        cam_rotation=u.Quantity(0, u.deg),
    )


def table(name: str) -> CameraGeometry:
    """The table, read by ctapipe and turned upright by it."""
    resource = files("gammalearn_showers.instrument") / "tables" / f"{name}.camgeom.fits.gz"
    with resource.open("rb") as file:
        values = Table.read(file, hdu=1, format="fits")
    values.meta.setdefault("TAB_VER", "1.0")
    values.meta.setdefault("TAB_TYPE", "ctapipe.instrument.CameraGeometry")
    read = CameraGeometry.from_table(values)
    read.rotate(read.cam_rotation)
    return read


@pytest.mark.parametrize("name", camera_names())
def test_pixels_are_where_ctapipe_reads_them(name: str) -> None:
    ours, theirs = camera(name), table(name)
    np.testing.assert_allclose(ours.x, theirs.pix_x.to_value(u.m), atol=1e-9)
    np.testing.assert_allclose(ours.y, theirs.pix_y.to_value(u.m), atol=1e-9)
    assert theirs.cam_rotation.to_value(u.deg) == 0
    assert ours.pixel_rotation == pytest.approx(theirs.pix_rotation.to_value(u.deg))
    assert ours.hexagonal == (theirs.pix_type == PixelShape.HEXAGON)


@pytest.mark.parametrize("name", NAMES)
def test_neighbours_are_ctapipes(name: str) -> None:
    ours = camera(name)
    pixel, place = np.nonzero(ours.neighbours >= 0)
    matrix = np.zeros((ours.n_pixels, ours.n_pixels), dtype=bool)
    matrix[pixel, ours.neighbours[pixel, place]] = True
    assert (matrix == geometry(ours).neighbor_matrix).all()


# The area of VERITAS' pixels is that of its photomultipliers, without the light guides.
@pytest.mark.parametrize("name", [n for n in NAMES if n != "VERITAS"])
def test_widths_are_ctapipes(name: str) -> None:
    ours = camera(name)
    theirs = geometry(ours).pixel_width.to_value(u.m)
    np.testing.assert_allclose(theirs, ours.width, rtol=0.015)


@pytest.mark.parametrize("name", NAMES)
def test_pixels_are_looked_up_as_by_ctapipe(name: str) -> None:
    ours = camera(name)
    rng = np.random.default_rng(5)
    x, y = rng.uniform(-1.1 * ours.radius, 1.1 * ours.radius, (2, 100_000))
    theirs = geometry(ours).position_to_pix_index(u.Quantity(x, u.m), u.Quantity(y, u.m))
    found = ours.lookup.find(x, y)
    both = (found >= 0) & (theirs >= 0)
    assert both.mean() > 0.3
    assert (found == theirs)[both].mean() > 0.96
