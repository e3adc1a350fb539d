"""Files that GammaBoard reads, and the notebook that shows it."""

from __future__ import annotations

from gammalearn_gammaboard_export.writing.experiment import FILES
from gammalearn_gammaboard_export.writing.experiment import owner_of
from gammalearn_gammaboard_export.writing.experiment import write_experiment
from gammalearn_gammaboard_export.writing.notebook import NOTEBOOK
from gammalearn_gammaboard_export.writing.notebook import write_notebook

__all__ = ["FILES", "NOTEBOOK", "owner_of", "write_experiment", "write_notebook"]
