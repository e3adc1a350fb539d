"""Direction, impact point and height of axes, as ctapipe's ``HillasReconstructor`` finds them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ctapipe.io import EventSource
from ctapipe.reco import HillasReconstructor

from gammalearn_core.baseline import axes as module
from gammalearn_core.baseline.axes import Axes
from gammalearn_core.baseline.axes import intersect

FILES = (
    Path(__file__).parents[2] / "examples" / "data" / "gamma_diffuse_prod6_run10.dl1.h5",
    Path(__file__).parents[1] / "data" / "gamma_prod6_za40_4lst.dl1.h5",
)


def reconstructed(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # type: ignore[type-arg]
    """Of each image what `Axes` takes and ctapipe's step along the axis; of each event the pointing, and the result."""
    images: list[Any] = []
    pointings, results = [], []
    with EventSource(path, focal_length_choice="EFFECTIVE") as source:
        reconstructor = HillasReconstructor(source.subarray)
        for event in source:
            reconstructor(event)
            found = event.dl2.stereo.geometry["HillasReconstructor"]
            if not found.is_valid:
                continue
            for tel_id in found.telescopes:
                hillas, pointing = event.dl1.tel[tel_id].parameters.hillas, event.monitoring.tel[tel_id].pointing
                place = source.subarray.tel_coords[source.subarray.tel_ids_to_indices(tel_id)[0]]
                images.append(
                    [
                        len(results),
                        hillas.fov_lon.to_value("deg"),
                        hillas.fov_lat.to_value("deg"),
                        hillas.psi.to_value("deg"),
                        pointing.altitude.to_value("deg"),
                        pointing.azimuth.to_value("deg"),
                        *place.cartesian.xyz.to_value("m"),
                        hillas.intensity * (hillas.length / hillas.width).to_value(""),
                        0.1 * reconstructor._cam_radius_deg[tel_id],
                    ]
                )
            array = event.monitoring.pointing
            pointings.append([array.array_altitude.to_value("deg"), array.array_azimuth.to_value("deg")])
            results.append([found.alt.to_value("deg"), found.az.to_value("deg")])
            above = found.h_max - source.subarray.reference_location.geodetic.height
            results[-1] += [found.core_x.to_value("m"), found.core_y.to_value("m"), above.to_value("m")]
    return np.array(images), np.array(pointings), np.array(results)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_axes_cut_each_other_where_ctapipe_says(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images, pointings, results = reconstructed(path)

    def axes(weight: np.ndarray) -> Axes:  # type: ignore[type-arg]
        return Axes(
            event=images[:, 0].astype(np.int64),
            lon=images[:, 1],
            lat=images[:, 2],
            psi=images[:, 3],
            pointing_alt=images[:, 4],
            pointing_az=images[:, 5],
            position=images[:, 6:9],
            weight=weight,
        )

    # An axis is straight in the telescope frame and not quite on the sky, so that the step along it counts.
    monkeypatch.setattr(module, "_STEP", images[:, 10])
    found = intersect(axes(images[:, 9]), *pointings.T)
    np.testing.assert_allclose(np.column_stack([found.alt, found.az]), results[:, :2], atol=1e-5)
    alike = intersect(axes(np.ones(len(images))), *pointings.T)  # ctapipe weights directions, but not impact points
    np.testing.assert_allclose(np.column_stack([alike.core_x, alike.core_y]), results[:, 2:4], atol=1e-3)
    np.testing.assert_allclose(alike.height, results[:, 4], rtol=1e-6)
    monkeypatch.undo()
    ours = intersect(axes(images[:, 9]), *pointings.T)
    np.testing.assert_allclose(np.column_stack([ours.alt, ours.az]), results[:, :2], atol=1e-3)
