"""What was simulated, as GammaBoard wants to know it for effective areas."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np
from attrs import evolve
from attrs import frozen

from gammalearn_core import DataError
from gammalearn_gammaboard_export.reading.tables import read_numbers
from gammalearn_gammaboard_export.reading.tables import table_at

UNITS = {
    "spectral_index": "",
    "energy_range_min": "TeV",
    "energy_range_max": "TeV",
    "min_alt": "rad",
    "max_alt": "rad",
    "min_az": "rad",
    "max_az": "rad",
    "min_scatter_range": "m",
    "max_scatter_range": "m",
    "min_viewcone_radius": "deg",
    "max_viewcone_radius": "deg",
}
"""Parameters of runs that GammaBoard reads, by ctapipe's name."""
_ABSENT = ("min_alt", "max_alt", "min_az", "max_az", "min_scatter_range", "min_viewcone_radius")
"""Of these NaN is 0: no effective area of GammaBoard depends on them but on ``max_alt``, which is checked."""


@frozen(kw_only=True)
class Thrown:
    """Showers of one particle that were simulated in one way."""

    n_showers: float
    """Each use of a shower counts."""
    parameters: dict[str, float]

    def same(self, other: Thrown) -> list[str]:
        """Parameters in which they differ."""
        pairs = ((name, self.parameters[name], other.parameters[name]) for name in UNITS)
        return [name for name, one, two in pairs if not np.isclose(one, two, rtol=1e-5)]


def read_thrown(h5: h5py.File, path: str) -> Thrown | str:
    """The showers of a file, which the core has scaled to the share of its split; or why there is no such number."""
    # Only the name: what is told goes into files that are passed on.
    file = Path(str(h5.filename)).name
    try:
        names = table_at(h5, path).dtype.names
        number = "n_showers" if "n_showers" in names else "num_showers"
        rows = read_numbers(h5, path, {number: "", "shower_reuse": "", **UNITS})
    except DataError as error:
        return str(error).replace(str(h5.filename), file)
    count = float(np.sum(rows[number] * rows["shower_reuse"]))
    if not count > 0:
        return f"{file}: {path} counts no shower"
    for name in _ABSENT:
        rows[name] = np.nan_to_num(rows[name])
    differing = [n for n in UNITS if not np.allclose(rows[n], rows[n][0], rtol=1e-5)]
    if differing:
        return f"{file}: its runs differ in {', '.join(differing)}, and GammaBoard takes one value"
    if not rows["max_alt"][0] > 0:
        return f"{file}: {path} does not say the altitude (max_alt)"
    return Thrown(n_showers=count, parameters={n: float(rows[n][0]) for n in UNITS})


def together(found: Sequence[Thrown | str]) -> Thrown | str:
    """The showers of several files; or why they cannot be counted together."""
    known = [one for one in found if isinstance(one, Thrown)]
    reasons = [one for one in found if isinstance(one, str)]
    if reasons:
        return reasons[0]
    differing = sorted({name for other in known[1:] for name in known[0].same(other)})
    if differing:
        return f"its files differ in {', '.join(differing)}, and GammaBoard takes one value"
    return evolve(known[0], n_showers=sum(one.n_showers for one in known))


__all__ = ["UNITS", "Thrown", "read_thrown", "together"]
