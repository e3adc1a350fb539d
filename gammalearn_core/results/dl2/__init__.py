"""DL2 files: ``grouping`` decides which there are, ``copying`` takes DL1 over, ``tables`` adds predictions."""

from __future__ import annotations

from gammalearn_core.results.dl2.writer import write_dl2

__all__ = ["write_dl2"]
