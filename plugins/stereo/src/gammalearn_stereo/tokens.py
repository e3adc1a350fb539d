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
from gammalearn_stereo.measuring import COLUMNS
from gammalearn_stereo.measuring import NAMES
from gammalearn_stereo.measuring import PREFIX
from gammalearn_stereo.sky import Frame
from gammalearn_stereo.sky import mean_pointing

HUNDRED_METRES = 100.0
_STEP = 0.1
"""Second point of an axis, deg from the centroid."""
_VECTORS = (("lon", "lat"), ("axis_lon", "axis_lat"))
_MISSING = "put ref('stereo.moments') before transforms that change charges, or say moments=False"


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
    telescopes : Frame
        Of the telescope of each image.
    position : Tensor, (n, 3)
        Of the telescope, in the ground frame.
    place : Tensor, (n, 2)
        The same in the plane across the pointing.
    foot : Tensor, (n, 2)
        Where the line from the telescope to the image's centroid cuts this plane.
    along : Tensor, (n,)
        How far the telescope is from the plane.
    offset : Tensor, (n, 2)
        Where the telescope points to, from the pointing of the event.
    centroid, axis : Tensor, (n, 2)
        Of the image, about the pointing of the event.
    shape : mapping of str to Tensor, (n,)
        ``size``, ``length``, ``width``, …: other numbers of `Measuring`.
    """

    groups: Groups
    frame: Frame
    pointing: Tensor
    telescopes: Frame
    position: Tensor
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
    moments : bool
        Whether images come with what ``stereo.moments`` measures; else they count as empty.

    Raises
    ------
    ValueError
        They do not.
    """

    def __init__(self, inputs: InputSpec, *, moments: bool) -> None:
        super().__init__()
        if moments and not set(COLUMNS) <= set(inputs.columns):
            raise ValueError(f"the images are not measured: {_MISSING}")
        self.moments = moments

    def forward(self, batch: Batch, groups: list[tuple[str, Images]]) -> Tokens:
        """The tokens of these cameras' images."""
        device = batch.events["row"].device
        event = _joined([g.event for _, g in groups], torch.zeros(0, dtype=torch.int64, device=device))
        telescope = _joined([g.telescope for _, g in groups], event)
        position = _joined([g.position.double() for _, g in groups], event.new_zeros(0, 3, dtype=torch.float64))
        pointing = _joined([g.pointing.double() for _, g in groups], position[:, :2])
        grouped = Groups.of(event, telescope, len(batch))
        array = array_pointing(batch, pointing, event)
        measured = {name: _joined([self._measured(name, g) for _, g in groups], position[:, 0]) for name in NAMES}
        order, frame = grouped.order, Frame.at(*array.unbind(dim=1))
        own, pointing, position = frame.take(grouped.event), pointing[order], position[order] / HUNDRED_METRES
        measured = {name: value[order] for name, value in measured.items()}
        telescopes = Frame.at(*pointing.unbind(dim=1))
        begin, axis = (torch.stack([measured.pop(n) for n in names], dim=1) for names in _VECTORS)
        centroid = own.offsets(telescopes.vectors(begin))
        way = own.offsets(telescopes.vectors(begin + _STEP * axis)) - centroid
        return Tokens(
            groups=grouped,
            frame=frame,
            pointing=array,
            telescopes=telescopes,
            position=position,
            place=own.places(position),
            foot=own.feet(position, centroid),
            along=own.along(position),
            offset=own.offsets(telescopes.forward),
            centroid=centroid,
            axis=way / way.norm(dim=1, keepdim=True).clamp_min(1e-12),
            shape=measured,
        )

    def _measured(self, name: str, images: Images) -> Tensor:
        """One number an image, (n,)."""
        if not self.moments:
            fill = torch.ones if name == "axis_lon" else torch.zeros
            return fill(len(images), dtype=torch.float64, device=images.pixels.device)
        if PREFIX + name not in images.columns:
            raise ValueError(f"images come without the column {PREFIX + name!r}: {_MISSING}")
        return images.columns[PREFIX + name].double()


def array_pointing(batch: Batch, pointing: Tensor, event: Tensor) -> Tensor:
    """Of each event, (n_events, 2), deg: as the events have it, or the mean of their telescopes'."""
    if "pointing_alt" in batch.events and "pointing_az" in batch.events:
        return torch.stack([batch.events[name].double() for name in ("pointing_alt", "pointing_az")], dim=1)
    return mean_pointing(pointing, event, len(batch))


def _joined(parts: list[Tensor], none: Tensor) -> Tensor:
    return torch.cat(parts) if parts else none


__all__ = ["HUNDRED_METRES", "Tokeniser", "Tokens", "array_pointing", "turned", "turned_back"]
