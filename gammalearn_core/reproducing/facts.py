"""What two runs were made of, compared fact by fact, the likeliest cause of other results first."""

from __future__ import annotations

import re
from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any

from attrs import frozen

from gammalearn_core.engine.provenance import settings_sha256
from gammalearn_core.settings.experiment import Experiment

_SETTINGS = "settings"
_ORDER = (
    (r"settings\.(.+)", "setting {0}"),
    (r"start_from(?:\..+)?", "first weights"),
    (r"data\.(.+)\.sha256", "content of {0}"),
    (r"data\.(.+)\.bytes", "size of {0}"),
    (r"data\.([^.]+)", "file {0}"),
    (r"cuts\.([^.]+)(.*)", "cut {0}{1}"),
    (r"splits\.([^.]+)\.samples", "number of samples of the {0} split"),
    (r"splits\.([^.]+)(?:\..+)?", "events of the {0} split"),
    (r"measured\.(.+)", "constants measured by {0}"),
    (r"randomness\.(.+)", "randomness, {0}"),
    (r"environment\.gammalearn_core", "version of gammalearn-core"),
    (r"plugins\.([^.]+)\.version", "version of the plug-in {0}"),
    (r"plugins\.([^.]+)\.source_sha256", "source of the plug-in {0}"),
    (r"plugins\.([^.]+)(?:\..+)?", "plug-in {0}"),
    (r"components\.(.+)\.(?:source_sha256|target)", "code of {0}"),
    (r"modules\.(.+?)(?:\.sha256)?", "module {0}"),
    (r"environment\.packages\.(torch|numpy|pytorch-ignite)", "version of {0}"),
    (r"environment\.torch\.(.+)", "build of torch, {0}"),
    (r"determinism\.precision", "precision"),
    (r"determinism\.threads", "threads of torch"),
    (r"determinism\.processes", "number of processes"),
    (r"determinism\.environment\.(.+)", "environment variable {0}"),
    (r"determinism\.(.+)", "{0}"),
    (r"environment\.(?:gpus|gpu_capabilities|cuda)(?:\..+)?", "GPU"),
    (r"environment\.cpu", "kernels that torch chose for the processor"),
    (r"environment\.cpu_model", "processor"),
    (r"environment\.cpu_flags", "instructions of the processor"),
    (r"environment\.(?:system|distribution|libc)", "operating system"),
    (r"environment\.(?:python|python_build)", "python"),
    (r"environment\.packages\.(.+)", "version of {0}"),
    (r"environment\.origins\.(.+?)(?:\.\w+)?", "where {0} was installed from"),
)
"""Facts that are compared, by their place in the records, and what they are called. Others say nothing of a cause."""
_KEYS = {"plugins": "name", "modules": "name", "components": "where", "cuts": "name"}
"""What tells the items of a list in ``run.json`` apart."""
_IGNORED = re.compile(r"data\.[^.]+\.(path|source)|plugins\.[^.]+\.status|settings\.(schema|name)")
_LATER = re.compile(r"determinism\.(processes|backend)")
"""Facts that a record has, but that are not true before the run has begun."""
_LONG = 60


@frozen
class Difference:
    """A fact that is another now."""

    fact: str
    then: str
    now: str

    def __str__(self) -> str:
        return f"{self.fact}: {self.then} then, {self.now} now"


def differences(then: Mapping[str, Any], now: Mapping[str, Any], *, partly: bool = False) -> list[Difference]:
    """Facts of two runs that differ, the likeliest cause first.

    Parameters
    ----------
    then, now : mapping
        ``run.json`` of both, with ``experiment.json`` as ``settings``.
    partly : bool
        Leave out what is not known now, because the run has not begun.
    """
    before, after = dict(_facts(then)), dict(_facts(now))
    ranked = []
    for place in dict.fromkeys([*before, *after]):
        same = before.get(place) == after.get(place)
        unknown = partly and (place.partition(".")[0] not in now or _LATER.fullmatch(place) is not None)
        found = None if same or unknown or _IGNORED.fullmatch(place) else _named(place)
        if found is not None:
            rank, name = found
            told = _told(before.get(place), after.get(place))
            ranked.append((rank, Difference(name, *told)))
    ranked.sort(key=lambda pair: pair[0])
    by_fact: dict[str, Difference] = {}
    for _, difference in ranked:
        by_fact.setdefault(difference.fact, difference)
    return list(by_fact.values())


def with_settings(record: Mapping[str, Any], described: Mapping[str, Any]) -> dict[str, Any]:
    """A record with the settings that it was made with, as far as they decide what is learned."""
    return {**record, _SETTINGS: {k: v for k, v in described.items() if k not in Experiment.FREE}}


def same_settings(then: dict[str, Any], now: dict[str, Any]) -> bool:
    """Whether two descriptions are of one experiment."""
    return settings_sha256(then) == settings_sha256(now)


def _named(place: str) -> tuple[int, str] | None:
    for rank, (pattern, text) in enumerate(_ORDER):
        match = re.fullmatch(pattern, place, re.DOTALL)
        if match:
            return rank, text.format(*(group or "" for group in match.groups()))
    return None


def _facts(record: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in record.items():
        if name == "data" and isinstance(value, list):
            for number, item in enumerate(value, 1):
                label = str(item.get("path")).rpartition("/")[2].replace(".", "·") if isinstance(item, dict) else "?"
                yield from _flat(f"data.{label} ({number})", item)
        elif name in _KEYS and isinstance(value, list):
            for item in value:
                key = str(item.get(_KEYS[name]) if isinstance(item, dict) else item)
                yield from _flat(f"{name}.{key.replace('.', '·')}", item)
        elif name == _SETTINGS:
            yield from _flat(name, _unversioned(value))
        else:
            yield from _flat(name, value)


def _unversioned(value: Any) -> Any:
    """Settings without versions, which are facts of their own."""
    if isinstance(value, dict):
        dropped = {"version", "distribution", "free", "source_sha256"} if "component" in value else set()
        return {k: _unversioned(v) for k, v in value.items() if k not in dropped}
    return [_unversioned(v) for v in value] if isinstance(value, list) else value


def _flat(place: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _flat(f"{place}.{name}", inner)
    elif isinstance(value, list) and any(isinstance(v, (dict, list)) for v in value):
        for number, inner in enumerate(value):
            yield from _flat(f"{place}.{number}", inner)
    else:
        yield place, value


def _told(then: object, now: object) -> tuple[str, str]:
    if isinstance(then, list) and isinstance(now, list) and all(isinstance(v, str) for v in [*then, *now]):
        gone, new = [v for v in then if v not in now], [v for v in now if v not in then]
        return _short(" ".join(gone) or "nothing more"), _short(" ".join(new) or "nothing more")
    return _short(_text(then)), _short(_text(now))


def _text(value: object) -> str:
    if isinstance(value, str):
        return f"{value[:12]}…" if re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", value) else value or "unknown"
    return "not there" if value is None else str(value)


def _short(text: str) -> str:
    return text if len(text) <= _LONG else f"{text[: _LONG - 1]}…"


__all__ = ["Difference", "differences", "same_settings", "with_settings"]
