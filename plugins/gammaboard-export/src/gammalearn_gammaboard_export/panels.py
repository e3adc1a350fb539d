"""Which figures of ctaplot there are, and what they need. Light: ctaplot takes seconds to import."""

from __future__ import annotations

from collections.abc import Sequence

from gammalearn_core import Problem

PANELS: dict[str, tuple[str, ...]] = {
    "angular_resolution": ("direction",),
    "effective_area": (),
    "energy_bias": ("energy",),
    "energy_resolution": ("energy",),
    "gammaness": ("gammaness",),
    "impact_resolution": ("impact",),
    "migration_matrix": ("energy",),
    "roc": ("gammaness",),
    "theta2": ("direction",),
}
"""By name: what the run must predict."""
SITES = ("north", "south")


def panel_problems(figures: Sequence[str] | None, site: str | None) -> list[Problem]:
    """What is wrong with a choice.

    Examples
    --------
    >>> [problem.what for problem in panel_problems(["rock"], "moon")]
    ["'rock' is no figure", "'moon' is no site of CTA"]
    """
    problems = []
    if isinstance(figures, str):
        problems.append(Problem("figures", f"expected a list of names, got {figures!r}", f"[{figures!r}]"))
    else:
        wrong = [name for name in figures or () if name not in PANELS]
        problems += [Problem("figures", f"{name!r} is no figure", f"one of {', '.join(PANELS)}") for name in wrong]
    if site is not None and site not in SITES:
        problems.append(Problem("site", f"{site!r} is no site of CTA", " or ".join(SITES)))
    return problems


__all__ = ["PANELS", "SITES", "panel_problems"]
