"""From events to cuts, benchmarks, sensitivity and responses, with pyirf. Nothing here reads or writes files."""

from __future__ import annotations

from gammalearn_irf.computing.compute import Computed
from gammalearn_irf.computing.compute import compute
from gammalearn_irf.computing.responses import responses

__all__ = ["Computed", "compute", "responses"]
