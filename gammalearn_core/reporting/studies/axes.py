"""Quantities that results are studied by, and their bins, which are the same in all runs."""

from __future__ import annotations

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from gammalearn_core.data.specs import Level
from gammalearn_core.results.performance import bin_numbers

Floats = NDArray[np.float64]


@frozen(kw_only=True, eq=False)
class Axis:
    """A quantity with its bins.

    Attributes
    ----------
    name : str
        In `Sample.quantities`.
    heading : str
    label : str
        For the axis, with its unit.
    edges : array of float
    log : bool
    definition : dict of str to str
        What it is, by level.
    absent : str
        Why it may not be known.
    """

    name: str
    heading: str
    label: str
    edges: Floats
    definition: dict[Level, str]
    absent: str

    @property
    def plain(self) -> str:
        """What titles call it."""
        return self.heading.removeprefix("By ")

    def used(self, values: Floats) -> Floats:
        """Edges from the first bin that has a value to the last one; none if there is no value."""
        numbers = bin_numbers(values, self.edges)
        inside = numbers[numbers >= 0]
        return self.edges[inside.min() : inside.max() + 2] if len(inside) else self.edges[:0]

    def centres(self, edges: Floats) -> Floats:
        """Middles of bins; of whole numbers the mean of those that are in a bin."""
        middle: Floats = (edges[:-1] + edges[1:]) / 2
        return middle


def _both(text: str) -> dict[Level, str]:
    return {"telescope": text, "subarray": text}


AXES = (
    Axis(
        name="zenith",
        heading="By zenith angle",
        label="zenith angle of the pointing [deg]",
        edges=np.arange(0.0, 91.0, 5.0),
        definition=_both("90 deg less the altitude that the telescope points to"),
        absent="the predictions do not say where the telescopes point to",
    ),
    Axis(
        name="offset",
        heading="By offset from the pointing",
        label="true offset from the pointing [deg]",
        edges=np.arange(0.0, 15.1, 0.5),
        definition=_both("angle between the true direction and the pointing"),
        absent="the predictions do not say where the telescopes point to",
    ),
    Axis(
        name="impact",
        heading="By impact distance",
        label="true impact distance [m]",
        edges=np.array([0, 50, 100, 150, 200, 250, 300, 400, 500, 700, 1000, 1500, 2000, 3000], dtype=np.float64),
        definition={
            "telescope": "distance of the telescope from the axis of the shower, perpendicular to it",
            "subarray": "distance of the middle of the array from the axis of the shower, perpendicular to it",
        },
        absent="neither impact distances nor positions of telescopes are known",
    ),
    Axis(
        name="multiplicity",
        heading="By multiplicity",
        label="multiplicity (telescopes)",
        edges=np.array([1, 2, 3, 4, 5, 6, 7, 8, 9, 13, 21, 51, 101]) - 0.5,
        definition={
            "telescope": "telescopes that the event triggered; the prediction is of one of them",
            "subarray": "telescopes whose images took part in the prediction",
        },
        absent="it is not known how many telescopes saw an event",
    ),
    Axis(
        name="dead_pixels",
        heading="By pixels without a value",
        label="pixels without a value",
        edges=np.array([0, 1, 2, 3, 5, 9, 17, 33, 65, 129, 257, 513, 1025, 2049, 4097, 8193]) - 0.5,
        definition={
            "telescope": "pixels of the image that the file has no finite value of",
            "subarray": "pixels of all images of the event that the files have no finite value of",
        },
        absent="pixels without a value are counted in images, and those were not opened",
    ),
)

__all__ = ["AXES", "Axis"]
