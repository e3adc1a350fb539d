"""Directions and places about the pointing of an array, in torch.

Directions are offsets ``(lon, lat)`` from the pointing, deg, as ctapipe's nominal frame has them: ``lon`` grows with
azimuth, ``lat`` with altitude. Places are points of the plane across the pointing, through the array's origin, in the
same order and with both signs turned, so that a telescope on the side of larger places sees a shower at larger offsets:
``centroid = direction + (place - impact) / distance`` for images of a shower at some distance.
"""

from __future__ import annotations

import torch
from attrs import frozen
from torch import Tensor


@frozen
class Frame:
    """Axes of pointings, in the ground frame: x to the north, y to the west, z up; (n, 3) each."""

    forward: Tensor
    lon: Tensor
    lat: Tensor

    @classmethod
    def at(cls, alt: Tensor, az: Tensor) -> Frame:
        """About pointings, deg, (n,)."""
        alt, az = alt.double().deg2rad(), az.double().deg2rad()
        sin, cos, zero = alt.sin(), alt.cos(), torch.zeros_like(alt)
        return cls(
            forward=torch.stack([cos * az.cos(), -cos * az.sin(), sin], dim=1),
            lon=torch.stack([-az.sin(), -az.cos(), zero], dim=1),
            lat=torch.stack([-sin * az.cos(), sin * az.sin(), cos], dim=1),
        )

    def take(self, rows: Tensor) -> Frame:
        """Those of some rows."""
        return Frame(self.forward[rows], self.lon[rows], self.lat[rows])

    def vectors(self, offsets: Tensor) -> Tensor:
        """Unit vectors in the ground frame of offsets, deg, (n, 2)."""
        lon, lat = offsets.double().deg2rad().unbind(dim=1)
        ahead, left, up = (lat.cos() * lon.cos(), lat.cos() * lon.sin(), lat.sin())
        return ahead[:, None] * self.forward + left[:, None] * self.lon + up[:, None] * self.lat

    def offsets(self, vectors: Tensor) -> Tensor:
        """Offsets, deg, (n, 2), of vectors in the ground frame, (n, 3)."""
        ahead, left, up = (_dot(vectors, axis) for axis in (self.forward, self.lon, self.lat))
        return torch.stack([torch.atan2(left, ahead), torch.atan2(up, torch.hypot(ahead, left))], dim=1).rad2deg()

    def places(self, points: Tensor) -> Tensor:
        """Places, (n, 2), of points in the ground frame, (n, 3), both in the same unit."""
        points = points.double()
        return -torch.stack([_dot(points, self.lon), _dot(points, self.lat)], dim=1)

    def along(self, points: Tensor) -> Tensor:
        """How far points are from the plane across the pointing, along it, (n,)."""
        return _dot(points.double(), self.forward)

    def feet(self, points: Tensor, offsets: Tensor) -> Tensor:
        """Places where lines from points along directions, deg, cut the plane across the pointing, (n, 2)."""
        way = self.vectors(offsets)
        ahead = _dot(way, self.forward).clamp_min(0.1)
        return self.places(points.double() - (self.along(points) / ahead)[:, None] * way)

    def on_ground(self, places: Tensor, offsets: Tensor) -> Tensor:
        """``(x, y)`` where lines from places along directions, deg, reach the ground, in the unit of the places.

        Directions less than 6 deg above the horizon count as if they were so high.
        """
        places = places.double()
        point = -(places[:, :1] * self.lon + places[:, 1:] * self.lat)
        way = self.vectors(offsets)
        return (point - way * (point[:, 2] / way[:, 2].clamp_min(0.1))[:, None])[:, :2]


def mean_pointing(pointing: Tensor, event: Tensor, n_events: int) -> Tensor:
    """Mean altitude and azimuth, deg, (n_events, 2), of the telescopes of each event; the zenith where there is none.

    Parameters
    ----------
    pointing : Tensor, (n, 2)
        Of the telescopes, deg.
    event : Tensor of int, (n,)
    n_events : int
    """
    forward = Frame.at(*pointing.unbind(dim=1)).forward
    total = torch.zeros(n_events, 3, dtype=forward.dtype, device=forward.device).index_add(0, event, forward)
    x, y, z = total.unbind(dim=1)
    empty = (total == 0).all(dim=1)
    alt = torch.atan2(torch.where(empty, torch.ones_like(z), z), torch.hypot(x, y))
    return torch.stack([alt, torch.atan2(-y, x)], dim=1).rad2deg()


def _dot(one: Tensor, other: Tensor) -> Tensor:
    return (one * other).sum(dim=1)


__all__ = ["Frame", "mean_pointing"]
