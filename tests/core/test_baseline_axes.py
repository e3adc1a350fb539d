"""Where and whence a shower came, from axes that a shower without any width or noise would have."""

from __future__ import annotations

import attrs
import numpy as np
import pytest
from numpy.typing import NDArray

from gammalearn_core.baseline.axes import Axes
from gammalearn_core.baseline.axes import intersect
from gammalearn_core.baseline.axes import unit_vectors
from gammalearn_core.data.sky import separation
from gammalearn_core.data.sky import to_offset

TELESCOPES = np.array([[80.0, 60.0, 5.0], [-90.0, 40.0, -3.0], [10.0, -120.0, 0.0], [-60.0, -70.0, 8.0]])
ALT0, AZ0 = 70.0, 180.0
TRUE = {"alt": np.array([70.8, 69.5]), "az": np.array([181.2, 179.0]), "x": np.array([35.0, -20.0]), "y": [-15.0, 55.0]}


def ideal_axes(pointings: NDArray[np.float64]) -> Axes:
    """Four images of each of two showers, that are seen as parts of straight lines."""
    events = np.repeat([0, 1], 4)
    position = np.tile(TELESCOPES, (2, 1))
    way = unit_vectors(TRUE["alt"], TRUE["az"])[events]
    core = np.column_stack([TRUE["x"], TRUE["y"], [0.0, 0.0]])[events]
    ends = []
    for length in (9000.0, 9100.0):
        seen = core + length * way - position
        alt = np.degrees(np.arcsin(seen[:, 2] / np.linalg.norm(seen, axis=1)))
        ends.append(to_offset(alt, np.degrees(np.arctan2(-seen[:, 1], seen[:, 0])), *pointings.T))
    (lon, lat), (lon2, lat2) = ends
    psi = np.degrees(np.arctan2(lat2 - lat, lon2 - lon))
    return Axes(
        event=events,
        lon=lon,
        lat=lat,
        psi=psi,
        pointing_alt=pointings[:, 0],
        pointing_az=pointings[:, 1],
        position=position,
        weight=np.arange(1.0, 9.0),
    )


PARALLEL = np.tile([ALT0, AZ0], (8, 1))
DIVERGENT = PARALLEL + 0.4 * np.tile([[1, 1], [1, -1], [-1, 1], [-1, -1]], (2, 1))


@pytest.mark.parametrize("pointings", [PARALLEL, DIVERGENT], ids=["parallel", "divergent"])
def test_ideal_axes_meet_where_the_shower_came_from(pointings: NDArray[np.float64]) -> None:
    found = intersect(ideal_axes(pointings), [ALT0, ALT0], [AZ0, AZ0])
    assert (separation(found.az, found.alt, TRUE["az"], TRUE["alt"]) < 2e-3).all()
    # Telescopes and core are not in one plane, and the shower is not parallel to the pointing.
    np.testing.assert_allclose(found.core_x, TRUE["x"], atol=1.5)
    np.testing.assert_allclose(found.core_y, TRUE["y"], atol=1.5)


def test_the_order_of_images_does_not_matter() -> None:
    axes = ideal_axes(PARALLEL)
    order = np.random.default_rng(1).permutation(8)
    mixed = Axes(**{f.name: getattr(axes, f.name)[order] for f in attrs.fields(Axes)})
    one, other = (intersect(a, [ALT0, ALT0], [AZ0, AZ0]) for a in (axes, mixed))
    np.testing.assert_allclose(other.alt, one.alt)
    np.testing.assert_allclose(other.core_x, one.core_x)


def test_an_image_of_more_weight_draws_more() -> None:
    axes = ideal_axes(PARALLEL)
    psi = axes.psi.copy()
    psi[3] += 20
    light, heavy = (
        attrs.evolve(axes, psi=psi, weight=np.where(np.arange(8) == 3, weight, 1.0)) for weight in (0.01, 10.0)
    )
    misses = [
        separation(found.az, found.alt, TRUE["az"], TRUE["alt"])[0]
        for found in (intersect(a, [ALT0, ALT0], [AZ0, AZ0]) for a in (light, heavy))
    ]
    assert misses[0] < 0.01 < misses[1]


def test_one_axis_tells_nothing_and_images_without_an_axis_take_no_part() -> None:
    axes = ideal_axes(PARALLEL)
    alone = attrs.evolve(axes, psi=np.where(np.arange(8) < 3, np.nan, axes.psi))
    found = intersect(alone, [ALT0, ALT0, ALT0], [AZ0, AZ0, AZ0])
    assert np.isnan(found.alt).tolist() == [True, False, True]
    assert np.isnan(found.core_x).tolist() == [True, False, True]


def test_distances_are_from_the_axis_of_the_shower() -> None:
    axes = ideal_axes(PARALLEL)
    found = intersect(axes, [90.0, 90.0], [0.0, 0.0])
    vertical = attrs.evolve(found, alt=np.full(2, 90.0), az=np.zeros(2), core_x=np.zeros(2), core_y=np.zeros(2))
    np.testing.assert_allclose(vertical.distances(axes), np.hypot(axes.position[:, 0], axes.position[:, 1]))
