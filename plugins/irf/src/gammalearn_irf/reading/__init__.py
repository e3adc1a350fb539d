"""Reading DL2 files of ctapipe's layout."""

from __future__ import annotations

from gammalearn_irf.reading.sample import NAMES
from gammalearn_irf.reading.sample import Sample
from gammalearn_irf.reading.samples import read_samples

__all__ = ["NAMES", "Sample", "read_samples"]
