"""Doing a run again from its folder, and telling whether it gives the same and, if not, why."""

from __future__ import annotations

from gammalearn_core.reproducing.reproduce import reproduce

__all__ = ["reproduce"]
