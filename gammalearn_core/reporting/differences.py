"""What runs have been made with, and where they differ."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from attrs import frozen

from gammalearn_core.reporting.facts import Run

_LEFT_OUT = ("schema", "name", "version", "distribution", "source_sha256", "free")
"""What is no setting, or is told elsewhere."""
_PACKAGES = ("torch", "pytorch-ignite", "numpy")
_LONGEST = 200


@frozen
class Difference:
    """One setting, and its value in each run; ``differs`` says which are not as in the first run."""

    name: str
    values: tuple[str, ...]

    @property
    def cells(self) -> list[tuple[str, bool]]:
        """Value, and whether it is not that of the first run."""
        return [(value, value != self.values[0]) for value in self.values]


def settings_that_differ(runs: Sequence[Run]) -> list[Difference]:
    """Settings, with every default filled in, that are not the same in all runs."""
    return _differing([_flat(run.experiment) for run in runs])


def surroundings_that_differ(runs: Sequence[Run]) -> list[Difference]:
    """Data, versions and machines that are not the same in all runs."""
    return _differing([_surroundings(run) for run in runs])


def _differing(tables: Sequence[Mapping[str, str]]) -> list[Difference]:
    names = dict.fromkeys(name for table in tables for name in table)
    found = [Difference(name, tuple(table.get(name, "—") for table in tables)) for name in names]
    return [d for d in found if len(set(d.values)) > 1]


def _flat(value: object, path: str = "") -> dict[str, str]:
    """Leaves by their path.

    Examples
    --------
    >>> _flat({"network": {"component": "core.cnn2d", "parameters": {"channels": [1, 2]}}})
    {'network': 'core.cnn2d', 'network.channels': '[1, 2]'}
    """
    if isinstance(value, list) and value and all(isinstance(member, Mapping) for member in value):
        value = {f"[{number}]": member for number, member in enumerate(value)}
    if not isinstance(value, Mapping) or set(value) == {"float"}:
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        return {path: text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"}
    found: dict[str, str] = {}
    for name, member in value.items():
        if name in _LEFT_OUT and (not path or name != "name"):
            continue
        joint = "" if not path or str(name).startswith("[") else "."
        own = name in ("component", "callable") or (name == "parameters" and isinstance(member, Mapping))
        found |= _flat(member, path if own else f"{path}{joint}{name}")
    return found


def _surroundings(run: Run) -> dict[str, str]:
    environment = run.record.get("environment") or {}
    packages = {str(n).lower(): str(v) for n, v in (environment.get("packages") or {}).items()}
    data = run.record.get("data") or []
    plugins = {f"plug-in {p.get('name')}": str(p.get("version") or "") for p in run.record.get("plugins") or []}
    code = run.record.get("code") or {}
    found: dict[str, Any] = {
        "data files": f"{len(data)}, checksum {_checksum(data)}",
        "gammalearn-core": environment.get("gammalearn_core"),
        **plugins,
        **{name: packages.get(name) for name in _PACKAGES},
        "python": environment.get("python"),
        "machine": environment.get("cpu_model") or environment.get("cpu"),
        "GPU": ", ".join(environment.get("gpus") or []),
        "commit": f"{code.get('commit')}{', modified' if code.get('modified') else ''}" if code else "",
    }
    for name, split in run.splits.items():
        found[f"{name} split"] = (
            f"{split.get('samples')} samples, checksum {str(split.get('events_sha256') or '—')[:8]}"
        )
    return {name: str(value) for name, value in found.items() if value}


def _checksum(data: Sequence[Mapping[str, Any]]) -> str:
    """Eight digits that stand for the contents of all files, whatever their order."""
    sums = sorted(str(item.get("sha256")) for item in data)
    return hashlib.sha256("".join(sums).encode()).hexdigest()[:8]


__all__ = ["Difference", "settings_that_differ", "surroundings_that_differ"]
