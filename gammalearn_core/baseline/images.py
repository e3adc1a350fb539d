"""`ImageTable`: parameters of a run's images, from the columns of its files or from the images themselves."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any

import attrs
import numpy as np
import torch
from attrs import frozen
from numpy.typing import NDArray

from gammalearn_core.baseline.axes import Axes
from gammalearn_core.baseline.hillas import Pixels
from gammalearn_core.baseline.hillas import parameters
from gammalearn_core.builtin.transforms.tailcuts import CLEANED
from gammalearn_core.builtin.transforms.tailcuts import Tailcuts
from gammalearn_core.data.batch import Batch
from gammalearn_core.data.batch import Images
from gammalearn_core.data.geometry import CameraGeometry
from gammalearn_core.data.source import EventSource
from gammalearn_core.data.specs import InputSpec
from gammalearn_core.data.table import EventTable
from gammalearn_core.errors import DataError

Floats = NDArray[np.float64]
ESSENTIAL = ("hillas_intensity", "hillas_fov_lon", "hillas_fov_lat", "hillas_length", "hillas_width", "hillas_psi")
"""Without these there is no direction."""
OTHERS = (
    "hillas_r",
    "hillas_skewness",
    "hillas_kurtosis",
    "timing_slope",
    "timing_deviation",
    "leakage_intensity_width_1",
    "leakage_intensity_width_2",
    "leakage_pixels_width_1",
    "leakage_pixels_width_2",
    "concentration_cog",
    "concentration_core",
    "concentration_pixel",
    "morphology_n_pixels",
    "morphology_n_islands",
)
"""What else a forest is given, of what there is."""
CHARGE, TIME, MASK = "image", "peak_time", "image_mask"
TAILCUTS = (8.0, 4.0)
"""Thresholds where there is no mask, p.e.: those of lstchain."""
_EVENTS = 512
"""Events whose images are parametrised at once."""


@frozen(kw_only=True, eq=False)
class ImageTable:
    """One row an image.

    Attributes
    ----------
    event : array of int, (n,)
        Row of the run's events.
    camera : array of int, (n,)
        Number among ``cameras``.
    cameras : tuple of str
    position : array of float, (n, 3)
        Of the telescope in the ground frame, m; NaN where nothing needs it.
    pointing_alt, pointing_az : array of float, (n,)
        deg.
    values : mapping of str to array of float, (n,)
        Parameters by ctapipe's names, in the telescope frame, deg.
    origin : str
        Where they come from, for the record.
    """

    event: NDArray[np.int64]
    camera: NDArray[np.int64]
    cameras: tuple[str, ...]
    position: Floats
    pointing_alt: Floats
    pointing_az: Floats
    values: Mapping[str, Floats]
    origin: str

    def __len__(self) -> int:
        return len(self.event)

    def take(self, rows: NDArray[np.int64] | NDArray[np.bool_]) -> ImageTable:
        """These images, by number or by mask."""
        columns = {n: getattr(self, n)[rows] for n in ("event", "camera", "position", "pointing_alt", "pointing_az")}
        return attrs.evolve(self, **columns, values={n: v[rows] for n, v in self.values.items()})

    def axes(self) -> Axes:
        """The images' axes, weighted by intensity times length over width, as ctapipe does."""
        values = self.values
        with np.errstate(invalid="ignore", divide="ignore"):
            weight = values["hillas_intensity"] * values["hillas_length"] / values["hillas_width"]
        return Axes(
            event=self.event,
            lon=values["hillas_fov_lon"],
            lat=values["hillas_fov_lat"],
            psi=values["hillas_psi"],
            pointing_alt=self.pointing_alt,
            pointing_az=self.pointing_az,
            position=self.position,
            weight=np.where(np.isfinite(weight), weight, 0.0),
        )


def from_columns(events: EventTable, camera: CameraGeometry) -> ImageTable | None:
    """The parameters that the files have, one image an event; None if they lack what a direction needs."""
    found = {n: v for n in (*ESSENTIAL, *OTHERS) if (v := _column(events, n, camera)) is not None}
    if any(n not in found or not np.isfinite(found[n]).any() for n in ESSENTIAL):
        return None
    n = len(events)
    return ImageTable(
        event=np.arange(n),
        camera=np.zeros(n, dtype=np.int64),
        cameras=(camera.name,),
        position=np.full((n, 3), np.nan),
        pointing_alt=np.asarray(events["pointing_alt"], dtype=np.float64),
        pointing_az=np.asarray(events["pointing_az"], dtype=np.float64),
        values=found,
        origin="the DL1 parameters of the files",
    )


