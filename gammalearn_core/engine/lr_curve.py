"""What a learning-rate range test finds: the loss at each rate, and where it falls."""

from __future__ import annotations

import math

import numpy as np
from attrs import field
from attrs import frozen
from matplotlib import style
from matplotlib.figure import Figure
from numpy.typing import NDArray

RULE = "steepest descent of the smoothed loss over the logarithm of the learning rate"
FEWEST = 20
"""Steps that a test needs at least."""
_WIDTH = 0.03
"""Standard deviation of the smoothing, as a share of the steps."""
_SIGNIFICANT = 5.0
"""How many times its uncertainty a fall must be."""
_DEEP = 0.75
"""Depth of the first dip that counts, as a share of the deepest: what comes later is often a single lucky step."""
_BLUE, _VERMILION, _QUIET = "#0072b2", "#d55e00", "#57606a"


@frozen(kw_only=True)
class Fall:
    """Where the loss falls."""

    rate: float
    """Where it falls fastest."""
    lowest: float
    """Where a tenth of the fall is done."""
    highest: float
    """Where the loss is least before it rises again."""
    least: float
    """The loss there."""


@frozen(kw_only=True, eq=False)
class Curve:
    """Losses of a test, one a step, at rates that grow by the same factor from step to step.

    Examples
    --------
    >>> rates = np.geomspace(1e-6, 1, 60)
    >>> curve = Curve(before=1, rates=rates, losses=1 - 1 / (1 + 1e-3 / rates) + 10 * rates)
    >>> f"{curve.fall.rate:.2g}, {curve.fall.lowest:.2g} to {curve.fall.highest:.2g}"
    '0.00089, 8.6e-05 to 0.0092'
    >>> Curve(before=1, rates=rates, losses=1 + rates).fall is None
    True
    """

    before: float
    """The loss before the first step."""
    rates: NDArray[np.float64] = field(converter=np.asarray)
    losses: NDArray[np.float64] = field(converter=np.asarray)

    @property
    def smoothed(self) -> NDArray[np.float64]:
        """Means of neighbouring losses, without a lag; those of a test that has diverged are cut off."""
        steps = np.arange(len(self.losses))
        weights = np.exp(-0.5 * ((steps[:, None] - steps) / self._width) ** 2)
        losses = np.minimum(self.losses, 2 * self.before - min(self.before, self.losses.min()))
        smooth: NDArray[np.float64] = weights @ losses / weights.sum(axis=1)
        return smooth

    @property
    def fall(self) -> Fall | None:
        """Where the loss falls; None if it does not, beyond its scatter."""
        smooth, before = self.smoothed, self.before
        least = _first_dip(smooth, before)
        drop = before - float(smooth[least])
        if drop <= max(self._uncertainty(least), 1e-3 * abs(before)):
            return None
        above = np.flatnonzero(smooth[:least] > before - 0.1 * drop)
        first = int(above[-1]) + 1 if len(above) else 0
        slopes = np.gradient(smooth)[first : least + 1]
        return Fall(
            rate=float(self.rates[first + int(slopes.argmin())]),
            lowest=float(self.rates[first]),
            highest=float(self.rates[least]),
            least=float(smooth[least]),
        )

    @property
    def still_falling(self) -> bool:
        """Whether the loss is least at the last rates, so that higher ones may be better."""
        return _first_dip(self.smoothed, self.before) >= len(self.losses) - self._width

    @property
    def _width(self) -> float:
        return max(2.0, _WIDTH * len(self.losses))

    def _uncertainty(self, least: int) -> float:
        """What scatter alone could make a fall of."""
        bends = np.diff(self.losses[: max(least, FEWEST) + 1], n=2)
        scatter = math.sqrt(float((bends**2).mean()) / 6)
        return _SIGNIFICANT * scatter / math.sqrt(2 * math.sqrt(math.pi) * self._width)


def _first_dip(smooth: NDArray[np.float64], before: float) -> int:
    """Where the loss is least before it rises again: the first dip that is nearly as deep as the deepest."""
    rises = np.append(smooth[1:] > smooth[:-1], True)
    deep = smooth <= before - _DEEP * (before - smooth.min())
    return int(np.argmax(rises & deep)) if smooth.min() < before else int(smooth.argmin())


def draw(curve: Curve, fall: Fall | None) -> Figure:
    """The losses, smoothed too, with the range in which they fall and the rate that is suggested."""
    with style.context("default"):
        figure = Figure(figsize=(6.4, 4.0))
        axes = figure.add_axes((0.13, 0.125, 0.84, 0.845))
        smooth = curve.smoothed
        axes.plot(curve.rates, curve.losses, ".", color=_QUIET, markersize=4, alpha=0.6, label="loss after a step")
        axes.plot(curve.rates, smooth, color=_BLUE, linewidth=1.8, label="smoothed")
        if fall is not None:
            axes.axvspan(fall.lowest, fall.highest, color=_BLUE, alpha=0.1, linewidth=0, label="the loss falls")
            label = f"steepest: {fall.rate:.2g}"
            axes.axvline(fall.rate, color=_VERMILION, linewidth=1.4, linestyle="--", label=label)
        axes.set_xscale("log")
        axes.set_xlim(curve.rates[0], curve.rates[-1])
        axes.set_ylim(*_limits(curve.losses, smooth))
        axes.set_xlabel("learning rate")
        axes.set_ylabel("training loss")
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False, fontsize=9)
    return figure


def _limits(losses: NDArray[np.float64], smooth: NDArray[np.float64]) -> tuple[float, float]:
    """Limits that losses which have diverged do not stretch."""
    low, high = float(losses.min()), float(np.minimum(losses, smooth.max() + np.ptp(smooth)).max())
    margin = 0.05 * (high - low) or 0.05 * abs(high) or 1.0
    return low - margin, high + margin


__all__ = ["FEWEST", "RULE", "Curve", "Fall", "draw"]
