"""``run.json`` as it is before training."""

from __future__ import annotations

from datetime import UTC
from datetime import datetime
from pathlib import Path
from typing import Any

from gammalearn_core.engine.build import Built
from gammalearn_core.engine.provenance.code import describe_components
from gammalearn_core.engine.provenance.code import describe_modules
from gammalearn_core.engine.provenance.code import describe_plugins
from gammalearn_core.engine.provenance.code import settings_only
from gammalearn_core.engine.provenance.determinism import describe_determinism
from gammalearn_core.engine.provenance.environment import describe_environment
from gammalearn_core.engine.provenance.experiment import SCHEMA
from gammalearn_core.engine.provenance.paths import portable
from gammalearn_core.engine.provenance.repository import describe_repository
from gammalearn_core.settings.load import SettingsFile


def now() -> str:
    """The time, UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def describe_run(
    file: SettingsFile,
    built: Built,
    run_id: str,
    sha256: str,
    data: list[dict[str, Any]],
    *,
    run_folder: Path | None = None,
) -> dict[str, Any]:
    """What a run is made of, as far as that is known before it begins.

    Parameters
    ----------
    file : SettingsFile
    built : Built
    run_id, sha256 : str
        The run's and that of its settings.
    data : list of dict
        The input files, described.
    run_folder : Path, optional
        Where the run is written, to tell the way from there to the settings file.
    """
    experiment, folder = built.experiment, file.path.resolve().parent
    return {
        "schema": SCHEMA,
        "run_id": run_id,
        "experiment": experiment.name,
        "status": "running",
        "started": now(),
        "finished": None,
        "error": None,
        "command": ["gammalearn", "run", file.path.name],
        "overrides": list(file.overrides),
        "start_from": built.start.describe() if built.start else None,
        "settings_file": {
            "name": file.path.name,
            "sha256": file.sha256,
            "folder": portable(folder, run_folder.resolve()) if run_folder is not None else None,
        },
        "settings_sha256": sha256,
        "settings_only": settings_only(built),
        "weights_sha256": None,
        "best_weights_sha256": None,
        "code": describe_repository(folder),
        "modules": describe_modules(built.registry, folder),
        "plugins": describe_plugins(built),
        "components": describe_components(built),
        "data": data,
        "randomness": {"seed": experiment.seed, "scheme": "sha256 of seed and purpose; order by (seed, epoch)"},
        "determinism": describe_determinism(experiment),
        "environment": describe_environment(),
    }


__all__ = ["SCHEMA", "describe_run", "now"]
