"""Settings files: `Experiment`, `ref` and `on`, loading and the static check. Imports nothing heavy."""

from __future__ import annotations

from gammalearn_core.settings.check import check
from gammalearn_core.settings.experiment import Experiment
from gammalearn_core.settings.load import SettingsFile
from gammalearn_core.settings.load import load_settings
from gammalearn_core.settings.ref import On
from gammalearn_core.settings.ref import Ref
from gammalearn_core.settings.ref import on
from gammalearn_core.settings.ref import ref

__all__ = ["Experiment", "On", "Ref", "SettingsFile", "check", "load_settings", "on", "ref"]
