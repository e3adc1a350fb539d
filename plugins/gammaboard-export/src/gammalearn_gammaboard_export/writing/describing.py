"""What a run was made of, in the words of ``<experiment>_settings.json``, which GammaBoard prints."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gammalearn_gammaboard_export.finding import Found
from gammalearn_gammaboard_export.finding import read_json

_RUN = (
    "run_id",
    "experiment",
    "started",
    "command",
    "overrides",
    "settings_sha256",
    "weights_sha256",
    "best_weights_sha256",
    "best_epoch",
)


def described(found: Found) -> dict[str, Any]:
    """Run, settings, numbers of the test split, and files. Nothing in it depends on where the run is."""
    run = read_json(found.path / "run.json")
    settings = read_json(found.path / "experiment.json")
    metrics = read_json(found.path / "metrics.json")
    splits = metrics.get("splits")
    told = {
        "run": {name: run[name] for name in _RUN if run.get(name) is not None} | _made_of(run),
        "settings": dict(_flat(settings, "")),
        "test": splits.get("test") or {} if isinstance(splits, Mapping) else {},
        "predictions": {path.name: f"sha256 {_sha256(path)}" for path in found.files},
    }
    return {name: value for name, value in told.items() if value}


def _made_of(run: Mapping[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    code, environment = run.get("code"), run.get("environment")
    if isinstance(code, Mapping):
        made["commit"] = f"{code.get('commit')}{' (modified)' if code.get('modified') else ''}"
    plugins = [p for p in run.get("plugins") or () if isinstance(p, Mapping)]
    made |= {str(p.get("distribution")): p.get("version") for p in plugins if p.get("source_sha256")}
    if isinstance(environment, Mapping):
        made |= {name: environment[name] for name in ("python", "cpu_model", "gpus") if environment.get(name)}
    cuts = [c for c in run.get("cuts") or () if isinstance(c, Mapping)]
    made |= {f"cut {c.get('name')}": f"{c.get('before')} to {c.get('after')}" for c in cuts}
    splits = run.get("splits")
    if isinstance(splits, Mapping):
        made |= {f"samples of {n}": s.get("samples") for n, s in splits.items() if isinstance(s, Mapping)}
    return made


def _flat(value: Any, where: str) -> Iterator[tuple[str, Any]]:
    """Settings by the names that ``--set`` has for them; a component is its id, and its parameters follow.

    What JSON has no number for is ``{"float": "inf"}``.
    """
    if isinstance(value, Mapping):
        named = value.get("component") or value.get("callable")
        if named and "parameters" in value:
            version = f" ({value.get('distribution')} {value.get('version')})" if value.get("distribution") else ""
            yield where, f"{named}{version}"
            yield from _flat(value["parameters"], where)
            return
        if set(value) == {"float"}:
            yield where, value["float"]
            return
        for name, one in value.items():
            yield from _flat(one, f"{where}.{name}" if where else str(name))
    elif isinstance(value, list) and any(isinstance(one, Mapping) for one in value):
        for number, one in enumerate(value):
            yield from _flat(one, f"{where}.{number}")
    elif value is not None and value != [] and where != "schema":
        yield where, value


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def identity_of(found: Found, description: Mapping[str, Any]) -> str:
    """What tells a run from any other: its id, and of files that are of no run their checksums."""
    if found.run_id:
        return f"{found.kind} {found.run_id}"
    sums = "\n".join(f"{name} {told}" for name, told in description["predictions"].items())
    return f"{found.kind} {hashlib.sha256(sums.encode()).hexdigest()}"


__all__ = ["described", "identity_of"]
