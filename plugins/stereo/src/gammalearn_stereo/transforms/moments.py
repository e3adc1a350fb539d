"""The transform ``stereo.moments``."""

from __future__ import annotations

from dataclasses import replace

import attrs
from torch import Generator
from torch import Tensor

from gammalearn_core.api import Batch
from gammalearn_core.api import CameraSpec
from gammalearn_core.api import Images
from gammalearn_core.api import InputSpec
from gammalearn_stereo.checks import did_you_mean
from gammalearn_stereo.cleaning import Cleaning
from gammalearn_stereo.cleaning import noise as noise_of
from gammalearn_stereo.measuring import COLUMNS
from gammalearn_stereo.measuring import PREFIX
from gammalearn_stereo.measuring import Measuring

CHARGE = "image"
TIMES = ("peak_time", "relative_peak_time")
_LEAST = (3.0, 1.5)
"""Thresholds that follow the noise are not below these, p.e."""


class Moments:
    """Measures each image, as Hillas parameters do, and gives the numbers to the networks of this plug-in as columns.

    It belongs before transforms that change charges, such as ``core.log_charge``, since these must be photoelectrons,
    and before ``core.to_square``. Images stay as they are. See `Measuring` for what is measured.

    Pixels count of at least a first charge with a neighbour of at least a second, and such neighbours; of these, the
    ones connected with the brightest.

    Parameters
    ----------
    noise : (float, float)
        The two charges in standard deviations of an image's pixels without light, which the median absolute deviation
        tells: one setting for all cameras and any night sky. They are at least 3 and 1.5 p.e. Charges are then those
        above the median of the image.
    thresholds : (float, float), optional
        The two charges instead, p.e.
    mask : str, optional
        A channel that says which pixels count instead, 0 or 1, such as ``image_mask`` or ``cleaned``.
    main_island : bool
        Whether only the pixels that are connected with the brightest count.
    """

    def __init__(
        self,
        *,
        inputs: InputSpec,
        noise: tuple[float, float] | list[float] = (4.5, 2.25),
        thresholds: tuple[float, float] | list[float] | None = None,
        mask: str | None = None,
        main_island: bool = True,
    ) -> None:
        if mask is not None and thresholds is not None:
            raise ValueError("either mask or thresholds say which pixels count, not both")
        self._noise = _checked("noise", noise)
        self._cuts = None if thresholds is None else _checked("thresholds", thresholds)
        self._mask, self._main = mask, main_island
        for key, camera in inputs.cameras.items():
            _check_camera(key, camera, mask)
        geometries = {key: camera.geometry for key, camera in inputs.cameras.items()}
        self._measuring = {key: Measuring(geometry) for key, geometry in geometries.items()}
        self._cleaning = {key: Cleaning(geometry) for key, geometry in geometries.items()}
        self.outputs = attrs.evolve(inputs, columns=(*(n for n in inputs.columns if n not in COLUMNS), *COLUMNS))

    def __call__(self, batch: Batch, generator: Generator) -> Batch:
        return replace(batch, images={key: self._measured(key, group) for key, group in batch.images.items()})

    def _measured(self, key: str, group: Images) -> Images:
        measuring, cleaning = self._measuring[key], self._cleaning[key]
        measuring.to(group.pixels.device)
        cleaning.to(group.pixels.device)
        channels = {name: group.pixels[:, number] for number, name in enumerate(group.channels)}
        charge, mask = self._counting(cleaning, channels)
        if self._main:
            mask = cleaning.main_island(charge, mask)
        time = next((channels[name] for name in TIMES if name in channels), None)
        found = measuring(charge, mask, time)
        return replace(group, columns=group.columns | {PREFIX + name: value for name, value in found.items()})

    def _counting(self, cleaning: Cleaning, channels: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Charges, and which of them count."""
        charge = channels[CHARGE]
        if self._mask is not None:
            return charge, channels[self._mask] > 0.5
        if self._cuts is not None:
            return charge, cleaning.tail_cuts(charge, *self._cuts)
        middle, sigma = noise_of(charge)
        charge = charge - middle
        picture, boundary = (
            (factor * sigma).clamp_min(least) for factor, least in zip(self._noise, _LEAST, strict=True)
        )
        return charge, cleaning.tail_cuts(charge, picture, boundary)


def _checked(name: str, values: tuple[float, float] | list[float]) -> tuple[float, float]:
    if not isinstance(values, (tuple, list)) or len(values) != 2 or not 0 < values[1] <= values[0]:
        raise ValueError(f"{name} must be two numbers above 0, the larger one first, got {values!r}")
    return float(values[0]), float(values[1])


def _check_camera(key: str, camera: CameraSpec, mask: str | None) -> None:
    if not camera.on_pixels:
        raise ValueError(f"images of {key} are not on the camera's own pixels: measure them before they are mapped")
    for name in filter(None, (CHARGE, mask)):
        if name not in camera.channels:
            given = ", ".join(camera.channels)
            raise ValueError(f"images of {key} have no channel {name!r}{did_you_mean(name, camera.channels)}: {given}")


__all__ = ["Moments"]
