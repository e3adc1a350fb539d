"""GammaLearn core: train, test and apply deep networks on images of Cherenkov telescopes.

What settings files and plug-ins need is here, and importing it is cheap: no numpy, no torch. The protocols of what
components are called with are in `gammalearn_core.api`.
"""

from __future__ import annotations

from gammalearn_core._version import __version__
from gammalearn_core.errors import DataError
from gammalearn_core.errors import GammalearnError
from gammalearn_core.errors import PluginError
from gammalearn_core.errors import Problem
from gammalearn_core.errors import SettingsError
from gammalearn_core.errors import UnknownComponentError
from gammalearn_core.plugin.names import hookimpl
from gammalearn_core.plugin.records import Command
from gammalearn_core.plugin.records import Filter
from gammalearn_core.plugin.records import Handler
from gammalearn_core.plugin.records import Loader
from gammalearn_core.plugin.records import Loss
from gammalearn_core.plugin.records import Metric
from gammalearn_core.plugin.records import Network
from gammalearn_core.plugin.records import Optimizer
from gammalearn_core.plugin.records import Report
from gammalearn_core.plugin.records import Target
from gammalearn_core.plugin.records import Transform
from gammalearn_core.settings.experiment import Experiment
from gammalearn_core.settings.ref import on
from gammalearn_core.settings.ref import ref
from gammalearn_core.settings.search import choice
from gammalearn_core.settings.search import integers
from gammalearn_core.settings.search import log_uniform
from gammalearn_core.settings.search import uniform
from gammalearn_core.settings.start import weights_of

__all__ = [
    "Command",
    "DataError",
    "Experiment",
    "Filter",
    "GammalearnError",
    "Handler",
    "Loader",
    "Loss",
    "Metric",
    "Network",
    "Optimizer",
    "PluginError",
    "Problem",
    "Report",
    "SettingsError",
    "Target",
    "Transform",
    "UnknownComponentError",
    "__version__",
    "choice",
    "hookimpl",
    "integers",
    "log_uniform",
    "on",
    "ref",
    "uniform",
    "weights_of",
]
