"""What each setting may hold. A checker returns the problems that it sees, never raises."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path

from gammalearn_core.errors import Problem
from gammalearn_core.plugin.names import IDENTIFIER
from gammalearn_core.settings.ref import On
from gammalearn_core.settings.ref import Ref
from gammalearn_core.settings.search import Space
from gammalearn_core.settings.start import WeightsOf

Checker = Callable[[str, object], Iterator[Problem]]
DURATION = re.compile(r"(?:(\d{1,3})-)?(\d{1,3}):([0-5]\d):([0-5]\d)")
"""``[days-]hours:minutes:seconds``."""


def component(where: str, value: object) -> Iterator[Problem]:
    """A ref, or a callable standing for one."""
    if isinstance(value, str):
        yield Problem(where, f"expected ref(…), got the text {value!r}", f"write ref({value!r})")
    elif not isinstance(value, Ref) and not callable(value):
        yield Problem(where, f"expected ref(…) or a callable, got {value!r}")


def components(where: str, value: object) -> Iterator[Problem]:
    """A list of refs."""
    if isinstance(value, (Ref, str)) or not isinstance(value, Sequence):
        yield Problem(where, f"expected a list of ref(…), got {value!r}", "put it in square brackets")
        return
    for index, item in enumerate(value):
        yield from component(f"{where}[{index}]", item)


def named_components(where: str, value: object) -> Iterator[Problem]:
    """A dictionary of refs by task or source."""
    if not isinstance(value, Mapping):
        yield Problem(where, f"expected a dictionary {{'name': ref(…)}}, got {value!r}")
        return
    for name, item in value.items():
        if not isinstance(name, str) or not IDENTIFIER.fullmatch(name):
            yield Problem(where, f"{name!r} is not a name: lower case letters, digits and underscores")
        yield from component(f"{where}[{name!r}]", item)


def data(where: str, value: object) -> Iterator[Problem]:
    """One source, or several by name."""
    if isinstance(value, Mapping) and not value:
        yield Problem(where, "there is no source", "data=ref('core.dl1', paths=['data/gamma_*.h5'])")
    yield from named_components(where, value) if isinstance(value, Mapping) else component(where, value)


def handlers(where: str, value: object) -> Iterator[Problem]:
    """A list of refs and of ``on(…)``."""
    if not isinstance(value, Sequence) or isinstance(value, str):
        yield Problem(where, f"expected a list of ref(…) or on(…), got {value!r}", "put it in square brackets")
        return
    for index, item in enumerate(value):
        if not isinstance(item, On):
            yield from component(f"{where}[{index}]", item)


def metrics(where: str, value: object) -> Iterator[Problem]:
    """Lists of refs by task."""
    if not isinstance(value, Mapping):
        yield Problem(where, f"expected a dictionary {{'task': [ref(…)]}}, got {value!r}")
        return
    for task, items in value.items():
        yield from components(f"{where}[{task!r}]", items)


def name(where: str, value: object) -> Iterator[Problem]:
    """A name that can be that of a folder."""
    if not isinstance(value, str) or not value.strip():
        yield Problem(where, f"expected a name, got {value!r}")
    elif not _fits_a_file_system(value):
        yield Problem(where, "is too long for the name of a folder, or has characters that UTF-8 has not")
    elif any(c in value for c in '/\\:*?"<>|\0') or value.startswith((".", "-")):
        yield Problem(where, f"{value!r} cannot be the name of a folder", "letters, digits, '-' and '_' are safe")


def _fits_a_file_system(name: str) -> bool:
    try:
        return len(name.encode()) <= 200
    except UnicodeEncodeError:
        return False


def text(where: str, value: object) -> Iterator[Problem]:
    """Any text."""
    if not isinstance(value, str):
        yield Problem(where, f"expected text, got {value!r}")


def texts(where: str, value: object) -> Iterator[Problem]:
    """A list of texts."""
    if isinstance(value, str) or not isinstance(value, Sequence) or not all(isinstance(v, str) for v in value):
        yield Problem(where, f"expected a list of texts, got {value!r}")


def whole(minimum: int, maximum: float = math.inf) -> Checker:
    """A checker for whole numbers from ``minimum`` to ``maximum``."""

    def check(where: str, value: object) -> Iterator[Problem]:
        if isinstance(value, bool) or not isinstance(value, int):
            yield Problem(where, f"expected a whole number, got {value!r}")
        elif value < minimum:
            yield Problem(where, f"must be at least {minimum}, got {value}")
        elif value > maximum:
            yield Problem(where, f"must be at most {maximum}, got {value}")

    return check


def fraction(where: str, value: object) -> Iterator[Problem]:
    """A share between 0 and 1."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        yield Problem(where, f"expected a share between 0 and 1, got {value!r}")
    elif not 0 <= value < 1:
        yield Problem(where, f"must be at least 0 and below 1, got {value}")


