"""Figures of benchmarks, beside reference curves."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import astropy.units as u
import matplotlib as mpl
import numpy as np
from astropy.table import QTable
from attrs import frozen
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

from gammalearn_irf.computing import Computed
from gammalearn_irf.options import FEW
from gammalearn_irf.reference import ReferenceCurve
from gammalearn_irf.spectra import SPECTRA
from gammalearn_irf.writing import write_file

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00")
"""Of rings of the field: Okabe and Ito's, which the colour-blind can tell apart."""
GREY = "#666666"
STYLES = {
    "CTA performance North": {"color": "#333333", "linestyle": "-"},
    "CTA performance South": {"color": "#333333", "linestyle": "--"},
    "CTA requirement North": {"color": "#999999", "linestyle": "-"},
    "CTA requirement South": {"color": "#999999", "linestyle": "--"},
    "LST-1 Hillas+RF": {"color": "#aa4499", "linestyle": "-"},
}
"""Of reference curves."""
METADATA: dict[str, Any] = {"png": {"Software": None}, "svg": {"Date": None}}
"""By ending, so that the same numbers give the same bytes."""


@frozen(kw_only=True)
class Panel:
    """One figure."""

    quantity: str
    """Of reference curves, and the name of the file."""
    table: str
    column: str
    count: str
    """Column that tells how many events a value rests on."""
    energy: str
    label: str
    log: bool = True


PANELS = (
    Panel(
        quantity="energy_bias",
        table="energy",
        column="bias",
        count="n_events",
        energy="true_energy",
        label="median of (E_reco − E_true) / E_true",
        log=False,
    ),
    Panel(
        quantity="energy_resolution",
        table="energy",
        column="resolution_about_0",
        count="n_events",
        energy="true_energy",
        label="energy resolution, 68 % about 0",
        log=False,
    ),
    Panel(
        quantity="energy_resolution_median",
        table="energy",
        column="resolution",
        count="n_events",
        energy="true_energy",
        label="energy resolution, half width of 68 % about the median",
        log=False,
    ),
    Panel(
        quantity="angular_resolution",
        table="direction",
        column="angular_resolution_68",
        count="n_events",
        energy="true_energy",
        label="angular resolution, 68 % (deg)",
    ),
    Panel(
        quantity="effective_area",
        table="area",
        column="area_cuts",
        count="n_cuts",
        energy="true_energy",
        label="effective area after cuts (m²)",
    ),
    Panel(
        quantity="sensitivity",
        table="sensitivity",
        column="flux_sensitivity",
        count="n_gammas",
        energy="reco_energy",
        label="E² × flux that is detected (erg cm⁻² s⁻¹)",
    ),
)


def draw_all(folder: Path, made: Computed, references: Sequence[ReferenceCurve]) -> list[Path]:
    """``<quantity>.png`` and ``.svg`` of what was measured."""
    written = []
    for panel in PANELS:
        table = made.tables.get(panel.table)
        if table is None or panel.column not in table.colnames:
            continue
        figure = draw(panel, table, made, [c for c in references if c.quantity == panel.quantity])
        for ending in METADATA:
            save = partial(_save, figure, ending, panel.quantity)
            written.append(write_file(folder / f"{panel.quantity}.{ending}", save))
    return written


def _save(figure: Figure, ending: str, salt: str, path: Path) -> None:
    with mpl.rc_context({"svg.hashsalt": salt}):
        figure.savefig(path, format=ending, dpi=120, metadata=METADATA[ending])


def draw(panel: Panel, table: QTable, made: Computed, references: Sequence[ReferenceCurve]) -> Figure:
    """One figure, with a line a ring of the field."""
    figure = Figure(figsize=(8.4, 4.6), layout="constrained")
    axes = figure.subplots()
    drawn = [_ring(axes, panel, table, ring, colour) for ring, colour in rings(made, table)]
    _curves(axes, made, references)
    if panel.quantity == "sensitivity":
        _crab(axes, made)
    if not any(drawn):
        axes.text(0.5, 0.5, "no bin has enough events", transform=axes.transAxes, ha="center", color=GREY)
    _dress(axes, panel, made)
    figure.legend(loc="outside right upper", fontsize=8, frameon=False)
    return figure