def _column(events: EventTable, name: str, camera: CameraGeometry) -> Floats | None:
    """A parameter, turned from the camera's frame to the telescope's if the files have it there."""
    if name in events:
        return np.asarray(events[name], dtype=np.float64)
    group, _, rest = name.partition("_")
    there = f"camera_frame_{group}_{ {'fov_lon': 'y', 'fov_lat': 'x'}.get(rest, rest) }"
    if there not in events:
        return None
    value: Floats = np.asarray(events[there], dtype=np.float64)
    per_metre = float(np.degrees(1 / camera.focal_length))
    if rest == "psi":
        return np.where(value < 0, -90.0, 90.0) - value
    if rest == "slope":
        return _turned(events, value) / per_metre
    if rest == "skewness":
        return _turned(events, value)
    return value * per_metre if rest in ("fov_lon", "fov_lat", "r", "length", "width") else value


def _turned(events: EventTable, value: Floats) -> Floats:
    """A number along an axis: axes whose angle is negative in the camera's frame point the other way on the sky."""
    psi = np.asarray(events["camera_frame_hillas_psi"], dtype=np.float64)
    return np.where(psi < 0, -value, value)


@frozen(kw_only=True)
class Cleaning:
    """Which pixels belong to the shower: those of the file's mask, or what two thresholds leave, p.e."""

    thresholds: tuple[float, float] | None = None
    """Of picture and boundary pixels, instead of the mask."""

    def thresholds_for(self, inputs: InputSpec) -> tuple[float, float] | None:
        """Those that images need; None if their mask is taken."""
        masked = all(MASK in spec.channels for spec in inputs.cameras.values())
        return self.thresholds or (None if masked else TAILCUTS)


def from_images(source: EventSource, cleaning: Cleaning) -> ImageTable:
    """The parameters of all images of a source.

    Raises
    ------
    DataError
        The images have no charges.
    """
    inputs = source.inputs
    if any(CHARGE not in spec.channels or not spec.on_pixels for spec in inputs.cameras.values()):
        raise DataError(f"the images have no channel {CHARGE!r} on the camera's pixels, which Hillas parameters need")
    names, thresholds = tuple(inputs.cameras), cleaning.thresholds_for(inputs)
    pixels = {key: Pixels.of(spec.geometry) for key, spec in inputs.cameras.items()}
    parts = [
        {"camera": np.full(len(group), names.index(key)), **_columns(group, start, pixels[key], mask)}
        for start, batch, mask in _cleaned(source, thresholds)
        for key, group in batch.images.items()
        if len(group)
    ]
    if not parts:
        raise DataError("the run has no images")
    joined = {n: np.concatenate([p[n] for p in parts]) for n in parts[0] if all(n in p for p in parts)}
    known = {n: joined.pop(n) for n in ("event", "camera", "position", "pointing_alt", "pointing_az")}
    told = (
        f"cleaned with tail cuts of {thresholds[0]:g} and {thresholds[1]:g} p.e." if thresholds else "with their masks"
    )
    return ImageTable(**known, cameras=names, values=joined, origin=f"the images, {told}")


def _cleaned(source: EventSource, thresholds: tuple[float, float] | None) -> Iterator[tuple[int, Batch, str]]:
    """All events, some at a time: the row of the first, the batch, and the channel that is the mask."""
    rows = np.arange(len(source.events))
    batches = ((start, source.read(rows[start : start + _EVENTS])) for start in range(0, len(rows), _EVENTS))
    if thresholds is None:
        yield from ((start, batch, MASK) for start, batch in batches)
        return
    clean = Tailcuts(inputs=source.inputs, picture_threshold=thresholds[0], boundary_threshold=thresholds[1])
    yield from ((start, clean(batch, torch.Generator()), CLEANED) for start, batch in batches)


def _columns(group: Images, start: int, pixels: Pixels, mask: str) -> dict[str, NDArray[Any]]:
    """Columns of the images of one camera in a batch whose first event is row ``start``."""
    channels = {name: group.pixels[:, number].numpy() for number, name in enumerate(group.channels)}
    pointing = group.pointing.numpy().astype(np.float64)
    return {
        "event": group.event.numpy() + start,
        "position": group.position.numpy().astype(np.float64),
        "pointing_alt": pointing[:, 0],
        "pointing_az": pointing[:, 1],
        **parameters(pixels, channels[CHARGE], channels[mask] > 0, channels.get(TIME)),
    }


__all__ = ["CHARGE", "ESSENTIAL", "MASK", "OTHERS", "TIME", "Cleaning", "ImageTable", "from_columns", "from_images"]
