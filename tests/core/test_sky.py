"""Offsets on the sky, against ctapipe and astropy and against geometry."""

from __future__ import annotations

import numpy as np
import pytest

from gammalearn_core.data.sky import from_offset
from gammalearn_core.data.sky import separation
from gammalearn_core.data.sky import to_offset

# alt, az, pointing_alt, pointing_az, fov_lon, fov_lat, separation, in degrees. Made with ctapipe 0.28.0 (astropy 7):
#   pointing = SkyCoord(alt=…, az=…, frame=AltAz()); point = SkyCoord(alt=…, az=…, frame=AltAz())
#   point.transform_to(TelescopeFrame(telescope_pointing=pointing)), point.separation(pointing)
# NominalFrame(origin=pointing) and astropy's SkyOffsetFrame(origin=pointing) gave the same to the last digit.
GOLDEN = [
    (71.0, 180.0, 70.0, 180.0, 0.0, 1.0000000000000004, 1.0000000000000004),
    (70.0, 179.2, 70.0, 180.0, -0.2736082643007866, 0.0017949724672256884, 0.2736141520377929),
    (70.3, 359.8, 70.0, 0.4, -0.2022566693740954, 0.300995154101149, 0.36263682490460725),
    (69.2, 1.1, 70.0, 359.5, 0.5681609626928009, -0.7925450272506881, 0.9751481481685137),
    (89.5, 200.0, 89.0, 20.0, 2.4856601185352476e-17, 1.500000000000003, 1.5000000000000029),
    (88.7, 301.0, 89.0, 299.0, 0.04536607642659989, -0.29920825284986735, 0.3026278915683472),
    (40.0, 10.0, 20.0, 5.0, 4.0758779088326955, 20.06080167546081, 20.453944844851627),
]


@pytest.mark.parametrize(("alt", "az", "alt0", "az0", "lon", "lat", "apart"), GOLDEN)
def test_offsets_are_those_of_ctapipe(
    alt: float, az: float, alt0: float, az0: float, lon: float, lat: float, apart: float
) -> None:
    np.testing.assert_allclose(to_offset(alt, az, alt0, az0), (lon, lat), atol=1e-12)


@pytest.mark.parametrize(("alt", "az", "alt0", "az0", "lon", "lat", "apart"), GOLDEN)
def test_directions_are_those_of_ctapipe(
    alt: float, az: float, alt0: float, az0: float, lon: float, lat: float, apart: float
) -> None:
    np.testing.assert_allclose(from_offset(lon, lat, alt0, az0), (alt, az), atol=1e-11)


@pytest.mark.parametrize(("alt", "az", "alt0", "az0", "lon", "lat", "apart"), GOLDEN)
def test_separations_are_those_of_astropy(
    alt: float, az: float, alt0: float, az0: float, lon: float, lat: float, apart: float
) -> None:
    assert separation(az, alt, az0, alt0) == pytest.approx(apart, abs=1e-12)
    assert separation(lon, lat, 0, 0) == pytest.approx(apart, abs=1e-12)


@pytest.mark.parametrize("alt0", [5.0, 20.0, 70.0, 89.0, 89.9999, 90.0])
def test_a_direction_comes_back_from_its_offset(alt0: float) -> None:
    rng = np.random.default_rng(1)
    az0, lon, lat = rng.uniform(0, 360, 1000), rng.uniform(-5, 5, 1000), rng.uniform(-5, 5, 1000)
    alt, az = from_offset(lon, lat, alt0, az0)
    again = to_offset(alt, az, alt0, az0)
    np.testing.assert_allclose(again, (lon, lat), atol=1e-9, rtol=0)


def test_an_offset_comes_back_from_its_direction() -> None:
    rng = np.random.default_rng(2)
    alt, az, alt0, az0 = rng.uniform([[20], [0], [20], [0]], [[89], [360], [89], [360]], (4, 1000))
    again = from_offset(*to_offset(alt, az, alt0, az0), alt0, az0)
    np.testing.assert_allclose(again[0], alt, atol=1e-9, rtol=0)
    np.testing.assert_allclose((again[1] - az + 180) % 360, 180, atol=1e-9, rtol=0)


def test_the_pointing_itself_has_no_offset() -> None:
    np.testing.assert_allclose(to_offset(70.0, 359.9, 70.0, 359.9), (0, 0), atol=1e-14)


@pytest.mark.parametrize("turns", [-360, 360, 720])
def test_whole_turns_of_azimuth_do_not_count(turns: float) -> None:
    np.testing.assert_allclose(to_offset(70.5, 10 + turns, 70, 9), to_offset(70.5, 10, 70, 9), atol=1e-12)


def test_azimuths_are_between_0_and_360() -> None:
    _, az = from_offset([-1.0, 1.0], [0.0, 0.0], 70.0, [0.1, 359.9])
    assert ((az >= 0) & (az < 360)).all()
    np.testing.assert_allclose(az, [357.17, 2.83], atol=0.01)


def test_offsets_grow_with_azimuth_and_altitude() -> None:
    lon, lat = to_offset([70.0, 71.0], [1.0, 0.0], 70.0, 0.0)
    assert lon[0] > 0
    assert lat[1] > 0


@pytest.mark.parametrize("angle", [1e-10, 1e-6, 1e-3, 1.0, 90.0, 179.0, 179.999999])
def test_separations_are_exact_at_any_angle(angle: float) -> None:
    assert separation(12.0, 0.0, 12.0 + angle, 0.0) == pytest.approx(angle, rel=2e-5 if angle < 1e-9 else 1e-9)
    assert separation(0.0, 30.0, 0.0, 30.0 + angle) == pytest.approx(angle, rel=1e-4 if angle < 1e-9 else 1e-9)


def test_opposite_directions_are_180_degrees_apart() -> None:
    assert separation(20.0, 40.0, 200.0, -40.0) == pytest.approx(180, abs=1e-9)
    assert separation(0.0, 90.0, 77.0, -90.0) == pytest.approx(180, abs=1e-12)


def test_a_direction_is_not_apart_from_itself() -> None:
    lon, lat = np.random.default_rng(3).uniform(-80, 80, (2, 100))
    np.testing.assert_allclose(separation(lon, lat, lon, lat), 0, atol=1e-13)


def test_separation_is_that_of_unit_vectors() -> None:
    lon1, lat1, lon2, lat2 = np.random.default_rng(4).uniform(-80, 80, (4, 100))

    def vector(lon: np.ndarray, lat: np.ndarray) -> np.ndarray:
        lon, lat = np.radians(lon), np.radians(lat)
        return np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])

    expected = np.degrees(np.arccos(np.sum(vector(lon1, lat1) * vector(lon2, lat2), axis=0)))
    np.testing.assert_allclose(separation(lon1, lat1, lon2, lat2), expected, atol=1e-6)


def test_single_precision_is_not_carried_on() -> None:
    lon, lat = to_offset(*np.array([[70.5], [10.0], [70.0], [9.0]], dtype=np.float32))
    assert lon.dtype == lat.dtype == np.float64
