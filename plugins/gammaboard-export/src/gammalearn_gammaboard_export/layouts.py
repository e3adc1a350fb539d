"""The layouts that GammaBoard reads. Light, so that the command can tell what is wrong at once."""

from __future__ import annotations

from collections.abc import Sequence

from gammalearn_core import Problem

LAYOUTS = ("gammalearn", "lstchain")
"""The first is the default."""


def layout_problems(layout: str) -> Sequence[Problem]:
    """What is wrong with a choice.

    Examples
    --------
    >>> [problem.what for problem in layout_problems("ctapipe")]
    ["'ctapipe' is not a layout of GammaBoard"]
    """
    if layout in LAYOUTS:
        return []
    return [Problem("layout", f"{layout!r} is not a layout of GammaBoard", " or ".join(LAYOUTS))]


__all__ = ["LAYOUTS", "layout_problems"]
