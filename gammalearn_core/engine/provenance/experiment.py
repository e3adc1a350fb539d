"""The settings of an experiment as plain data, and their checksum."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from gammalearn_core.engine.build import Built
from gammalearn_core.engine.components import plain
from gammalearn_core.settings.experiment import Experiment
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
        "start_from": built.start.describe() if built.start else None,
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


__all__ = ["NUMBERS", "SCHEMA", "describe_experiment", "settings_sha256"]
