"""Charts of several runs as one: each series belongs to a run, and references are there once."""

from __future__ import annotations

import re
from collections.abc import Sequence

from attrs import evolve

from gammalearn_core.reporting.charts import Chart
from gammalearn_core.reporting.charts import Matrix
from gammalearn_core.reporting.training import SECTION as LEARNING_CURVES

_COUNT = re.compile(r" \(\d+\)$")
"""Numbers of samples in labels, which differ from run to run."""
_FIRST = "validation"
"""The label that learning curves begin with, since runs are compared by it."""


def merged(runs: Sequence[Sequence[Chart | Matrix]], labels: Sequence[str]) -> list[Chart | Matrix]:
    """One chart for each ``id``, in the order in which they appear; matrices stay one a run.

    Parameters
    ----------
    runs : sequence of sequence of Chart or Matrix
        Of each run.
    labels : sequence of str
        Of the runs.

    Examples
    --------
    >>> told = {"id": "auc", "section": "s", "title": "t", "x_label": "x", "y_label": "y"}
    >>> from gammalearn_core.reporting.charts import Series
    >>> runs = [[Chart(series=[Series("AUC (12)", [1], [value])], **told)] for value in (0.8, 0.9)]
    >>> [(s.label, s.run, s.y) for s in merged(runs, ["a", "b"])[0].series]
    [('AUC', 0, (0.8,)), ('AUC', 1, (0.9,))]
    """
    charts: dict[str, list[tuple[int, Chart]]] = {}
    found: dict[str, list[Chart | Matrix]] = {}
    for number, items in enumerate(runs):
        for item in items:
            if isinstance(item, Matrix):
                own = evolve(item, id=f"{item.id}_run{number + 1}", title=f"{item.title}: {labels[number]}", run=number)
                found.setdefault(item.id, []).append(own)
            else:
                charts.setdefault(item.id, []).append((number, item))
                found.setdefault(item.id, [])
    for id, members in charts.items():
        found[id].insert(0, _one(members))
    return [item for items in found.values() for item in items]


def _one(members: Sequence[tuple[int, Chart]]) -> Chart:
    first = members[0][1]
    all_series = [evolve(s, run=n, label=_COUNT.sub("", s.label)) for n, c in members for s in c.series]
    if first.section == LEARNING_CURVES:
        all_series.sort(key=lambda s: s.label != _FIRST)
    measured = [s for s in all_series if s.kind != "reference"]
    references = [s for s in all_series if s.kind == "reference"]
    # What is the same for all runs belongs to none of them, and is drawn once.
    common = {s.label: evolve(s, run=None) for s in references}
    differing = {s.label for s in references if evolve(s, run=None) != common[s.label]}
    kept = [s for s in references if s.label in differing]
    kept += [s for label, s in common.items() if label not in differing]
    notes = {c.note for _, c in members}
    return evolve(
        first,
        series=[*measured, *kept],
        note=first.note if len(notes) == 1 else "",
        definition="; ".join(dict.fromkeys(c.definition for _, c in members if c.definition)),
        y_log=any(c.y_log for _, c in members),
        x_marks=(),
    )


__all__ = ["merged"]
