"""`Parameters`: what users say of the showers they want, checked before anything heavy is imported."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable
from collections.abc import Iterator
from typing import TYPE_CHECKING

from attrs import frozen

from gammalearn_core import GammalearnError
from gammalearn_core import Problem
from gammalearn_core import SettingsError
from gammalearn_showers.primaries import PRIMARIES
from gammalearn_showers.primaries import VIEWCONE

if TYPE_CHECKING:
    from gammalearn_showers.production import Production

LARGEST_ZENITH = 60.0
"""In deg; beyond, the atmosphere cannot be taken for flat."""
LARGEST_VIEWCONE = 10.0
LARGEST_SCATTER = 5000.0
ENERGIES = (0.005, 500.0)
"""In TeV: less makes no image, and one shower of more takes seconds."""
INDICES = (-6.0, 2.0)
LARGEST_SEED = 2**63 - 1


@frozen(kw_only=True)
class Parameters:
    """Showers of one particle at one array; None stands for a default that goes with the particle or the array.

    Parameters
    ----------
    particle : {"gamma", "electron", "proton"}
    array : str
        Name of an array, or path of a file of telescopes.
    camera : str, optional
        Of all telescopes, in place of their own.
    zenith, azimuth : float
        Pointing, in deg; azimuth from north to east.
    energy_range : tuple of float, optional
        In TeV.
    index : float
        Of the power law of energies.
    viewcone : float, optional
        Half opening angle of the cone of directions, in deg.
    scatter_radius : float, optional
        Of the circle of cores, in m.
    min_telescopes : int, optional
        Telescopes that must trigger; by default two, or one if the array has no more.
    seed : int

    Examples
    --------
    >>> [problem.where for problem in Parameters(zenith=80, energy_range=(1, -1)).problems()]
    ['zenith', 'energy_range']
    """

    particle: str = "gamma"
    array: str = "4mst"
    camera: str | None = None
    zenith: float = 20.0
    azimuth: float = 180.0
    energy_range: tuple[float, float] | None = None
    index: float = -2.0
    viewcone: float | None = None
    scatter_radius: float | None = None
    min_telescopes: int | None = None
    seed: int = 0

    def problems(self) -> Iterator[Problem]:
        """All that is wrong, but for array and camera, which take an import to know."""
        if self.particle not in PRIMARIES:
            yield Problem("particle", f"there is none named {self.particle!r}", suggest(self.particle, PRIMARIES))
        yield from within("zenith", self.zenith, 0.0, LARGEST_ZENITH, "deg")
        yield from within("azimuth", self.azimuth, 0.0, 360.0, "deg")
        yield from _energy_problems(self.energy_range)
        yield from within("index", self.index, *INDICES)
        yield from within("viewcone", self.viewcone, 0.0, LARGEST_VIEWCONE, "deg")
        yield from within("scatter_radius", self.scatter_radius, 1.0, LARGEST_SCATTER, "m")
        yield from within("min_telescopes", self.min_telescopes, 1)
        yield from within("seed", self.seed, 0, LARGEST_SEED)

    def production(self, more: Iterable[Problem] = ()) -> Production:
        """What they mean, with every default filled in.

        Parameters
        ----------
        more : iterable of Problem
            What else is known to be wrong, to be told together.

        Raises
        ------
        SettingsError
            Anything is wrong; everything that is, is told.
        """
        problems = [*more, *self.problems()]
        from gammalearn_showers.instrument import subarray
        from gammalearn_showers.production import Production

        try:
            array = subarray(self.array, self.camera)
        except GammalearnError as error:
            raise SettingsError([*problems, *self._unusable(error)]) from error
        if self.min_telescopes is not None and self.min_telescopes > len(array):
            what = f"{self.min_telescopes} telescopes cannot trigger, there are {len(array)} in {self.array!r}"
            problems.append(Problem("min_telescopes", what))
        if problems:
            raise SettingsError(problems)
        primary = PRIMARIES[self.particle]
        return Production(
            primary=self.particle,
            subarray=array,
            zenith=float(self.zenith),
            azimuth=float(self.azimuth) % 360.0,
            energy_range=tuple(map(float, self.energy_range or primary.energy_range)),  # type: ignore[arg-type]
            index=float(self.index),
            viewcone=float(VIEWCONE if self.viewcone is None else self.viewcone),
            scatter_radius=float(self.scatter_radius or math.ceil(array_radius(array.position) + primary.margin)),
            min_telescopes=self.min_telescopes or min(2, len(array)),
            seed=self.seed,
        )

    def _unusable(self, error: GammalearnError) -> Iterator[Problem]:
        """What is wrong with array and camera: each is tried without the other."""
        from gammalearn_showers.instrument import camera
        from gammalearn_showers.instrument import subarray

        found = []
        for where, function, name in (("array", subarray, self.array), ("camera", camera, self.camera)):
            try:
                if name is not None:
                    function(name)
            except GammalearnError as own:
                found.append(Problem(where, str(own)))
        yield from found or [Problem("array", str(error))]


def array_radius(position: Iterable[Iterable[float]]) -> float:
    """Distance of the farthest telescope from the centre, in m."""
    return max(math.hypot(x, y) for x, y, _ in position)


def within(where: str, value: float | None, least: float, most: float = math.inf, unit: str = "") -> Iterator[Problem]:
    """A problem if a number is not between two others, both allowed; None is fine."""
    if value is None or least <= value <= most:
        return
    wanted = f"at least {_text(least)}" if math.isinf(most) else f"from {_text(least)} to {_text(most)}"
    yield Problem(where, f"must be {wanted}{f' {unit}' if unit else ''}, got {_text(value)}")


def _text(value: float) -> str:
    return f"{value:g}" if isinstance(value, float) else f"{value}"


def _energy_problems(energies: tuple[float, float] | None) -> Iterator[Problem]:
    if energies is None:
        return
    if len(energies) != 2:
        yield Problem("energy_range", f"must be the least and the greatest energy, got {len(energies)} numbers")
        return
    least, most = energies
    wrong = [p for e in energies for p in within("energy_range", e, *ENERGIES, "TeV")]
    yield from wrong
    if not wrong and least >= most:
        yield Problem("energy_range", f"the least energy must be below the greatest, got {least:g} and {most:g} TeV")


def suggest(word: str, known: Iterable[str]) -> str:
    """'did you mean …?', or all that there are."""
    names = list(known)
    close = difflib.get_close_matches(word.lower(), names)
    return f"did you mean {' or '.join(map(repr, close))}?" if close else f"there are {', '.join(names)}"


__all__ = ["Parameters", "suggest", "within"]
