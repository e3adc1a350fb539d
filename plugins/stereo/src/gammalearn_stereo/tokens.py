"""`Tokens`: the images of a batch, of all cameras, with where their telescopes stand and what they look like."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from attrs import frozen
from torch import Tensor
from torch import nn

from gammalearn_core.api import Batch
from gammalearn_core.api import Images
from gammalearn_core.api import InputSpec
from gammalearn_stereo.groups import Groups
from gammalearn_stereo.moments import Moments
from gammalearn_stereo.moments import Shapes
from gammalearn_stereo.sky import Frame
from gammalearn_stereo.sky import mean_pointing

HUNDRED_METRES = 100.0
_STEP = 0.1
"""Second point of an axis, deg from the centroid."""
_SIZES = ("size", "length", "width", "skewness", "slope", "pixels", "concentration", "leakage")


@frozen(kw_only=True)
class Tokens:
    """Images in the order of ``groups``, float64. Lengths are in deg, places in hundreds of metres.

    Attributes
    ----------
    groups : Groups
    frame : Frame
        Of each event.
    pointing : Tensor, (n_events, 2)
        Altitude and azimuth of each event, deg.
    place : Tensor, (n, 2)
        Of the telescope, in the plane across the pointing.
    foot : Tensor, (n, 2)
        Where the line from the telescope to the image's centroid cuts this plane.
    along : Tensor, (n,)
        How far the telescope is from the plane.
    offset : Tensor, (n, 2)
        Where the telescope points to, from the pointing of the event.
    centroid, axis : Tensor, (n, 2)
        Of the image, about the pointing of the event.
    shape : mapping of str to Tensor, (n,)
        ``size``, ``length``, ``width``, …: the other numbers of `Shapes`.
    """

    groups: Groups
    frame: Frame
    pointing: Tensor
    place: Tensor
    foot: Tensor
    along: Tensor
    offset: Tensor
    centroid: Tensor
    axis: Tensor
    shape: Mapping[str, Tensor]

    @property
    def event(self) -> Tensor:
        """Event of each image."""
        return self.groups.event

    @property
    def elongation(self) -> Tensor:
        """0 for round images, 1 for lines."""
        one, other = self.shape["length"] ** 2, self.shape["width"] ** 2
        return (one - other) / (one + other).clamp_min(1e-12)

    @property
    def weight(self) -> Tensor:
        """Size times length over width, as axes are weighted by ctapipe; 0 in empty images, (n,)."""
        width = self.shape["width"].clamp_min(0.01)
        return self.shape["size"] * self.shape["length"] / width

    def in_own(self, vectors: Tensor) -> Tensor:
        """Vectors of each image, (n, 2), turned so that its axis is the first coordinate."""
        return turned(vectors, self.axis)


def turned(vectors: Tensor, axis: Tensor) -> Tensor:
    """Vectors (..., 2) in a frame whose first coordinate is along the axis."""
    u, v = axis.unbind(dim=-1)
    x, y = vectors.unbind(dim=-1)
    return torch.stack([u * x + v * y, u * y - v * x], dim=-1)


def turned_back(vectors: Tensor, axis: Tensor) -> Tensor:
    """The inverse of `turned`."""
    u, v = axis.unbind(dim=-1)
    x, y = vectors.unbind(dim=-1)
    return torch.stack([u * x - v * y, u * y + v * x], dim=-1)


class Tokeniser(nn.Module):
    """Finds the tokens of a batch; has no parameters.

    Parameters
    ----------
    inputs : InputSpec
    moments : bool, optional
        Whether images are measured; by default those are that can be. Others count as empty.

    Raises
    ------
    ValueError
        Images that cannot be measured are to be.
    """

    def __init__(self, inputs: InputSpec, *, moments: bool | None = None) -> None:
        super().__init__()
        self.keys = [key for key, c in inputs.cameras.items() if moments or (moments is None and Moments.can(c))]
        self.moments = nn.ModuleList(Moments(inputs.cameras[key]) for key in self.keys)

    def forward(self, batch: Batch, groups: list[tuple[str, Images]]) -> Tokens:
        """The tokens of these cameras' images."""
        device = batch.events["row"].device
        event = _joined([g.event for _, g in groups], torch.zeros(0, dtype=torch.int64, device=device))
        telescope = _joined([g.telescope for _, g in groups], event)
        position = _joined([g.position.double() for _, g in groups], event.new_zeros(0, 3, dtype=torch.float64))
        pointing = _joined([g.pointing.double() for _, g in groups], position[:, :2])
        grouped = Groups.of(event, telescope, len(batch))
        array = _array_pointing(batch, pointing, event)
        shapes = self._shapes(groups, position)
        order, frame = grouped.order, Frame.at(*array.unbind(dim=1))
        own, pointing, position = frame.take(grouped.event), pointing[order], position[order] / HUNDRED_METRES
        telescopes = Frame.at(*pointing.unbind(dim=1))
        begin, axis = shapes["centroid"][order], shapes["axis"][order]
        centroid = own.offsets(telescopes.vectors(begin))
        way = own.offsets(telescopes.vectors(begin + _STEP * axis)) - centroid
        return Tokens(
            groups=grouped,
            frame=frame,
            pointing=array,
            place=own.places(position),
            foot=own.feet(position, centroid),
            along=own.along(position),
            offset=own.offsets(telescopes.forward),
            centroid=centroid,
            axis=way / way.norm(dim=1, keepdim=True).clamp_min(1e-12),
            shape={name: shapes[name][order] for name in _SIZES},
        )

    def _shapes(self, groups: list[tuple[str, Images]], like: Tensor) -> dict[str, Tensor]:
        """Moments of all images as they were given."""
        parts = [self._measured(key, images) for key, images in groups]
        names = (*_SIZES, "centroid", "axis")
        none = {name: like[:, 0] if name in _SIZES else like[:, :2] for name in names}
        return {name: _joined([getattr(p, name) for p in parts], none[name][:0]) for name in names}

    def _measured(self, key: str, images: Images) -> Shapes:
        if key in self.keys:
            found: Shapes = self.moments[self.keys.index(key)](images)
            return found
        zero = torch.zeros(len(images), dtype=torch.float64, device=images.pixels.device)
        none = torch.stack([zero, zero], dim=1)
        return Shapes(**dict.fromkeys(_SIZES, zero), centroid=none, axis=torch.stack([zero + 1, zero], dim=1))


def _array_pointing(batch: Batch, pointing: Tensor, event: Tensor) -> Tensor:
    """Of each event, (n_events, 2), deg: as the events have it, or the mean of their telescopes'."""
    if "pointing_alt" in batch.events and "pointing_az" in batch.events:
        return torch.stack([batch.events[name].double() for name in ("pointing_alt", "pointing_az")], dim=1)
    return mean_pointing(pointing, event, len(batch))


def _joined(parts: list[Tensor], none: Tensor) -> Tensor:
    return torch.cat(parts) if parts else none


__all__ = ["HUNDRED_METRES", "Tokeniser", "Tokens", "turned", "turned_back"]
