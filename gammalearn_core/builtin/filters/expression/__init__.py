"""Conditions on columns, as text: ``hillas_intensity > 50 & leakage_intensity_width_2 < 0.2``."""

from __future__ import annotations

from gammalearn_core.builtin.filters.expression.condition import Expression

__all__ = ["Expression"]
