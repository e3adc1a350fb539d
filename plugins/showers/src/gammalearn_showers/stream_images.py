"""`ShowerCache`: images of showers, simulated again when they are asked for."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping

import attrs
import numpy as np
from numpy.typing import NDArray

from gammalearn_showers.block import Images
from gammalearn_showers.dl1 import SkyPixels
from gammalearn_showers.dl1 import image_parameters
from gammalearn_showers.dl1.telescopes import CHARGE_STEP
from gammalearn_showers.dl1.telescopes import TIME_STEP
from gammalearn_showers.dl1.telescopes import rounded
from gammalearn_showers.instrument import TelescopeType
from gammalearn_showers.runs import RUNS
from gammalearn_showers.simulator import Simulator

CHANNELS = ("image", "peak_time", "image_mask", "valid")
"""As ``core.dl1`` has them."""


@attrs.frozen(eq=False)
class _Shower:
    """Pixels of a shower's images by number of the telescope."""

    pixels: dict[int, NDArray[np.float32]]

    @property
    def nbytes(self) -> int:
        return sum(p.nbytes for p in self.pixels.values())


class ShowerCache:
    """The latest showers, in at most so many bytes (but always one shower).

    Parameters
    ----------
    simulators : mapping of int to Simulator
        By number of the primary.
    channels : tuple of str
        Of each image, of `CHANNELS`.
    budget : int
        Bytes.
    """

    def __init__(self, simulators: Mapping[int, Simulator], channels: tuple[str, ...], budget: int) -> None:
        self._simulators = simulators
        self._channels = channels
        self.budget = budget
        self._showers: OrderedDict[tuple[int, int], _Shower] = OrderedDict()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._showers)

    def pixels(self, obs_id: int, event_id: int, tel_id: int) -> NDArray[np.float32]:
        """One image, ``(channels, pixels)``."""
        key = (obs_id, event_id)
        if key in self._showers:
            self._showers.move_to_end(key)
        else:
            self._keep(key, self._simulated(obs_id, event_id))
        return self._showers[key].pixels[tel_id]

    def clear(self) -> None:
        """Forget all showers."""
        self._showers.clear()
        self._bytes = 0

    def _keep(self, key: tuple[int, int], shower: _Shower) -> None:
        self._showers[key] = shower
        self._bytes += shower.nbytes
        while self._bytes > self.budget and len(self._showers) > 1:
            self._bytes -= self._showers.popitem(last=False)[1].nbytes

    def _simulated(self, obs_id: int, event_id: int) -> _Shower:
        primary, run = divmod(obs_id, RUNS)
        simulator = self._simulators[primary]
        block = simulator.block(run, event_id - 1, event_id)
        array = simulator.production.subarray
        found: dict[int, NDArray[np.float32]] = {}
        for kind, images in zip(array.types, block.images, strict=True):
            pixels = self._decoded(kind, images)
            found |= zip(array.tel_id[images.telescope].tolist(), pixels, strict=True)
        return _Shower(found)

    def _decoded(self, kind: TelescopeType, images: Images) -> NDArray[np.float32]:
        """Channels of images, ``(images, channels, pixels)``, rounded as they are in files."""
        charge = rounded(images.charge, CHARGE_STEP)
        time = rounded(images.peak_time, TIME_STEP)
        known = {"image": charge, "peak_time": time, "valid": np.ones_like(charge)}
        if "image_mask" in self._channels:
            pixels = SkyPixels.of(kind.camera, kind.effective_focal_length)
            thresholds = {"picture": kind.picture_threshold, "boundary": kind.boundary_threshold}
            known["image_mask"] = image_parameters(pixels, charge, time, **thresholds).mask.astype(np.float32)
        return np.stack([known[c] for c in self._channels], axis=1)


__all__ = ["CHANNELS", "ShowerCache"]
