"""Which reference curves are drawn."""

from __future__ import annotations

from collections.abc import Sequence

from gammalearn_core import Problem
from gammalearn_irf.reference import ReferenceCurve
from gammalearn_irf.reference import curves
from gammalearn_irf.reference import names


def chosen_curves(wanted: Sequence[str] | None) -> tuple[list[ReferenceCurve], list[Problem]]:
    """Curves of the sets of these names, all by default; and names that are not known.

    Examples
    --------
    >>> found, wrong = chosen_curves(["LST-1 Hillas+RF", "LST-2"])
    >>> {curve.name for curve in found}, [problem.where for problem in wrong]
    ({'LST-1 Hillas+RF'}, ['references'])
    """
    if wanted is None:
        return list(curves()), []
    hint = f"one of {', '.join(map(repr, names()))}"
    wrong = [Problem("references", f"{name!r} is not known", hint) for name in wanted if name not in names()]
    return [curve for curve in curves() if curve.name in wanted], wrong


__all__ = ["chosen_curves"]
