"""What each setting may hold. A checker returns the problems that it sees, never raises."""

from __future__ import annotations

import math
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence

from gammalearn_core.errors import Problem
from gammalearn_core.plugin.names import IDENTIFIER
from gammalearn_core.settings.ref import On
from gammalearn_core.settings.ref import Ref

Checker = Callable[[str, object], Iterator[Problem]]


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


__all__ = [
    "Checker",
    "component",
    "components",
    "data",
    "fraction",
    "handlers",
    "metrics",
    "name",
    "named_components",
    "text",
    "texts",
    "whole",
]
