"""Figures of ctaplot, which is called by keyword and with what it gets wrong left out."""

from __future__ import annotations

from gammalearn_gammaboard_export.drawing.drawing import draw_all

__all__ = ["draw_all"]