def positive(where: str, value: object) -> Iterator[Problem]:
    """A finite number above 0."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        yield Problem(where, f"expected a number, got {value!r}")
    elif not 0 < value < math.inf:
        yield Problem(where, f"must be above 0 and finite, got {value}")


def yes_or_no(where: str, value: object) -> Iterator[Problem]:
    """True or False."""
    if not isinstance(value, bool):
        yield Problem(where, f"expected True or False, got {value!r}")


def one_of(*choices: str) -> Checker:
    """A checker for one of some words."""

    def check(where: str, value: object) -> Iterator[Problem]:
        if value not in choices:
            yield Problem(where, f"must be {' or '.join(map(repr, choices))}, got {value!r}")

    return check


def duration(where: str, value: object) -> Iterator[Problem]:
    """A time as batch systems write it."""
    if not isinstance(value, str) or not DURATION.fullmatch(value):
        yield Problem(where, f"expected a time, got {value!r}", "'11:45:00', or '2-00:00:00' for two days")
    elif not seconds(value):
        yield Problem(where, f"must be above 0, got {value!r}")


def seconds(duration: str) -> int:
    """Seconds of a time as batch systems write it.

    Examples
    --------
    >>> seconds("1-02:03:04")
    93784
    """
    found = DURATION.fullmatch(duration)
    if found is None:
        raise ValueError(f"not a time: {duration!r}")
    days, hours, minutes, rest = (int(part or 0) for part in found.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + rest


def start(where: str, value: object) -> Iterator[Problem]:
    """A run folder, or `weights_of` one, or a list of these."""
    if isinstance(value, (list, tuple)):
        if not value:
            yield Problem(where, "the list is empty", "leave start_from out to begin with random weights")
        for number, item in enumerate(value):
            check = _no_start if isinstance(item, (list, tuple)) else start
            yield from check(f"{where}[{number}]", item)
    elif not isinstance(value, (str, Path, WeightsOf)) or value == "":
        yield from _no_start(where, value)


def _no_start(where: str, value: object) -> Iterator[Problem]:
    yield Problem(where, f"expected the path of a run folder, or weights_of(…), got {value!r}")


def search(where: str, value: object) -> Iterator[Problem]:
    """What a sweep varies."""
    if not isinstance(value, Mapping):
        yield Problem(where, f"expected a dictionary {{'optimizer.lr': log_uniform(…)}}, got {value!r}")
        return
    for name, space in value.items():
        if not isinstance(name, str) or not name:
            yield Problem(where, f"{name!r} does not name a setting", "'optimizer.lr', as --set names it")
        if not isinstance(space, Space):
            hint = "log_uniform(…), uniform(…), integers(…) or choice(…)"
            yield Problem(f"{where}[{name!r}]", f"expected what the setting may be, got {space!r}", hint)


__all__ = [
    "DURATION",
    "Checker",
    "component",
    "components",
    "data",
    "duration",
    "fraction",
    "handlers",
    "metrics",
    "name",
    "named_components",
    "one_of",
    "positive",
    "search",
    "seconds",
    "start",
    "text",
    "texts",
    "whole",
    "yes_or_no",
]
