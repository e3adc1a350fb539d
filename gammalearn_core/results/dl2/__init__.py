"""DL2 files: predictions of a run's test split, or of a whole DL1 file.

``grouping`` decides which files there are, ``parts`` which events of DL1 are in them, and ``ctapipe`` fills one:
``copying`` takes DL1 over, ``tables`` adds predictions, ``combining`` makes those of events from those of telescopes,
``reference`` says what made it, and ``whole`` lets it appear. ``irf_tools`` tells ctapipe what our columns are called.
"""

from __future__ import annotations

from gammalearn_core.results.dl2.irf_tools import write_irf_config
from gammalearn_core.results.dl2.of_file import particle_of
from gammalearn_core.results.dl2.of_file import write_dl2_of
from gammalearn_core.results.dl2.whole import OutputError
from gammalearn_core.results.dl2.writer import write_dl2

__all__ = ["OutputError", "particle_of", "write_dl2", "write_dl2_of", "write_irf_config"]
