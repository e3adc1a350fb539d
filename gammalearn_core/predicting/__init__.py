"""Applying a trained run to DL1 files: from its folder to a DL2 file for each."""

from __future__ import annotations

from gammalearn_core.predicting.predict import Options
from gammalearn_core.predicting.predict import predict

__all__ = ["Options", "predict"]
