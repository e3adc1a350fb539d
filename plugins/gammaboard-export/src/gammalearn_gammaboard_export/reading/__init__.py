"""Predictions with truth, from DL2 files of ctapipe's and of lstchain's layout."""

from __future__ import annotations

from gammalearn_gammaboard_export.reading.sample import Sample
from gammalearn_gammaboard_export.reading.samples import Samples
from gammalearn_gammaboard_export.reading.samples import read_samples
from gammalearn_gammaboard_export.reading.thrown import Thrown

__all__ = ["Sample", "Samples", "Thrown", "read_samples"]
