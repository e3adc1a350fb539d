"""Charts that other reports leave in the run folder: ``RUN/<folder>/charts.json``.

A plug-in that writes one needs nothing of this package: the file holds what `gammalearn_core.reporting.charts.plain`
gives. A chart whose ``id`` is that of a chart of the page adds its series to that one: reference curves, say. All
others are put under their own headings.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attrs import evolve

from gammalearn_core.errors import DataError
from gammalearn_core.reporting.charts import Chart
from gammalearn_core.reporting.charts import Matrix
from gammalearn_core.reporting.charts import Series

FILE = "charts.json"
SCHEMA = 1
_TEXTS = ("id", "section", "title", "x_label", "y_label", "note", "definition", "group", "value_label")
_SWITCHES = ("x_log", "y_log", "diagonal")
_LISTS = ("x", "y", "y_low", "y_high", "n", "edges")
_UNSAFE = re.compile(r"[^\w-]+", re.ASCII)
_LARGEST = 2_000_000
"""Bytes; a page must stay small."""


def others(run: Path) -> list[Chart | Matrix]:
    """Charts of all such files of a run folder, in the order of their folders' names.

    Raises
    ------
    DataError
        A file is damaged, too large, or holds something else.
    """
    return [item for path in sorted(run.glob(f"*/{FILE}")) for item in read_charts(path)]


def read_charts(path: Path) -> list[Chart | Matrix]:
    """Charts of one file.

    Raises
    ------
    DataError
        It is damaged, too large, or holds something else.
    """
    try:
        if path.stat().st_size > _LARGEST:
            raise DataError(f"{path} has more than {_LARGEST} bytes, which is too much for a page")
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["schema"] != SCHEMA:
            raise DataError(f"{path} has schema {content['schema']!r}; this version reads schema {SCHEMA}")
        return [_item(told) for told in content["charts"]]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        what = error.strerror if isinstance(error, OSError) else f"{type(error).__name__}: {error}"
        raise DataError(f"{path} does not hold charts ({what}); delete it, or let its report write it again") from error


def _item(told: Mapping[str, Any]) -> Chart | Matrix:
    kept: dict[str, Any] = {name: str(told[name]) for name in _TEXTS if name in told}
    kept |= {name: bool(told[name]) for name in _SWITCHES if name in told}
    kept["id"] = _UNSAFE.sub("_", kept["id"])[:80] or "chart"
    if told.get("matrix"):
        kept |= {name: _numbers(told[name]) for name in ("x_edges", "y_edges")}
        kept |= {"n": _numbers(told["n"])} if told.get("n") is not None else {}
        return Matrix(**kept, counts=[_numbers(row) for row in told["counts"]])
    series = [_series(one) for one in told["series"]]
    marks = [(float(x), str(text)) for x, text in told.get("x_marks", ())]
    return Chart(
        **{n: v for n, v in kept.items() if n not in ("value_label", "diagonal")}, series=series, x_marks=marks
    )


def _series(told: Mapping[str, Any]) -> Series:
    lists: dict[str, Any] = {name: _numbers(told[name]) for name in _LISTS if told.get(name) is not None}
    return Series(label=str(told["label"]), kind=told.get("kind", "points"), **lists)


def _numbers(values: Iterable[object]) -> list[float]:
    return [math.nan if value is None else float(value) for value in values]  # type: ignore[arg-type]


def joined(own: Iterable[Chart | Matrix], added: Iterable[Chart | Matrix]) -> list[Chart | Matrix]:
    """Own charts with the series of others that have their ``id``, then the rest of the others.

    Examples
    --------
    >>> told = {"section": "s", "title": "t", "x_label": "x", "y_label": "y"}
    >>> own, reference, more = (
    ...     Chart(id=id, series=[Series(label, [1], [1])], **told)
    ...     for id, label in (("a", "own"), ("a", "reference"), ("b", "more"))
    ... )
    >>> [[s.label for s in c.series] for c in joined([own], [reference, more])]
    [['own', 'reference'], ['more']]
    """
    found = {item.id: item for item in own}
    rest: list[Chart | Matrix] = []
    for item in added:
        mine = found.get(item.id)
        if isinstance(mine, Chart) and isinstance(item, Chart):
            notes = "; ".join(dict.fromkeys(filter(None, (mine.note, item.note))))
            found[item.id] = evolve(mine, series=[*mine.series, *item.series], note=notes)
        else:
            rest.append(item)
    return [*found.values(), *rest]


__all__ = ["FILE", "SCHEMA", "joined", "others", "read_charts"]
