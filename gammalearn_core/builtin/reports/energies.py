"""What was measured on the test split by true energy: figures with intervals, and gaps where there are no samples."""

from __future__ import annotations

import math
from collections.abc import Collection
from collections.abc import Mapping
from typing import Any

from attrs import frozen
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter
from matplotlib.ticker import NullFormatter

from gammalearn_core.builtin.reports import drawing
from gammalearn_core.reporting.quantities import FEW
from gammalearn_core.results.performance import Curve

_SHOWN: dict[str, tuple[str, ...]] = {
    "energy_bias": ("energy_bias",),
    "energy_resolution": ("energy_resolution_cta", "energy_resolution_pyirf"),
    "angular_resolution": ("angular_resolution_68",),
    "impact_resolution": ("impact_resolution_68",),
    "auc": ("auc",),
    "effective_area": ("effective_area",),
}
_CONVENTIONS = {"energy_resolution_cta": "CTA", "energy_resolution_pyirf": "pyirf"}
_LOGARITHMIC = ("effective_area",)
_UNITS = {"m2": "m²"}
_LOOKS = (
    {"color": drawing.BLUE, "marker": "o", "markersize": 4.4},
    {"color": drawing.VERMILION, "marker": "s", "markersize": 3.8},
)
_BESIDE = 1.12
"""What the energies of the second curve are multiplied by, so that it does not hide the first."""


@frozen(eq=False)
class Points:
    """The bins of a curve that have a value which can be drawn."""

    label: str
    curve: Curve
    rows: tuple[int, ...]

    def interval(self, row: int) -> list[float]:
        """Both ends, as far as they are known."""
        ends = (self.curve.low[row], self.curve.high[row])
        return [float(e) if math.isfinite(e) else float(self.curve.value[row]) for e in ends]


@frozen(eq=False)
class EnergyPanel:
    """One pair of axes, and the name of its file without ending."""

    file: str
    label: str
    members: tuple[Points, ...]
    log: bool

    @property
    def definitions(self) -> list[tuple[str, str]]:
        """Label, empty if it needs none, and definition of each curve."""
        return [(m.label, m.curve.definition) for m in self.members]


def energy_panels(results: Mapping[str, Any], *, taken: Collection[str] = ()) -> list[EnergyPanel]:
    """Panels of all that is measured in at least one bin.

    Parameters
    ----------
    results : mapping
        Content of ``metrics.json``.
    taken : collection of str
        Files that others have, without ending.
    """
    curves = (results.get("performance") or {}).get("curves") or {}
    shown = []
    for name, members in _SHOWN.items():
        log = name in _LOGARITHMIC
        found = [_points(Curve.from_dict(curves[m]), log=log) for m in members if m in curves]
        measured = tuple(points for points in found if points.rows)
        if measured:
            shown.append(EnergyPanel(_file(name, taken), _label(measured[0].curve), measured, log))
    return shown


def _points(curve: Curve, *, log: bool) -> Points:
    rows = tuple(i for i, v in enumerate(curve.value.tolist()) if math.isfinite(v) and (v > 0 or not log))
    return Points(_CONVENTIONS.get(curve.name, ""), curve, rows)


def _label(curve: Curve) -> str:
    return f"{curve.quantity} [{_UNITS.get(curve.unit, curve.unit)}]" if curve.unit else curve.quantity


def _file(name: str, taken: Collection[str]) -> str:
    lower = {other.lower() for other in taken}
    file = f"test_{name}"
    while file in lower:
        file += "_"
    return file


def draw_by_energy(panel: EnergyPanel) -> str:
    """The panel as a whole SVG document."""
    with drawing.styled(panel.file):
        axes = drawing.new_axes()
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: drawing.tick(value)))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set_xlabel("true energy [TeV]")
        values = [float(m.curve.value[row]) for m in panel.members for row in m.rows]
        drawing.scale_values(axes, panel.label, values, log=panel.log)
        if panel.log:
            axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: _short(value)))
        for number, points in enumerate(panel.members):
            _plot(axes, points, _LOOKS[number], _BESIDE**number)
        edges = [m.curve.edges[row + side] for m in panel.members for row in m.rows for side in (0, 1)]
        axes.set_xlim(min(edges), max(edges))
        drawing.legend(axes)
        return drawing.svg_of(axes)


def _short(value: float) -> str:
    mantissa, exponent = f"{value:.0e}".split("e")
    return f"{mantissa}e{int(exponent)}"


def _plot(axes: Axes, points: Points, look: Mapping[str, Any], shift: float) -> None:
    """Points, hollow where there are few samples, with their intervals."""
    curve, x = points.curve, points.curve.centres * shift
    for row in points.rows:
        axes.plot([x[row]] * 2, points.interval(row), color=look["color"], linewidth=1.2, zorder=2)
    for hollow in (True, False):
        chosen = [row for row in points.rows if (curve.n[row] < FEW) == hollow]
        axes.plot(
            x[chosen],
            curve.value[chosen],
            **look,
            linestyle="none",
            markerfacecolor=drawing.PAPER if hollow else look["color"],
            markeredgewidth=1.2,
            zorder=3,
            label=points.label if not hollow else "",
        )


__all__ = ["EnergyPanel", "draw_by_energy", "energy_panels"]
