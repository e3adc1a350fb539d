"""The names that core and plug-ins agree on."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from typing import Final

import pluggy

NAME: Final = "gammalearn"
"""pluggy's project name."""
GROUP: Final = "gammalearn_core.plugins"
"""The entry-point group in which a distribution declares its plug-in."""
API_VERSION: Final = (1, 0)
"""Major grows when something is removed or changes meaning, minor when something is added."""
CORE: Final = "core"
LOCAL: Final = "local"
"""The plug-in made of the hooks that a settings file implements."""
KINDS: Final = {
    "loader": "loaders",
    "filter": "filters",
    "transform": "transforms",
    "target": "targets",
    "network": "networks",
    "loss": "losses",
    "optimizer": "optimizers",
    "metric": "metrics",
    "handler": "handlers",
    "report": "reports",
    "command": "commands",
}
"""Singular (records) to plural (hooks): ``gammalearn_<plural>``."""
IDENTIFIER: Final = re.compile(r"[a-z][a-z0-9_]*")

hookspec = pluggy.HookspecMarker(NAME)
hookimpl = pluggy.HookimplMarker(NAME)


def suggest(word: str, known: Iterable[str]) -> str:
    """'did you mean …?' for a misspelt word, or an empty string.

    Examples
    --------
    >>> suggest("epoch", ["epochs", "seed"])
    "did you mean 'epochs'?"
    >>> suggest("zzz", ["epochs"])
    ''
    """
    close = difflib.get_close_matches(word, list(known), n=3)
    return f"did you mean {' or '.join(map(repr, close))}?" if close else ""


def api_text(version: tuple[int, int] = API_VERSION) -> str:
    """A version pair as people write it."""
    return ".".join(map(str, version))


__all__ = [
    "API_VERSION",
    "CORE",
    "GROUP",
    "IDENTIFIER",
    "KINDS",
    "LOCAL",
    "NAME",
    "api_text",
    "hookimpl",
    "hookspec",
    "suggest",
]
