"""Curves of instruments and requirements to compare with, each with its version and citation. Imports nothing heavy."""

from __future__ import annotations

import json
from functools import cache
from importlib import resources

from gammalearn_irf.reference.curve import QUANTITIES
from gammalearn_irf.reference.curve import ReferenceCurve


@cache
def curves() -> tuple[ReferenceCurve, ...]:
    """Every curve, by name of the set and then in the order of the set.

    Examples
    --------
    >>> sorted({curve.name for curve in curves()})[0]
    'CTA performance North'
    """
    folder = resources.files(__package__) / "curves"
    files = [path for path in folder.iterdir() if path.name.endswith(".json")]
    found = [c for path in files for c in ReferenceCurve.of_set(json.loads(path.read_text(encoding="utf-8")))]
    return tuple(sorted(found, key=lambda curve: curve.name))


def names() -> tuple[str, ...]:
    """Of the sets of curves.

    Examples
    --------
    >>> names()[-1]
    'LST-1 Hillas+RF'
    """
    return tuple(dict.fromkeys(curve.name for curve in curves()))


__all__ = ["QUANTITIES", "ReferenceCurve", "curves", "names"]
