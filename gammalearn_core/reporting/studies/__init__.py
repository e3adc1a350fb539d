"""Studies of a run beyond its numbers by energy: where it works, whether it can be believed, and how far it bears.

Each gives `Studies`: charts, numbers with their definitions, and for what cannot be shown a reason. Those of images
need the data of the run opened again, as `of_data.studies_of_data` does it.
"""

from __future__ import annotations

from gammalearn_core.reporting.studies.of_predictions import NOT_OPENED
from gammalearn_core.reporting.studies.of_predictions import studies_of
from gammalearn_core.reporting.studies.of_predictions import studies_of_predictions
from gammalearn_core.reporting.studies.outcome import Missing
from gammalearn_core.reporting.studies.outcome import Number
from gammalearn_core.reporting.studies.outcome import Studies
from gammalearn_core.reporting.studies.sample import Sample

__all__ = ["NOT_OPENED", "Missing", "Number", "Sample", "Studies", "studies_of", "studies_of_predictions"]
