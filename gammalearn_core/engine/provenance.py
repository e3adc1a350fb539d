"""What a run was made of: code, plug-ins, data, seeds and machine, as ``run.json`` records it.

No environment variables beyond a short list, no absolute paths, no names of users or hosts.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import subprocess
import sys
from datetime import UTC
from datetime import datetime
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import torch

from gammalearn_core._version import __version__
from gammalearn_core.engine.build import Built
from gammalearn_core.engine.checksums import sha256_of
from gammalearn_core.engine.components import plain
from gammalearn_core.settings.experiment import Experiment
from gammalearn_core.settings.load import SettingsFile
from gammalearn_core.settings.ref import On

SCHEMA = 1
NUMBERS = (
    "epochs",
    "batch_size",
    "accumulate",
    "precision",
    "clip_norm",
    "ema",
    "compile",
    "validation",
    "test",
    "seed",
    "device",
    "threads",
    "read_ahead",
    "max_time",
    "checkpoint_minutes",
    "requires",
)
"""Settings that are no components."""
_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "CUBLAS_WORKSPACE_CONFIG", "PYTHONHASHSEED")


def now() -> str:
    """The time, UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def describe_experiment(built: Built) -> dict[str, Any]:
    """The experiment with every default filled in, as plain data: ``experiment.json``."""
    experiment, parts = built.experiment, built.parts

    def one(where: str) -> dict[str, Any]:
        return parts[where].describe(built.registry)

    def many(prefix: str) -> list[dict[str, Any]]:
        return [one(w) for w in parts if w.startswith(f"{prefix}[")]

    loaders = [w for w, p in parts.items() if p.kind == "loader"]
    return {
        "schema": SCHEMA,
        "name": experiment.name,
        "data": {name: one(w) for name, w in zip(experiment.data, loaders, strict=True)},
        "filters": many("filters"),
        "weights": many("weights"),
        "transforms": many("transforms"),
        "network": one("network"),
        "targets": {t: one(f"targets[{t!r}]") for t in experiment.tasks},
        "losses": {t: one(f"losses[{t!r}]") for t in experiment.tasks},
        "balance": one("balance") if experiment.balance else None,
        "optimizer": one("optimizer"),
        "schedule": one("schedule") if experiment.schedule else None,
        "metrics": {t: [p.describe(built.registry) for p in m] for t, m in built.metric_parts.items()},
        "handlers": [_describe_handler(built, i) for i in range(len(experiment.handlers))],
        "reports": many("reports"),
        **_numbers(experiment),
    }


def _numbers(experiment: Experiment) -> dict[str, Any]:
    return {n: plain(getattr(experiment, n)) for n in NUMBERS}


def _describe_handler(built: Built, index: int) -> dict[str, Any]:
    item = built.experiment.handlers[index]
    part = built.parts[f"handlers[{index}]"]
    when = {"event": part.fact("event"), "every": None, "engine": part.fact("engine")}
    if isinstance(item, On):
        when |= {"event": item.event, "every": item.every, "engine": item.engine or when["engine"]}
    return part.describe(built.registry) | when


def settings_sha256(description: dict[str, Any]) -> str:
    """Checksum of the settings: the same for the same experiment, whatever versions are installed.

    What a run may change without becoming another is left out: `Experiment.FREE`, and parameters that a loader's record
    calls ``free``.
    """
    kept = {name: value for name, value in description.items() if name not in Experiment.FREE}
    text = json.dumps(_without_versions(kept), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _without_versions(value: Any) -> Any:
    if isinstance(value, dict):
        dropped = {"version", "distribution", "free"} if "component" in value else set()
        left = {k: _without_versions(v) for k, v in value.items() if k not in dropped}
        if dropped and "free" in value:
            left["parameters"] = {k: v for k, v in left["parameters"].items() if k not in value["free"]}
        return left
    if isinstance(value, list):
        return [_without_versions(v) for v in value]
    return value


def describe_run(
    file: SettingsFile, built: Built, run_id: str, sha256: str, data: list[dict[str, Any]]
) -> dict[str, Any]:
    """``run.json`` as it is before training; ``data`` are the input files, described."""
    experiment = built.experiment
    return {
        "schema": SCHEMA,
        "run_id": run_id,
        "experiment": experiment.name,
        "status": "running",
        "started": now(),
        "finished": None,
        "error": None,
        "command": ["gammalearn", "run", file.path.name],
        "settings_file": {"name": file.path.name, "sha256": file.sha256},
        "settings_sha256": sha256,
        "weights_sha256": None,
        "best_weights_sha256": None,
        "code": describe_repository(file.path.resolve().parent),
        "plugins": [
            {"name": p.name, "distribution": p.distribution, "version": p.version, "status": p.state}
            for p in built.registry.plugins.values()
        ],
        "data": data,
        "randomness": {"seed": experiment.seed, "scheme": "sha256 of seed and purpose; order by (seed, epoch)"},
        "determinism": {
            "threads": torch.get_num_threads(),
            "deterministic_algorithms": torch.are_deterministic_algorithms_enabled(),
            "environment": {n: os.environ[n] for n in _VARIABLES if n in os.environ},
        },
        "environment": describe_environment(),
    }


def describe_file(path: Path, folder: Path) -> dict[str, Any]:
    """Name, size and checksum of an input file."""
    try:
        name = Path(os.path.relpath(path, folder)).as_posix()
    except ValueError:  # another drive
        name = path.name
    return {"path": name, "bytes": path.stat().st_size, "sha256": sha256_of(path)}


def describe_environment() -> dict[str, Any]:
    """Interpreter, machine and every installed distribution."""
    packages = {d.metadata["Name"]: d.version for d in distributions() if d.metadata["Name"]}
    return {
        "gammalearn_core": __version__,
        "python": sys.version.split()[0],
        "system": f"{platform.system()} {platform.machine()}",
        "cpu": torch.backends.cpu.get_cpu_capability(),
        "cuda": torch.version.cuda,
        "gpus": [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())],
        "packages": dict(sorted(packages.items(), key=lambda item: item[0].lower())),
    }


def describe_repository(folder: Path) -> dict[str, Any] | None:
    """Commit and state of the settings file's git repository; None if it is in none."""
    commit = _git(folder, "rev-parse", "HEAD")
    if commit is None:
        return None
    patch = repository_patch(folder)
    return {
        "commit": commit.strip(),
        "branch": (_git(folder, "rev-parse", "--abbrev-ref", "HEAD") or "").strip(),
        "modified": bool(patch),
        "patch_sha256": hashlib.sha256(patch.encode()).hexdigest() if patch else None,
    }


def repository_patch(folder: Path) -> str:
    """Uncommitted changes of tracked files, as a patch."""
    return _git(folder, "diff", "HEAD") or ""


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=folder, capture_output=True, text=True, timeout=60, check=False, errors="replace"
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None


__all__ = [
    "describe_environment",
    "describe_experiment",
    "describe_file",
    "describe_repository",
    "describe_run",
    "now",
    "repository_patch",
    "settings_sha256",
]
