"""`Moments`: size, place, axis and shape of images, as Hillas parameters have them, of a whole batch at once."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from attrs import frozen
from torch import Tensor
from torch import nn

from gammalearn_core.api import CameraSpec
from gammalearn_core.api import Images

CHARGE = "image"
MASKS = ("cleaned", "image_mask")
TIMES = ("peak_time", "relative_peak_time")
_PICTURE, _BOUNDARY = 5.0, 2.5
"""Thresholds above the median, in units of the noise."""
_SIGMA = 1.4826
"""Standard deviations in a median absolute deviation of normal noise."""


@frozen(kw_only=True)
class Shapes:
    """Moments of images, float64. Lengths and places are in the telescope frame, deg; all is 0 in empty images.

    Attributes
    ----------
    size : Tensor, (n,)
        What is above the median in the pixels that count, in units of the channel.
    centroid : Tensor, (n, 2)
        ``(lon, lat)``.
    axis : Tensor, (n, 2)
        Unit vector along the major axis, ``(1, 0)`` where there is none. Its sign is that of the third moment.
    length, width : Tensor, (n,)
    skewness : Tensor, (n,)
        0 or more, because of the sign of the axis.
    slope : Tensor, (n,)
        Change of the peak time along the axis, in units of the channel, per deg; 0 without such a channel.
    pixels, concentration, leakage : Tensor, (n,)
        Pixels that count; the share of the largest one in the size; that of the pixels at the rim.
    """

    size: Tensor
    centroid: Tensor
    axis: Tensor
    length: Tensor
    width: Tensor
    skewness: Tensor
    slope: Tensor
    pixels: Tensor
    concentration: Tensor
    leakage: Tensor


class Moments(nn.Module):
    """Moments of the images of one camera.

    Pixels count that a mask has (a channel ``cleaned`` or ``image_mask``); without one, those above a threshold beside
    one above a higher threshold. Thresholds follow the noise of each image, its median and median absolute deviation,
    so that it does not matter whether the charge was scaled, shifted or made logarithmic by a transform.

    Parameters
    ----------
    camera : CameraSpec
        On its own pixels, with a channel ``image``.

    Examples
    --------
    >>> from gammalearn_core.api import CameraGeometry
    >>> x, y = np.meshgrid(np.arange(9.0) - 4, np.arange(9.0) - 4)
    >>> camera = CameraGeometry(name="nine", x=x.ravel(), y=y.ravel(), area=np.ones(81), focal_length=57.29577951)
    >>> moments = Moments(CameraSpec(geometry=camera, shape=(81,), channels=("image", "image_mask")))
    >>> pixels = torch.zeros(1, 2, 81)
    >>> pixels[0, 0, 38:41], pixels[0, 1, 38:41] = 10, 1
    >>> shapes = moments.shapes(pixels)
    >>> shapes.size.tolist(), shapes.centroid.round(decimals=6).tolist(), shapes.axis.abs().round(decimals=6).tolist()
    ([30.0], [[0.0, -1.0]], [[0.0, 1.0]])
    """

    powers: Tensor
    """Products of the pixels' places, (n_pixels, 10), over ``scale``."""
    neighbours: Tensor
    """Of each pixel, filled with ``n_pixels``, (n_pixels, most)."""
    rim: Tensor

    def __init__(self, camera: CameraSpec) -> None:
        super().__init__()
        geometry = camera.geometry
        if not self.can(camera):
            raise ValueError(f"moments need a channel {CHARGE!r} on the own pixels of camera {geometry.name!r}")
        places = np.degrees(np.column_stack([geometry.y, geometry.x]) / geometry.focal_length)
        self.scale = float(np.hypot(*places.T).max()) or 1.0
        start, indices = geometry.neighbours
        counts = np.diff(start)
        table = np.full((geometry.n_pixels, max(int(counts.max(initial=0)), 1)), geometry.n_pixels, dtype=np.int64)
        rank = np.arange(len(indices)) - np.repeat(start[:-1], counts)
        table[np.repeat(np.arange(geometry.n_pixels), counts), rank] = indices
        self.register_buffer("powers", _powers(torch.from_numpy(places / self.scale)), persistent=False)
        self.register_buffer("neighbours", torch.from_numpy(table), persistent=False)
        self.register_buffer("rim", torch.from_numpy(counts < counts.max(initial=0)), persistent=False)
        self.channels = camera.channels

    @staticmethod
    def can(camera: CameraSpec) -> bool:
        """Whether images of a camera have what moments need."""
        return camera.on_pixels and CHARGE in camera.channels

    def forward(self, images: Images) -> Shapes:
        """Those of a group of images."""
        return self.shapes(images.pixels)

    @torch.no_grad()
    def shapes(self, pixels: Tensor) -> Shapes:
        """Those of images ``(n, channels, n_pixels)``; gradients do not pass through them."""
        charge = pixels[:, self.channels.index(CHARGE)].double()
        weight = self._weight(charge, pixels)
        size = weight.sum(dim=1)
        share = weight / size.clamp_min(1e-12)[:, None]
        sums = share @ self.powers.double()
        x, y = sums[:, 1], sums[:, 2]
        a, b, c = sums[:, 3] - x * x, sums[:, 4] - x * y, sums[:, 5] - y * y
        middle, half = (a + c) / 2, torch.hypot((a - c) / 2, b)
        length, width = ((middle + half).clamp_min(0).sqrt(), (middle - half).clamp_min(0).sqrt())
        psi = torch.atan2(2 * b, a - c) / 2
        axis = torch.stack([psi.cos(), psi.sin()], dim=1)
        third = _third(sums, axis)
        axis = torch.where((third < 0)[:, None], -axis, axis)
        skewness = third.abs() / length.clamp_min(1e-6) ** 3
        return Shapes(
            size=size,
            centroid=torch.stack([x, y], dim=1) * self.scale,
            axis=axis,
            length=length * self.scale,
            width=width * self.scale,
            skewness=torch.where(length > 1e-5, skewness, torch.zeros_like(skewness)),
            slope=self._slope(pixels, share, sums, axis, length) / self.scale,
            pixels=(weight > 0).sum(dim=1).double(),
            concentration=share.amax(dim=1),
            leakage=share[:, self.rim].sum(dim=1),
        )

    def _weight(self, charge: Tensor, pixels: Tensor) -> Tensor:
        """What counts of each pixel, 0 or more, (n, n_pixels)."""
        middle = charge.median(dim=1, keepdim=True).values
        above = charge - middle
        mask = next((name for name in MASKS if name in self.channels), None)
        if mask is not None:
            marked = pixels[:, self.channels.index(mask)]
            low, high = marked.amin(dim=1, keepdim=True), marked.amax(dim=1, keepdim=True)
            return above.clamp_min(0) * ((marked > (low + high) / 2) & (high > low))
        noise = _SIGMA * above.abs().median(dim=1, keepdim=True).values
        picture, boundary = above > _PICTURE * noise, above > _BOUNDARY * noise
        kept = (picture & self._beside(boundary)) | (boundary & self._beside(picture))
        return above.clamp_min(0) * kept

    def _beside(self, marked: Tensor) -> Tensor:
        """Pixels with a neighbour that is marked."""
        return F.pad(marked, (0, 1))[:, self.neighbours].any(dim=2)

    def _slope(self, pixels: Tensor, share: Tensor, sums: Tensor, axis: Tensor, length: Tensor) -> Tensor:
        time = next((name for name in TIMES if name in self.channels), None)
        if time is None:
            return torch.zeros_like(length)
        timed = (share * pixels[:, self.channels.index(time)].double()) @ self.powers[:, :3].double()
        along = timed[:, 1:3] - timed[:, :1] * sums[:, 1:3]
        slope = (along * axis).sum(dim=1) / length.clamp_min(1e-6) ** 2
        return torch.where(length > 1e-5, slope, torch.zeros_like(slope))


def _powers(places: Tensor) -> Tensor:
    x, y = places.unbind(dim=1)
    return torch.stack([torch.ones_like(x), x, y, x * x, x * y, y * y, x**3, x * x * y, x * y * y, y**3], dim=1)


def _third(sums: Tensor, axis: Tensor) -> Tensor:
    """Third central moment along the axis."""
    u, v = axis.unbind(dim=1)
    first = sums[:, 1] * u + sums[:, 2] * v
    second = sums[:, 3] * u * u + 2 * sums[:, 4] * u * v + sums[:, 5] * v * v
    third = sums[:, 6] * u**3 + 3 * sums[:, 7] * u * u * v + 3 * sums[:, 8] * u * v * v + sums[:, 9] * v**3
    return third - 3 * first * second + 2 * first**3


__all__ = ["CHARGE", "MASKS", "TIMES", "Moments", "Shapes"]
