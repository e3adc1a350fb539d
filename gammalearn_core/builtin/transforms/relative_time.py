"""Peak times from a zero that does not depend on the readout."""

from __future__ import annotations

import torch
from torch import Generator
from torch import Tensor

from gammalearn_core.builtin.transforms.channels import channel
from gammalearn_core.builtin.transforms.channels import require_channels
from gammalearn_core.builtin.transforms.channels import require_pixels
from gammalearn_core.builtin.transforms.channels import with_channels
from gammalearn_core.builtin.transforms.channels import with_images
from gammalearn_core.builtin.transforms.neighbours import Neighbours
from gammalearn_core.data.batch import Batch
from gammalearn_core.data.batch import Images
from gammalearn_core.data.specs import InputSpec

CHARGE = "image"
TIME = "peak_time"


class RelativeTime:
    """Peak times relative to the charge-weighted mean peak time of the shower's pixels, ns.

    Files count peak times from the start of the readout window, whose place depends on trigger and simulation; this
    zero is in the image itself, so it is the same in simulations and observations. The shower's pixels are those of a
    mask, or, without one, the *brightest patch*: the pixel whose charge together with that of its neighbours is
    largest, and these neighbours. One bright pixel alone, of a star or an afterpulse, does not make the patch.

    Only pixels of positive charge count. An image without any becomes 0 everywhere. A time of exactly 0 means that the
    pixel has none, because it has no value in the file or was cleaned away; it stays 0 and does not count.

    Charge and time must be as the file has them, p.e. and ns: this transform comes before those that map charges.

    Parameters
    ----------
    mask : str, optional
        Channel that is above 0 in the shower's pixels: ``cleaned`` of `core.tailcuts`, or ``image_mask`` of the file.
    clip : float, optional
        Largest time on either side of zero, ns; times beyond it become ``clip`` or ``-clip``.
    zero_outside : bool
        Whether pixels outside the mask become 0.
    """

    def __init__(
        self, *, inputs: InputSpec, mask: str | None = None, clip: float | None = None, zero_outside: bool = False
    ) -> None:
        if clip is not None and not clip > 0:
            raise ValueError(f"clip must be above 0, got {clip}")
        if zero_outside and mask is None:
            raise ValueError("zero_outside=True needs a mask: name its channel, mask='cleaned' or mask='image_mask'")
        require_pixels(inputs)
        require_channels(inputs, (CHARGE, TIME) if mask is None else (CHARGE, TIME, mask))
        self.outputs = inputs
        self.mask, self.clip, self.zero_outside = mask, clip, zero_outside
        self._neighbours = {key: Neighbours(c.geometry) for key, c in inputs.cameras.items() if mask is None}

    def __call__(self, batch: Batch, generator: Generator) -> Batch:
        return with_images(batch, self._transformed)

    def _transformed(self, key: str, group: Images) -> Images:
        charge, time = channel(group, CHARGE).clamp(min=0), channel(group, TIME)
        inside = self._patch(key, charge) if self.mask is None else channel(group, self.mask) > 0
        relative = self._relative(charge * inside, time)
        if self.zero_outside:
            relative = torch.where(inside, relative, 0)
        return with_channels(group, (TIME,), lambda _: relative[:, None])

    def _patch(self, key: str, charge: Tensor) -> Tensor:
        """The brightest pixel together with its neighbours, ``(n, n_pixels)`` bool."""
        neighbours = self._neighbours[key]
        brightest = (charge + neighbours.sum(charge)).argmax(dim=1, keepdim=True)
        middle = torch.zeros_like(charge, dtype=torch.bool).scatter(1, brightest, value=True)
        return middle | neighbours.any(middle)

    def _relative(self, weight: Tensor, time: Tensor) -> Tensor:
        known = time != 0
        weight = weight * known
        total = weight.sum(dim=1, keepdim=True)
        zero = (weight * time).sum(dim=1, keepdim=True) / total
        relative = time - zero
        if self.clip is not None:
            relative = relative.clamp(-self.clip, self.clip)
        return torch.where(known & (total > 0), relative, 0)


__all__ = ["RelativeTime"]
