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
from gammalearn_stereo.measuring import COLUMNS
from gammalearn_stereo.measuring import PREFIX
from gammalearn_stereo.measuring import Measuring
from gammalearn_stereo.measuring import Thresholds

CHARGE = "image"
MASKS = ("cleaned", "image_mask")
TIMES = ("peak_time", "relative_peak_time")


class Moments:
    """Measures each image, as Hillas parameters do, and gives the numbers to the networks of this plug-in as columns.

    It belongs before transforms that change charges, such as ``core.log_charge``, since these must be photoelectrons,
    and before ``core.to_square``. Images stay as they are. See `Measuring` for what is measured.

    Parameters
    ----------
    mask : str, optional
        Channel with the pixels that count, 0 or 1. By default ``cleaned`` or ``image_mask``, if there is one.
    thresholds : (float, float), optional
        Instead of a mask: pixels count of at least the first charge, p.e., with a neighbour of at least the second,
        and such neighbours. By default (8, 4) if there is no mask.
    """

    def __init__(
        self,
        *,
        inputs: InputSpec,
        mask: str | None = None,
        thresholds: tuple[float, float] | list[float] | None = None,
    ) -> None:
        if mask is not None and thresholds is not None:
            raise ValueError("either mask or thresholds say which pixels count, not both")
        self._cuts = None if thresholds is None else _checked(thresholds)
        self._mask = mask
        for key, camera in inputs.cameras.items():
            _check_camera(key, camera, mask)
        self._measuring = {key: Measuring(camera.geometry) for key, camera in inputs.cameras.items()}
        self.outputs = attrs.evolve(inputs, columns=(*(n for n in inputs.columns if n not in COLUMNS), *COLUMNS))

    def __call__(self, batch: Batch, generator: Generator) -> Batch:
        return replace(batch, images={key: self._measured(key, group) for key, group in batch.images.items()})

    def _measured(self, key: str, group: Images) -> Images:
        measuring = self._measuring[key]
        measuring.to(group.pixels.device)
        channels = {name: group.pixels[:, number] for number, name in enumerate(group.channels)}
        charge = channels[CHARGE]
        time = next((channels[name] for name in TIMES if name in channels), None)
        found = measuring(charge, self._counting(measuring, channels, charge), time)
        return replace(group, columns=group.columns | {PREFIX + name: value for name, value in found.items()})

    def _counting(self, measuring: Measuring, channels: dict[str, Tensor], charge: Tensor) -> Tensor:
        names = (self._mask,) if self._mask else MASKS if self._cuts is None else ()
        mask = next((channels[name] for name in names if name in channels), None)
        if mask is not None:
            return mask > 0.5
        return measuring.cleaned(charge, self._cuts or Thresholds(picture=8.0, boundary=4.0))


def _checked(thresholds: tuple[float, float] | list[float]) -> Thresholds:
    numbers = tuple(thresholds)
    if len(numbers) != 2 or not 0 < numbers[1] <= numbers[0]:
        raise ValueError(f"thresholds must be two charges above 0, the larger one first, got {thresholds!r}")
    return Thresholds(picture=float(numbers[0]), boundary=float(numbers[1]))


def _check_camera(key: str, camera: CameraSpec, mask: str | None) -> None:
    if not camera.on_pixels:
        raise ValueError(f"images of {key} are not on the camera's own pixels: measure them before they are mapped")
    for name in filter(None, (CHARGE, mask)):
        if name not in camera.channels:
            given = ", ".join(camera.channels)
            raise ValueError(f"images of {key} have no channel {name!r}{did_you_mean(name, camera.channels)}: {given}")


__all__ = ["Moments"]
