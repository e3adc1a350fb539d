"""What a stress test changes about images: the night sky, and the gain."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence

import numpy as np
from attrs import frozen

from gammalearn_core.builtin.transforms.channels import with_channels
from gammalearn_core.builtin.transforms.channels import with_images
from gammalearn_core.data.batch import Batch
from gammalearn_core.errors import Problem
from gammalearn_core.errors import SettingsError

CHARGE = "image"
Change = Callable[[Batch], Batch]


@frozen(kw_only=True)
class Shift:
    """Something about images that is changed step by step.

    Attributes
    ----------
    name, heading, label, definition : str
    levels : tuple of float
        ``nothing`` is among them.
    nothing : float
        The level that leaves images as they are.
    """

    name: str
    heading: str
    label: str
    definition: str
    levels: tuple[float, ...]
    nothing: float


def night_sky(levels: Sequence[float] = (0.5, 1.0, 2.0, 4.0)) -> Shift:
    """Photoelectrons a pixel that are added on average."""
    return Shift(
        name="night_sky",
        heading="Night-sky background",
        label="added night sky [p.e. a pixel]",
        definition="Poisson numbers of photoelectrons, less their mean, are added to the charge of each pixel; the mean"
        " is the rate that is added, times the time over which the charge is integrated (0.1 GHz and 10 ns are 1 p.e.)",
        levels=_levels("night sky", levels, 0.0),
        nothing=0.0,
    )


def gain(levels: Sequence[float] = (0.9, 0.95, 1.05, 1.1)) -> Shift:
    """Factors of the charge."""
    return Shift(
        name="gain",
        heading="Gain",
        label="factor of the gain",
        definition="charges of all pixels are multiplied by a factor, as if it had not been calibrated away",
        levels=_levels("gain", levels, 1.0),
        nothing=1.0,
    )


def _levels(what: str, levels: Sequence[float], nothing: float) -> tuple[float, ...]:
    wrong = [level for level in levels if not 0 <= level < np.inf or (nothing and not level)]
    if wrong:
        raise SettingsError([Problem(what, f"levels must be finite and not negative, got {wrong[0]}")])
    return tuple(sorted({float(level) for level in levels} | {nothing}))


def scaled(batch: Batch, factor: float) -> Batch:
    """The batch with all charges multiplied."""
    return with_images(batch, lambda _, group: with_channels(group, [CHARGE], lambda charge: charge * factor))


__all__ = ["CHARGE", "Change", "Shift", "gain", "night_sky", "scaled"]
