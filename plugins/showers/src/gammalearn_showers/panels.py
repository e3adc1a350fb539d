"""Panels of the gallery: one image in its pixels, with its colour bar."""

from __future__ import annotations

import attrs
import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import PolyCollection
from matplotlib.colors import Normalize
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from gammalearn_showers.instrument import TelescopeType
from gammalearn_showers.outlines import pixel_outlines

CHARGES, TIMES = "viridis", "plasma"
NO_SIGNAL = "#e6e6e6"
STAR = "#ff2a68"
ZOOM = 2.2
"""By which times are magnified."""
BAR = 0.07
"""Width of a colour bar, in inches."""

Square = tuple[float, float, float]
"""Left, bottom and side in inches."""


@attrs.frozen(kw_only=True, eq=False)
class Seen:
    """One image of an event."""

    tel_id: int
    kind: TelescopeType
    charge: NDArray[np.float32]
    peak_time: NDArray[np.float32]
    mask: NDArray[np.bool_]
    axis: tuple[float, float, float]
    """Centre of gravity (fov_lon, fov_lat) and angle of the image's axis, in deg; NaN if there is no image left."""
    impact: float

    @property
    def clean(self) -> bool:
        """Whether the cleaning leaves an image."""
        return bool(np.isfinite(self.axis[:2]).all())


@attrs.frozen(kw_only=True, eq=False)
class Event:
    """An event, and its brightest images."""

    title: str
    source: tuple[float, float]
    """Where the primary comes from, as fov_lon and fov_lat in deg."""
    images: tuple[Seen, ...]


def draw_charge(drawn: Figure, place: Square, image: Seen, event: Event) -> None:
    """The whole camera; a frame is around what `draw_time` magnifies."""
    axes, bar = _axes(drawn, place)
    most = max(float(image.charge.max()), 10.0)
    norm = PowerNorm(0.7, vmin=0.0, vmax=most)
    radius = _pixels(axes, image, ScalarMappable(norm, CHARGES), np.maximum(image.charge, 0))
    _window(axes, (0.0, 0.0), radius)
    _bar(axes, bar, ScalarMappable(norm, CHARGES), "p.e.", _round_values(0.0, most))
    _truth(axes, image, event, radius, "white")
    if image.clean:
        half = radius / ZOOM
        corner = image.axis[0] - half, image.axis[1] - half
        axes.add_patch(Rectangle(corner, 2 * half, 2 * half, fill=False, ec="0.45", lw=0.6))
    _scale(axes, (0.0, 0.0), radius)


def draw_time(drawn: Figure, place: Square, image: Seen, event: Event) -> None:
    """Arrival times of what the cleaning leaves, magnified; a remark if it leaves nothing."""
    axes, bar = _axes(drawn, place)
    if not image.clean:
        axes.axis("off")
        bar.axis("off")
        axes.text(0.5, 0.5, "the cleaning leaves\nno image", ha="center", va="center", fontsize=8, color="0.4")
        return
    times = image.peak_time[image.mask]
    # Of most pixels: a single one that the night sky has lit may be anywhere in the window.
    early, late = (float(v) for v in np.percentile(times, [15, 85]))
    spare = max(0.3 * (late - early), 1.0 - (late - early) / 2)
    norm = Normalize(early - spare, late + spare)
    values = np.ma.masked_array(image.peak_time, ~image.mask)
    radius = _pixels(axes, image, ScalarMappable(norm, colormaps[TIMES].with_extremes(bad=NO_SIGNAL)), values)
    centre, half = image.axis[:2], radius / ZOOM
    _window(axes, centre, half)
    _bar(axes, bar, ScalarMappable(norm, TIMES), "ns", _round_values(early - spare, late + spare))
    _truth(axes, image, event, half, "black", centre)
    _scale(axes, centre, half)


def _axes(drawn: Figure, place: Square) -> tuple[Axes, Axes]:
    """Axes of an image and of its colour bar."""
    left, bottom, side = place
    width, height = drawn.get_size_inches()
    image = drawn.add_axes((left / width, bottom / height, side / width, side / height))
    low, long = bottom + 0.1 * side, 0.74 * side
    bar = drawn.add_axes(((left + side + 0.05) / width, low / height, BAR / width, long / height))
    return image, bar


def _pixels(axes: Axes, image: Seen, colours: ScalarMappable, values: NDArray[np.float32]) -> float:
    """Draw pixels in their true shapes; gives half the width of the camera, in deg."""
    outlines = pixel_outlines(image.kind)
    faces = colours.to_rgba(values)
    axes.add_collection(PolyCollection(list(outlines), facecolors=faces, edgecolors=faces, linewidths=0.2))
    return 1.02 * float(np.abs(outlines).max())


def _window(axes: Axes, centre: tuple[float, float], half: float) -> None:
    axes.set(xlim=(centre[0] - half, centre[0] + half), ylim=(centre[1] - half, centre[1] + half), aspect="equal")
    axes.axis("off")


def _bar(axes: Axes, bar: Axes, mapped: ScalarMappable, unit: str, ticks: list[float]) -> None:
    made = axes.figure.colorbar(mapped, cax=bar, ticks=ticks, format="%g")
    made.outline.set_visible(False)
    bar.tick_params(labelsize=7, length=2, pad=1.5)
    bar.set_title(unit, fontsize=7, loc="left", pad=6)


def _round_values(least: float, most: float) -> list[float]:
    """At most five round values of a range.

    Examples
    --------
    >>> _round_values(0.0, 230.0), _round_values(22.3, 24.9)
    ([0.0, 100.0, 200.0], [23.0, 24.0])
    """
    steps = (factor * 10.0**power for power in range(-1, 8) for factor in (1, 2, 5))
    step = next(s for s in steps if (most - least) / s <= 4)
    return [float(v) for v in np.arange(np.ceil(least / step), most / step + 1e-9) * step]


def _truth(
    axes: Axes, image: Seen, event: Event, half: float, colour: str, centre: tuple[float, float] = (0.0, 0.0)
) -> None:
    """A star where the primary comes from, and the axis of the image."""
    lon, lat = event.source
    if max(abs(lon - centre[0]), abs(lat - centre[1])) < half:
        axes.plot(lon, lat, "*", mfc="none", mec="white", ms=9, mew=2.2)
        axes.plot(lon, lat, "*", mfc="none", mec=STAR, ms=9, mew=1.1)
    x, y, psi = image.axis
    if np.isfinite(psi):
        reach = 0.42 * half * (1 if colour == "white" else 2)
        dx, dy = reach * np.cos(np.radians(psi)), reach * np.sin(np.radians(psi))
        axes.plot([x - dx, x + dx], [y - dy, y + dy], color=colour, lw=0.7, ls=(0, (4, 3)))


def _scale(axes: Axes, centre: tuple[float, float], half: float) -> None:
    """A bar of a round number of degrees, in the lower left."""
    length = next(v for v in (2.0, 1.0, 0.5, 0.2, 0.1) if v < 0.7 * half)
    left, low = centre[0] - half, centre[1] - half
    axes.plot([left, left + length], [low, low], color="black", lw=1.6, solid_capstyle="butt", clip_on=False)
    axes.text(left + length / 2, low + 0.04 * half, f"{length:g}°", ha="center", va="bottom", fontsize=8)


__all__ = ["Event", "Seen", "draw_charge", "draw_time"]
