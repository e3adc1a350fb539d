"""`Measuring`: size, place, axis and shape of the images of one camera, as Hillas parameters have them."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from gammalearn_core.api import CameraGeometry

NAMES = (
    "size",
    "length",
    "width",
    "skewness",
    "slope",
    "pixels",
    "concentration",
    "leakage",
    "lon",
    "lat",
    "axis_lon",
    "axis_lat",
)
"""Of what is measured, one number an image each."""
PREFIX = "stereo_"
COLUMNS = tuple(PREFIX + name for name in NAMES)
"""Names as columns of images."""


class Measuring:
    """Measures images of one camera. Lengths and places are in the telescope frame, deg; all is 0 in empty images.

    ``size``
        Charge of the pixels that count, where it is above 0.
    ``lon``, ``lat``
        Centroid.
    ``axis_lon``, ``axis_lat``
        Unit vector along the major axis, (1, 0) where there is none. It points to where the third moment is above 0.
    ``length``, ``width``, ``skewness``
        Roots of the second moments along and across the axis, the third one along it.
    ``slope``
        Change of the peak time along the axis, ns/deg; 0 without peak times.
    ``pixels``, ``concentration``, ``leakage``
        Pixels that count, the largest one's share of the size, and that of pixels at the rim of the camera.

    Examples
    --------
    >>> x, y = np.meshgrid(np.arange(9.0) - 4, np.arange(9.0) - 4)
    >>> camera = CameraGeometry(name="nine", x=x.ravel(), y=y.ravel(), area=np.ones(81), focal_length=57.29577951)
    >>> charge = torch.zeros(1, 81)
    >>> charge[0, 38:41] = 10
    >>> found = Measuring(camera)(charge, charge > 0)
    >>> {name: round(found[name].item(), 6) for name in ("size", "lon", "lat", "length")}
    {'size': 30.0, 'lon': 0.0, 'lat': -1.0, 'length': 0.816497}
    """

    def __init__(self, geometry: CameraGeometry) -> None:
        # The camera frame has x along altitude and y along azimuth.
        places = np.degrees(np.column_stack([geometry.y, geometry.x]) / geometry.focal_length)
        self.scale = float(np.hypot(*places.T).max()) or 1.0
        start, _ = geometry.neighbours
        counts = np.diff(start)
        self.powers = _powers(torch.from_numpy(places / self.scale))
        self.rim = torch.from_numpy(counts < counts.max(initial=0))

    def to(self, device: torch.device) -> None:
        """Take what it needs to a device."""
        self.powers, self.rim = self.powers.to(device), self.rim.to(device)

    @torch.no_grad()
    def __call__(self, charge: Tensor, mask: Tensor, time: Tensor | None = None) -> dict[str, Tensor]:
        """Numbers of images by name, (n,), float64.

        Parameters
        ----------
        charge : Tensor, (n, n_pixels)
            p.e.
        mask : Tensor of bool, (n, n_pixels)
            Pixels that count.
        time : Tensor, (n, n_pixels), optional
            Peak times, ns.
        """
        weight = charge.double().clamp_min(0) * mask
        size = weight.sum(dim=1)
        share = weight / size.clamp_min(1e-12)[:, None]
        sums = share @ self.powers
        x, y = sums[:, 1], sums[:, 2]
        a, b, c = sums[:, 3] - x * x, sums[:, 4] - x * y, sums[:, 5] - y * y
        middle, half = (a + c) / 2, torch.hypot((a - c) / 2, b)
        length, width = _root(middle + half), _root(middle - half)
        psi = torch.atan2(2 * b, a - c) / 2
        u, v = psi.cos(), psi.sin()
        third = _third(sums, u, v)
        sign = torch.where(third < 0, -1.0, 1.0).to(third)
        found = {
            "size": size,
            "length": length * self.scale,
            "width": width * self.scale,
            "skewness": _over(third.abs(), length**3),
            "slope": _over(self._delay(share, sums, time, sign * u, sign * v), length**2) / self.scale,
            "pixels": (weight > 0).sum(dim=1).double(),
            "concentration": share.amax(dim=1),
            "leakage": share[:, self.rim].sum(dim=1),
            "lon": x * self.scale,
            "lat": y * self.scale,
            "axis_lon": sign * u,
            "axis_lat": sign * v,
        }
        return {name: found[name] for name in NAMES}

    def _delay(self, share: Tensor, sums: Tensor, time: Tensor | None, u: Tensor, v: Tensor) -> Tensor:
        """Covariance of the peak time with the place along the axis."""
        if time is None:
            return torch.zeros_like(u)
        timed = (share * time.double()) @ self.powers[:, :3]
        return u * (timed[:, 1] - timed[:, 0] * sums[:, 1]) + v * (timed[:, 2] - timed[:, 0] * sums[:, 2])


def _powers(places: Tensor) -> Tensor:
    x, y = places.unbind(dim=1)
    return torch.stack([torch.ones_like(x), x, y, x * x, x * y, y * y, x**3, x * x * y, x * y * y, y**3], dim=1)


def _root(square: Tensor) -> Tensor:
    """Of what is above the rounding of sums of the order of 1."""
    return torch.where(square > 1e-13, square, torch.zeros_like(square)).sqrt()


def _over(value: Tensor, by: Tensor) -> Tensor:
    """0 where it is divided by 0."""
    return torch.where(by > 0, value / by.clamp_min(1e-30), torch.zeros_like(value))


def _third(sums: Tensor, u: Tensor, v: Tensor) -> Tensor:
    """Third central moment along an axis."""
    first = sums[:, 1] * u + sums[:, 2] * v
    second = sums[:, 3] * u * u + 2 * sums[:, 4] * u * v + sums[:, 5] * v * v
    third = sums[:, 6] * u**3 + 3 * sums[:, 7] * u * u * v + 3 * sums[:, 8] * u * v * v + sums[:, 9] * v**3
    return third - 3 * first * second + 2 * first**3


__all__ = ["COLUMNS", "NAMES", "PREFIX", "Measuring"]