def _dress(axes: Any, panel: Panel, made: Computed) -> None:
    """Scales, limits and labels."""
    axes.set_xscale("log")
    axes.set_yscale("log" if panel.log else "linear")
    axes.set_xlim(*limits(made))
    axes.xaxis.set_major_formatter("{x:g}")
    if panel.quantity == "energy_bias":
        axes.axhline(0, color="black", linewidth=0.8)
    elif not panel.log:
        axes.set_ylim(bottom=0)
    if panel.quantity == "angular_resolution":
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_locator(LogLocator(subs=(2, 3, 5)))
        axes.yaxis.set_minor_formatter("{x:g}")
    kind = "true" if panel.energy == "true_energy" else "reconstructed"
    axes.set_xlabel(f"{kind} energy (TeV)")
    axes.set_ylabel(panel.label)
    axes.grid(visible=True, which="major", alpha=0.3)


def rings(made: Computed, table: QTable) -> Iterable[tuple[Any, str]]:
    """Edges of the rings of the field that a table has, and their colours."""
    edges = np.unique(np.column_stack([table["fov_offset_low"].value, table["fov_offset_high"].value]), axis=0)
    return zip(edges.tolist(), [COLOURS[n % len(COLOURS)] for n in range(len(edges))], strict=True)


def _ring(axes: Any, panel: Panel, table: QTable, ring: list[float], colour: str) -> bool:
    """Points of a ring, hollow where few events are; False if there is none."""
    rows = table[table["fov_offset_low"].value == ring[0]]
    value, error = (_numbers(rows[name]) for name in (panel.column, f"{panel.column}_error"))
    known = np.isfinite(value) & ((value > 0) | (not panel.log)) & (rows[panel.count] > 0)
    rows, value, error = rows[known], value[known], error[known]
    low, middle, high = (rows[f"{panel.energy}_{part}"].to_value("TeV") for part in ("low", "center", "high"))
    few = np.asarray(rows[panel.count]) < FEW
    shared = {"fmt": "o", "color": colour, "markersize": 5, "linewidth": 1.2, "zorder": 3}
    label = f"this run, {ring[0]:g} to {ring[1]:g} deg off axis"
    hollow = {"label": f"the same, fewer than {FEW} gammas", "markerfacecolor": "white", "alpha": 0.6}
    for chosen, given in ((~few, {"label": label}), (few, hollow)):
        if chosen.any():
            width = [(middle - low)[chosen], (high - middle)[chosen]]
            bars = {"xerr": width, "yerr": error[chosen]}
            axes.errorbar(middle[chosen], value[chosen], **bars, **shared, **given)
    return bool(len(value))


def _numbers(column: Any) -> Any:
    return np.asarray(getattr(column, "value", column), dtype=float)


def _curves(axes: Any, made: Computed, references: Sequence[ReferenceCurve]) -> None:
    """The parts of them that are in the range of energies."""
    low, high = limits(made)
    for curve in references:
        energy, value = np.array(curve.energy), np.array(curve.value)
        ends = np.searchsorted(energy, [low, high])
        near = slice(max(0, ends[0] - 1), ends[1] + 1)
        style = STYLES.get(curve.name, {"color": GREY}) | ({"linestyle": ":"} if curve.cuts.startswith("40") else {})
        axes.plot(energy[near], value[near], linewidth=1.2, label=curve.label, zorder=2, **style)


def _crab(axes: Any, made: Computed) -> None:
    energy = np.geomspace(*limits(made), 60) * u.TeV
    flux = (SPECTRA[made.options.gamma_spectrum][0](energy) * energy**2).to_value("erg / (cm2 s)")
    for number, share in enumerate((1, 0.1, 0.01)):
        label = "Crab Nebula: 100, 10, 1 %" if number == 0 else None
        axes.plot(energy.value, share * flux, color="#e69f00", linewidth=0.7, label=label, zorder=1)


def limits(made: Computed) -> tuple[float, float]:
    """Half a bin more than the bins."""
    energy = made.bins.energy.to_value("TeV")
    margin = (energy[1] / energy[0]) ** 0.5
    return energy[0] / margin, energy[-1] * margin


__all__ = ["PANELS", "Panel", "draw", "draw_all", "limits", "rings"]
