"""Writing a trained network as a file that other programs compute: ONNX, or what ``torch.export`` loads."""

from __future__ import annotations

from gammalearn_core.exporting.command import Options
from gammalearn_core.exporting.command import export

__all__ = ["Options", "export"]
