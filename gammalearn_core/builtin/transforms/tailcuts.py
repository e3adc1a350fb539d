"""Tail-cuts cleaning."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import torch
from torch import Generator
from torch import Tensor

from gammalearn_core.builtin.transforms.channels import channel
from gammalearn_core.builtin.transforms.channels import require_channels
from gammalearn_core.builtin.transforms.channels import require_pixels
from gammalearn_core.builtin.transforms.channels import with_images
from gammalearn_core.builtin.transforms.neighbours import Neighbours
from gammalearn_core.data.batch import Batch
from gammalearn_core.data.batch import Images
from gammalearn_core.data.specs import InputSpec

CHARGE = "image"
"""Channel that the thresholds are for."""
CLEANED = "cleaned"
"""Channel that holds the mask."""


class Tailcuts:
    """Finds the pixels of the shower with two thresholds, as ``ctapipe.image.tailcuts_clean`` does.

    A pixel is in the *picture* if its charge is at least the picture threshold. Picture pixels are kept if a neighbour
    is at least at the boundary threshold, and pixels from the boundary threshold on if a neighbour is in the picture.
    The charge must still be in photoelectrons. An image where nothing is left has a mask of zeros.

    Neighbours are those of `CameraGeometry.neighbours`. ctapipe has the same for hexagonal cameras and for square ones
    without gaps; across the gaps between modules it sees no neighbours, where these are the next pixels on the lattice.

    Parameters
    ----------
    picture_threshold, boundary_threshold : float
        Charges, p.e., above 0; the boundary threshold is not the larger one.
    keep_isolated_pixels : bool
        Whether picture pixels are kept without a neighbour too.
    min_number_picture_neighbors : int
        Neighbours in the picture that a picture pixel needs to stay in it; of no effect with ``keep_isolated_pixels``.
    mode : {"add", "apply"}
        ``add`` adds the mask as the channel ``cleaned``, 0 or 1; ``apply`` makes pixels outside the mask 0.
    channels : sequence of str, optional
        Channels that ``apply`` changes; by default all.
    """

    def __init__(
        self,
        *,
        inputs: InputSpec,
        picture_threshold: float,
        boundary_threshold: float,
        keep_isolated_pixels: bool = False,
        min_number_picture_neighbors: int = 0,
        mode: Literal["add", "apply"] = "add",
        channels: list[str] | tuple[str, ...] | None = None,
    ) -> None:
        if not 0 < boundary_threshold <= picture_threshold:
            given = f"got {boundary_threshold} and {picture_threshold}"
            raise ValueError(f"boundary_threshold must be above 0 and at most picture_threshold, {given}")
        if min_number_picture_neighbors < 0:
            raise ValueError(f"min_number_picture_neighbors must be 0 or more, got {min_number_picture_neighbors}")
        if channels is not None and mode == "add":
            raise ValueError("channels are those that mode='apply' changes; mode='add' changes none")
        require_pixels(inputs)
        require_channels(inputs, (CHARGE, *(channels or ())))
        self.picture, self.boundary = picture_threshold, boundary_threshold
        self.isolated, self.at_least = keep_isolated_pixels, min_number_picture_neighbors
        self.mode, self.channels = mode, channels
        self._neighbours = {key: Neighbours(c.geometry) for key, c in inputs.cameras.items()}
        self.outputs = _with_mask(inputs) if mode == "add" else inputs

    def __call__(self, batch: Batch, generator: Generator) -> Batch:
        return with_images(batch, self._added if self.mode == "add" else self._applied)

    def _added(self, key: str, group: Images) -> Images:
        mask = self._mask(key, channel(group, CHARGE))
        pixels = torch.cat([group.pixels, mask[:, None].to(group.pixels.dtype)], dim=1)
        return replace(group, pixels=pixels, channels=(*group.channels, CLEANED))

    def _applied(self, key: str, group: Images) -> Images:
        outside = ~self._mask(key, channel(group, CHARGE))[:, None]
        chosen = torch.tensor([self.channels is None or c in self.channels for c in group.channels])
        return replace(group, pixels=group.pixels.masked_fill(outside & chosen.to(outside.device)[:, None], 0))

    def _mask(self, key: str, charge: Tensor) -> Tensor:
        """What is left, ``(n, n_pixels)`` bool."""
        neighbours = self._neighbours[key]
        picture, boundary = charge >= self.picture, charge >= self.boundary
        if self.at_least and not self.isolated:
            picture = picture & (neighbours.sum(picture) >= self.at_least)
        kept = picture if self.isolated else picture & neighbours.any(boundary)
        return kept | (boundary & neighbours.any(picture))


def _with_mask(inputs: InputSpec) -> InputSpec:
    for key, camera in inputs.cameras.items():
        if CLEANED in camera.channels:
            raise ValueError(f"the images of {key} have a channel {CLEANED!r} already: clean once, or use mode='apply'")
    return inputs.with_cameras({k: {"channels": (*c.channels, CLEANED)} for k, c in inputs.cameras.items()})


__all__ = ["Tailcuts"]
