"""``gammalearn run --seeds N``: one experiment with several seeds, and how much its results differ."""

from __future__ import annotations

from gammalearn_core.seeds.running import run_seeds
from gammalearn_core.seeds.spread import Spread
from gammalearn_core.seeds.spread import spreads

__all__ = ["Spread", "run_seeds", "spreads"]
