"""What computes convolutions and poolings."""

from __future__ import annotations

from gammalearn_hexconv.backends.choosing import Backend
from gammalearn_hexconv.backends.choosing import Choice
from gammalearn_hexconv.backends.report import BackendReport
from gammalearn_hexconv.backends.report import backend_report

__all__ = ["Backend", "BackendReport", "Choice", "backend_report"]
