"""What the command prints."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from gammalearn_irf.computing import Computed

COLUMNS = (
    ("gammas", "energy", "n_events", "{:.0f}", 1),
    ("bias %", "energy", "bias", "{:+.1f}", 100),
    ("resolution %", "energy", "resolution", "{:.1f}", 100),
    ("68 % deg", "direction", "angular_resolution_68", "{:.3f}", 1),
    ("area m²", "area", "area_cuts", "{:.2e}", 1),
    ("source %", "sensitivity", "relative_sensitivity", "{:.2f}", 100),
)
"""Title, table, column, format and factor."""


def summary(made: Computed) -> str:
    """Numbers of the innermost ring by energy, and notes."""
    inner, outer = made.bins.rings[0].to_value("deg")
    energy = made.bins.energy.to_value("TeV")
    columns = [["TeV", *(f"{low:.3g}-{high:.3g}" for low, high in pairwise(energy))]]
    for title, table, column, text, factor in COLUMNS:
        found = made.tables.get(table)
        if found is not None and column in found.colnames:
            columns.append([title, *_texts(found[column][: len(energy) - 1], text, factor)])
    widths = [max(map(len, column)) for column in columns]
    lines = [
        "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True))
        for row in zip(*columns, strict=True)
    ]
    title = f"{inner:g} to {outer:g} deg off axis, after cuts, {made.options.observation_time:g} h:"
    return "\n".join([title, *lines, *made.notes])


def _texts(values: Any, text: str, factor: float) -> list[str]:
    plain = np.asarray(getattr(values, "value", values), dtype=float)
    return [text.format(factor * value) if np.isfinite(value) else "-" for value in plain]


__all__ = ["summary"]
