"""What the figures of a page show: plain numbers and words, without any drawing.

A NaN is a gap: nothing was measured there. What is of fewer samples than `FEW` is marked by those who draw it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from itertools import pairwise
from typing import Any
from typing import Literal
from typing import get_args

from attrs import Attribute
from attrs import field
from attrs import frozen
from attrs import validators

FEW = 10
"""A number of fewer samples than this means nothing."""

Kind = Literal["points", "steps", "line", "reference"]
"""``points`` have intervals, ``steps`` are bins of a histogram, a ``reference`` was measured by others."""

Numbers = tuple[float, ...]


def _numbers(values: Iterable[float]) -> Numbers:
    return tuple(float(v) for v in values)


def _optional(values: Iterable[float] | None) -> Numbers | None:
    return None if values is None else _numbers(values)


def _rows(values: Iterable[Iterable[float]]) -> tuple[Numbers, ...]:
    return tuple(_numbers(row) for row in values)


def _series(values: Iterable[Series]) -> tuple[Series, ...]:
    return tuple(values)


def _marks(values: Iterable[tuple[float, str]]) -> tuple[tuple[float, str], ...]:
    return tuple((float(x), str(told)) for x, told in values)


def _increasing(owner: object, attribute: Attribute[Any], value: Sequence[float]) -> None:
    if len(value) < 2 or any(not low < high for low, high in pairwise(value)):
        raise ValueError(f"{attribute.name} must be two numbers at least, each above the one before, not {value!r}")


@frozen
class Series:
    """One curve of a chart.

    Attributes
    ----------
    label : str
        For the legend.
    x : sequence of float
        Centres; of ``steps`` the edges of the bins, one more than ``y``.
    y : sequence of float
        NaN is a gap.
    y_low, y_high : sequence of float, optional
        Ends of the intervals; NaN where there is none.
    n : sequence of float, optional
        Samples that each value is of.
    kind : {"points", "steps", "line", "reference"}
    edges : sequence of float, optional
        Edges of the bins of ``points``, one more than ``y``.
    run : int, optional
        In a comparison, number of the run that it is of.

    Examples
    --------
    >>> Series("gamma", [0.0, 0.5, 1.0], [3, float("nan")], kind="steps").y
    (3.0, nan)
    >>> Series("gamma", [0.0, 0.5], [3], kind="points")
    Traceback (most recent call last):
        ...
    ValueError: series 'gamma': x has 2 numbers, not 1
    """

    label: str
    x: Numbers = field(converter=_numbers)
    y: Numbers = field(converter=_numbers)
    y_low: Numbers | None = field(default=None, converter=_optional)
    y_high: Numbers | None = field(default=None, converter=_optional)
    n: Numbers | None = field(default=None, converter=_optional)
    kind: Kind = field(default="points", validator=validators.in_(get_args(Kind)))
    edges: Numbers | None = field(default=None, converter=_optional)
    run: int | None = None

    def __attrs_post_init__(self) -> None:
        n = len(self.y)
        sizes = {
            "x": (self.x, n + (self.kind == "steps")),
            "y_low": (self.y_low, n),
            "y_high": (self.y_high, n),
            "n": (self.n, n),
            "edges": (self.edges, n + 1),
        }
        for name, (values, expected) in sizes.items():
            if values is not None and len(values) != expected:
                raise ValueError(f"series {self.label!r}: {name} has {len(values)} numbers, not {expected}")

    @property
    def empty(self) -> bool:
        """Whether there is no value at all."""
        return not any(math.isfinite(v) for v in self.y)


@frozen(kw_only=True)
class Chart:
    """Curves over one axis.

    Attributes
    ----------
    id : str
        Unique in the page: name of its files and of its data.
    section : str
        Heading that it is put under.
    title : str
    x_label, y_label : str
        With units: ``true energy [TeV]``.
    series : sequence of Series
    x_log, y_log : bool
        Scales that it is first shown with.
    note : str
        What a reader must know before he trusts it: cuts, weights, what is missing.
    definition : str
        What is measured, in one sentence.
    x_marks : sequence of (float, str)
        Upright lines and what they are, such as the best epoch.
    group : str
        A heading below that of the section, if there is one.
    """

    id: str
    section: str
    title: str
    x_label: str
    y_label: str
    series: tuple[Series, ...] = field(converter=_series)
    x_log: bool = False
    y_log: bool = False
    note: str = ""
    definition: str = ""
    x_marks: tuple[tuple[float, str], ...] = field(default=(), converter=_marks)
    group: str = ""

    @property
    def empty(self) -> bool:
        """Whether no series has a value."""
        return all(s.empty for s in self.series)


@frozen(kw_only=True)
class Matrix:
    """Numbers in two dimensions, such as a migration matrix.

    Attributes
    ----------
    id, section, group, title, x_label, y_label, note, definition : str
        As in `Chart`.
    x_edges, y_edges : sequence of float
        Edges of the bins.
    counts : sequence of sequence of float
        A row for each bin of y, of a number for each bin of x; NaN is a gap.
    n : sequence of float, optional
        Samples of each column (bin of x), which is marked if they are few.
    value_label : str
        What the numbers are: ``share of the column``.
    x_log, y_log : bool
        Scales of the axes.
    diagonal : bool
        Whether x = y is where a perfect prediction is.
    run : int, optional
        In a comparison, number of the run that it is of.
    """

    id: str
    section: str
    title: str
    x_label: str
    y_label: str
    x_edges: Numbers = field(converter=_numbers, validator=_increasing)
    y_edges: Numbers = field(converter=_numbers, validator=_increasing)
    counts: tuple[Numbers, ...] = field(converter=_rows)
    n: Numbers | None = field(default=None, converter=_optional)
    value_label: str = "samples"
    x_log: bool = False
    y_log: bool = False
    diagonal: bool = False
    note: str = ""
    definition: str = ""
    group: str = ""
    run: int | None = None

    def __attrs_post_init__(self) -> None:
        rows, columns = len(self.y_edges) - 1, len(self.x_edges) - 1
        if len(self.counts) != rows or any(len(row) != columns for row in self.counts):
            raise ValueError(f"matrix {self.id!r}: counts must be {rows} rows of {columns} numbers")
        if self.n is not None and len(self.n) != columns:
            raise ValueError(f"matrix {self.id!r}: n has {len(self.n)} numbers, not {columns}")

    @property
    def empty(self) -> bool:
        """Whether there is no number at all."""
        return not any(math.isfinite(v) for row in self.counts for v in row)


def plain(item: Chart | Matrix | Series) -> dict[str, Any]:
    """A chart or matrix for JSON: `None` for what is not finite, six digits, nothing that is left at its default.

    Examples
    --------
    >>> plain(Series("a", [1 / 3], [float("nan")]))
    {'label': 'a', 'x': [0.333333], 'y': [None], 'kind': 'points'}
    """
    told = {"matrix": True} if isinstance(item, Matrix) else {}
    return told | _members(item)


def _members(item: Any) -> dict[str, Any]:
    values = ((a, getattr(item, a.name)) for a in item.__attrs_attrs__)
    return {a.name: _plain(v) for a, v in values if a.name == "kind" or v != a.default}


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return digits(value)
    if isinstance(value, Series):
        return _members(value)
    if isinstance(value, tuple):
        return [_plain(v) for v in value]
    return value


def digits(value: float, count: int = 6) -> float | int | None:
    """A number with few digits for JSON; `None` if it is not finite.

    Examples
    --------
    >>> digits(2 / 3), digits(3.0), digits(float("inf"))
    (0.666667, 3, None)
    """
    if not math.isfinite(value):
        return None
    rounded = float(f"{value:.{count}g}")
    return int(rounded) if rounded == int(rounded) and abs(rounded) < 1e15 else rounded


def by_section(items: Iterable[Chart | Matrix]) -> Mapping[str, list[Chart | Matrix]]:
    """Items that show something, by heading, in the order in which headings appear."""
    found: dict[str, list[Chart | Matrix]] = {}
    for item in items:
        if not item.empty:
            found.setdefault(item.section, []).append(item)
    return found


__all__ = ["FEW", "Chart", "Kind", "Matrix", "Series", "by_section", "digits", "plain"]
