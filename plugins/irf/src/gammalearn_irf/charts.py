"""``charts.json``: what was measured, and reference curves, for the page of ``gammalearn report``.

The page looks for this file in the folders of a run. What has the ``id`` of a chart of the page is drawn in that one.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import QTable

from gammalearn_irf.computing import Computed
from gammalearn_irf.figures import PANELS
from gammalearn_irf.figures import Panel
from gammalearn_irf.figures import limits
from gammalearn_irf.figures import rings
from gammalearn_irf.reference import ReferenceCurve
from gammalearn_irf.writing import write_file

FILE = "charts.json"
SECTION = "Instrument response"
_OF_THE_PAGE = {
    "energy_bias": "test_energy_bias",
    "energy_resolution": "test_energy_resolution",
    "energy_resolution_median": "test_energy_resolution",
    "angular_resolution": "test_angular_resolution",
}
"""Charts of the page that reference curves are drawn in."""
_NOTE = "reference curves are of events after their own cuts, and those of the run of all that it predicts"
_ABOUT_MEDIAN = ", about the median"


def write_charts(folder: Path, made: Computed, references: Sequence[ReferenceCurve]) -> Path:
    """A chart for each figure, and the reference curves once more for charts of the page."""
    charts = [
        chart
        for panel in PANELS
        if panel.table in made.tables and panel.column in made.tables[panel.table].colnames
        for chart in (_chart(panel, made, references),)
    ]
    told = {"schema": 1, "charts": [*charts, *_for_the_page(made, references)]}
    text = json.dumps(told, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    return write_file(folder / FILE, lambda path: path.write_text(text, encoding="utf-8"))


def _chart(panel: Panel, made: Computed, references: Sequence[ReferenceCurve]) -> dict[str, Any]:
    table = made.tables[panel.table]
    kind = "true" if panel.energy == "true_energy" else "predicted"
    series = [_ring(panel, table, ring) for ring, _ in rings(made, table)]
    curves = [_reference(c, made) for c in references if c.quantity == panel.quantity]
    return {
        "id": f"irf_{panel.quantity}",
        "section": SECTION,
        "title": panel.label[0].upper() + panel.label[1:],
        "x_label": f"{kind} energy [TeV]",
        "y_label": panel.label,
        "x_log": True,
        "y_log": panel.log,
        "series": [*series, *filter(None, curves)],
        "note": "after cuts in gammaness and angle, and weighted to the spectra of benchmarks.json",
    }


def _for_the_page(made: Computed, references: Sequence[ReferenceCurve]) -> Iterable[dict[str, Any]]:
    for quantity, id in _OF_THE_PAGE.items():
        suffix = _ABOUT_MEDIAN if quantity == "energy_resolution_median" else ""
        found = (_reference(c, made, suffix) for c in references if c.quantity == quantity)
        series = [curve for curve in found if curve]
        if series:
            told = {
                "section": SECTION,
                "title": "Reference curves",
                "x_label": "true energy [TeV]",
                "y_label": quantity,
            }
            yield {"id": id, **told, "x_log": True, "series": series, "note": _NOTE}


def _ring(panel: Panel, table: QTable, ring: Sequence[float]) -> dict[str, Any]:
    """Values in a ring of the field, with their errors."""
    rows = table[table["fov_offset_low"].value == ring[0]]
    value, error = (_numbers(rows[name]) for name in (panel.column, f"{panel.column}_error"))
    empty = np.asarray(rows[panel.count]) <= 0
    value[empty] = np.nan
    low, middle, high = (rows[f"{panel.energy}_{part}"].to_value("TeV") for part in ("low", "center", "high"))
    return {
        "label": f"{ring[0]:g} to {ring[1]:g} deg off axis",
        "kind": "points",
        "x": _plain(middle),
        "y": _plain(value),
        "y_low": _plain(value - error),
        "y_high": _plain(value + error),
        "n": _plain(np.asarray(rows[panel.count], dtype=float)),
        "edges": _plain(np.append(low, high[-1:])),
    }


def _reference(curve: ReferenceCurve, made: Computed, suffix: str = "") -> dict[str, Any] | None:
    """The part of a curve that is in the range of the run's energies."""
    low, high = limits(made)
    inside = [(e, v) for e, v in zip(curve.energy, curve.value, strict=True) if low <= e <= high]
    if not inside:
        return None
    energy, value = zip(*inside, strict=True)
    return {"label": f"{curve.label}{suffix}", "kind": "reference", "x": list(energy), "y": list(value)}


def _numbers(column: Any) -> Any:
    return np.array(getattr(column, "value", column), dtype=float)


def _plain(values: Any) -> list[float | None]:
    return [float(value) if math.isfinite(value) else None for value in values]


__all__ = ["FILE", "write_charts"]
