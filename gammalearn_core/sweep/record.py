"""``study.json``: what the trials of a study have in common, so that others do not come among them."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

import attrs

from gammalearn_core._version import __version__
from gammalearn_core.settings.experiment import Experiment
from gammalearn_core.sweep.space import written

SCHEMA = 1
_COMPARED = ("metric", "direction", "search", "settings")


def describe(experiment: Experiment, *, metric: str, direction: str) -> dict[str, Any]:
    """Everything that makes trials comparable.

    Settings that change nothing in what is learned (`Experiment.FREE`) are left out, so that they may change.
    """
    settings = {f.name: _text(getattr(experiment, f.name)) for f in attrs.fields(Experiment)}
    kept = {name: text for name, text in settings.items() if name not in Experiment.FREE}
    text = json.dumps(kept, sort_keys=True, separators=(",", ":"))
    return {
        "schema": SCHEMA,
        "version": __version__,
        "metric": metric,
        "direction": direction,
        "search": {key: written(space) for key, space in experiment.search.items()},
        "settings": kept,
        "settings_sha256": hashlib.sha256(text.encode()).hexdigest(),
    }


def differences(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """What has changed, a line each."""
    told = []
    for name in _COMPARED:
        old, new = before.get(name), now[name]
        if not isinstance(new, dict):
            told += [f"{name} was {old}, is {new}"] if old != new else []
            continue
        old = old if isinstance(old, dict) else {}
        prefix = "" if name == "settings" else f"{name} "
        for key in dict.fromkeys([*old, *new]):
            if old.get(key) != new.get(key):
                told.append(f"{prefix}{key} was {old.get(key, 'not there')}, is {new.get(key, 'not there')}")
    return told


def _text(value: object) -> str:
    """What a setting is, without the places in memory of functions."""
    return re.sub(r" at 0x[0-9a-f]+", "", repr(value))


__all__ = ["SCHEMA", "describe", "differences"]
