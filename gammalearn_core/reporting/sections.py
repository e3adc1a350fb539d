"""Sections of a page: figures under headings, with the numbers that belong to them and what is missing."""

from __future__ import annotations

import re
from collections.abc import Iterable
from collections.abc import Sequence

from attrs import define
from attrs import evolve
from attrs import field
from attrs import frozen

from gammalearn_core.reporting.charts import Chart
from gammalearn_core.reporting.charts import Matrix
from gammalearn_core.reporting.measured import BY_ENERGY
from gammalearn_core.reporting.measured import BY_TELESCOPES
from gammalearn_core.reporting.measured import ENERGIES
from gammalearn_core.reporting.measured import PARTICLES
from gammalearn_core.reporting.numbers import EstimateRow
from gammalearn_core.reporting.numbers import estimate_row
from gammalearn_core.reporting.studies import Missing
from gammalearn_core.reporting.studies import Number
from gammalearn_core.reporting.training import SECTION as LEARNING_CURVES

_FIRST = (BY_ENERGY, BY_TELESCOPES, PARTICLES, ENERGIES)
"""These sections stand first, in this order; others follow as they appear."""
_SLUG = re.compile(r"[^a-z0-9]+")


@frozen
class Figure:
    """A figure and the number of its data in the page."""

    number: int
    item: Chart | Matrix


@define
class Section:
    """What stands under one heading.

    Attributes
    ----------
    title, id : str
    groups : dict of str to list of Figure
        Figures by the heading below that of the section; empty if there is none.
    numbers : list of Number
    missing : list of Missing
    """

    title: str
    id: str
    groups: dict[str, list[Figure]] = field(factory=dict)
    numbers: list[Number] = field(factory=list)
    missing: list[Missing] = field(factory=list)

    @property
    def rows(self) -> list[EstimateRow]:
        """Numbers as they are shown."""
        return [
            estimate_row(n.title, value=n.value, low=n.low, high=n.high, n=n.n, unit=n.unit, definition=n.definition)
            for n in self.numbers
        ]

    @property
    def reasons(self) -> list[tuple[str, str]]:
        """Reason, and what it is missing for, each reason once."""
        found: dict[str, list[str]] = {}
        for missing in self.missing:
            found.setdefault(missing.reason, []).append(missing.title)
        named = {reason: dict.fromkeys(t for t in titles if t != self.title) for reason, titles in found.items()}
        return [(reason, ", ".join(titles)) for reason, titles in named.items()]


@frozen
class Arranged:
    """All figures in the order of their numbers, and the sections that they are in.

    Attributes
    ----------
    items : tuple of Chart or Matrix
    sections : list of Section
        But the learning curves.
    curves : Section
        Learning curves.
    """

    items: tuple[Chart | Matrix, ...]
    sections: list[Section]
    curves: Section


def arrange(
    items: Iterable[Chart | Matrix], numbers: Sequence[Number] = (), missing: Sequence[Missing] = ()
) -> Arranged:
    """Put figures, numbers and reasons under their headings; what shows nothing is left out.

    Two items with the same ``id`` get different ones, since it names their files.
    """
    shown = _with_own_ids(item for item in items if not item.empty)
    titles = [*(i.section for i in shown), *(n.section for n in numbers), *(m.section for m in missing)]
    known = dict.fromkeys([t for t in _FIRST if t in titles] + [t for t in titles if t != LEARNING_CURVES])
    ids: set[str] = {"numbers", "events", "curves", "data", "settings", "provenance", "further"}
    sections = {title: Section(title, _slug(title, ids)) for title in known}
    curves = Section(LEARNING_CURVES, "curves")
    ordered: list[Chart | Matrix] = []
    for title, section in [*sections.items(), (LEARNING_CURVES, curves)]:
        for item in shown:
            if item.section == title:
                section.groups.setdefault(item.group, []).append(Figure(len(ordered), item))
                ordered.append(item)
        section.numbers += [n for n in numbers if n.section == title]
        section.missing += [m for m in missing if m.section == title]
    return Arranged(tuple(ordered), list(sections.values()), curves)


def _with_own_ids(items: Iterable[Chart | Matrix]) -> list[Chart | Matrix]:
    taken: set[str] = set()
    found = []
    for item in items:
        id = item.id
        while id.lower() in taken:
            id += "_"
        taken.add(id.lower())
        found.append(item if id == item.id else evolve(item, id=id))
    return found


def _slug(title: str, taken: set[str]) -> str:
    slug = _SLUG.sub("-", title.lower()).strip("-") or "section"
    while slug in taken:
        slug += "-"
    taken.add(slug)
    return slug


__all__ = ["Arranged", "Figure", "Section", "arrange"]
