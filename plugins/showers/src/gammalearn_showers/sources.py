"""`sources_digest`: what stands for the plug-in's own code."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

SIMULATION = ("physics", "simulator.py")
"""What decides what a shower looks like."""
COMPILED = ("compiled.py", "dl1", *SIMULATION)
"""What has loops that are compiled, and the constants in them."""


@cache
def sources_digest(names: tuple[str, ...]) -> str:
    """16 hexadecimal digits that stand for files and folders of the package, by their content."""
    digest = hashlib.sha256()
    for name in names:
        for part in _below(files("gammalearn_showers") / name):
            digest.update(part.name.encode() + part.read_bytes())
    return digest.hexdigest()[:16]


def _below(part: Traversable) -> Iterator[Traversable]:
    if part.is_file():
        yield part
        return
    for below in sorted(part.iterdir(), key=lambda p: p.name):
        if below.is_dir() and below.name != "__pycache__":
            yield from _below(below)
        elif below.name.endswith((".py", ".csv")):
            yield below


__all__ = ["COMPILED", "SIMULATION", "sources_digest"]
