"""What a run was made of: settings, code, plug-ins, data, seeds and machine, as ``run.json`` records it.

No environment variables beyond a short list, no absolute paths, no names of users or hosts.
"""

from __future__ import annotations

from gammalearn_core.engine.provenance.code import copy_modules
from gammalearn_core.engine.provenance.code import describe_components
from gammalearn_core.engine.provenance.code import describe_modules
from gammalearn_core.engine.provenance.data import describe_data
from gammalearn_core.engine.provenance.data import describe_file
from gammalearn_core.engine.provenance.data import events_sha256
from gammalearn_core.engine.provenance.determinism import describe_determinism
from gammalearn_core.engine.provenance.environment import describe_environment
from gammalearn_core.engine.provenance.experiment import NUMBERS
from gammalearn_core.engine.provenance.experiment import describe_experiment
from gammalearn_core.engine.provenance.experiment import settings_sha256
from gammalearn_core.engine.provenance.measured import describe_measured
from gammalearn_core.engine.provenance.repository import describe_repository
from gammalearn_core.engine.provenance.repository import repository_patch
from gammalearn_core.engine.provenance.run import SCHEMA
from gammalearn_core.engine.provenance.run import describe_run
from gammalearn_core.engine.provenance.run import now

__all__ = [
    "NUMBERS",
    "SCHEMA",
    "copy_modules",
    "describe_components",
    "describe_data",
    "describe_determinism",
    "describe_environment",
    "describe_experiment",
    "describe_file",
    "describe_measured",
    "describe_modules",
    "describe_repository",
    "describe_run",
    "events_sha256",
    "now",
    "repository_patch",
    "settings_sha256",
]
