"""Charts as files, by matplotlib: the same bytes for the same chart, whatever the user's matplotlibrc says."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter
from matplotlib.ticker import LogLocator
from matplotlib.ticker import MaxNLocator
from matplotlib.ticker import NullFormatter

from gammalearn_core.errors import Problem
from gammalearn_core.errors import SettingsError
from gammalearn_core.reporting.charts import FEW
from gammalearn_core.reporting.charts import Chart
from gammalearn_core.reporting.charts import Matrix
from gammalearn_core.reporting.charts import Series

INK, QUIET, LINE, PAPER = "#24292f", "#57606a", "#d8dee4", "#ffffff"
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#b8568f", "#e69f00", "#56b4e9", "#6b4fa0", "#5f6a72")
"""After Okabe and Ito (2008), which the colour-blind can tell apart; the page has the same."""
MARKERS = ("o", "s", "^", "D", "P", "*", "v")
_DASHES: tuple[Any, ...] = ("-", (0, (5, 2)), (0, (2, 2)), (0, (6, 2, 2, 2)))
_SIZE = (5.2, 3.5)
_MANY = 30
"""With more points than this, markers would hide a line."""
_LABEL = 60
"""Characters of a label."""
_BESIDE = 5
"""With more series than this, the legend stands beside the axes."""
_METADATA: dict[str, dict[str, None]] = {
    "svg": dict.fromkeys(("Creator", "Date", "Format", "Type")),
    "png": {"Software": None},
    "pdf": {"Creator": None, "Producer": None, "CreationDate": None},
}
_STYLE = {
    "axes.axisbelow": True,
    "axes.edgecolor": QUIET,
    "axes.grid": True,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.8,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 10.5,
    "axes.titleweight": "bold",
    "figure.facecolor": PAPER,
    "font.size": 9.5,
    "grid.color": LINE,
    "grid.linewidth": 0.7,
    "legend.fontsize": 8.5,
    "legend.frameon": False,
    "savefig.facecolor": PAPER,
    "svg.fonttype": "none",
    "text.color": INK,
    "text.parse_math": False,
    "xtick.color": QUIET,
    "xtick.labelcolor": INK,
    "ytick.color": QUIET,
    "ytick.labelcolor": INK,
}


def write_figures(folder: Path, items: Iterable[Chart | Matrix], ending: str, runs: tuple[str, ...] = ()) -> list[Path]:
    """A file a chart, ``<id>.<ending>``; each is whole or as it was.

    Parameters
    ----------
    folder : Path
        Made if it is not there.
    items : iterable of Chart or Matrix
    ending : {"svg", "png", "pdf"}
    runs : tuple of str
        Labels of the runs of a comparison.

    Raises
    ------
    SettingsError
        Nothing can be written there.
    """
    written = []
    try:
        for item in items:
            folder.mkdir(parents=True, exist_ok=True)
            written.append(_write(folder / f"{item.id}.{ending}", item, ending, runs))
    except OSError as error:
        what = f"{folder} cannot be written: {error.strerror or error}"
        raise SettingsError([Problem("", what, "free space, or name another folder")]) from error
    return written


def _write(path: Path, item: Chart | Matrix, ending: str, runs: tuple[str, ...]) -> Path:
    part = path.with_name(f".{path.name}.part")
    try:
        with _styled(item.id):
            figure = _draw(item, runs)
            figure.savefig(part, format=ending, dpi=130, metadata=_METADATA[ending])
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    return path


@contextmanager
def _styled(salt: str) -> Iterator[None]:
    with style.context(["default", {**_STYLE, "svg.hashsalt": salt}]), warnings.catch_warnings():
        # The browser has glyphs that matplotlib's font lacks.
        warnings.filterwarnings("ignore", message="Glyph .* missing from", category=UserWarning)
        yield


def _draw(item: Chart | Matrix, runs: tuple[str, ...]) -> Figure:
    # Places are given, since finding them takes ten times as long as drawing.
    many = isinstance(item, Chart) and len(item.series) > _BESIDE
    figure = Figure(figsize=_SIZE)
    axes = figure.add_axes((0.135, 0.14, 0.53 if many else 0.83, 0.76))
    if isinstance(item, Matrix):
        _matrix(figure, axes, item)
    else:
        _chart(axes, item, runs)
    axes.set_title(_short(item.title))
    axes.set_xlabel(_short(item.x_label))
    axes.set_ylabel(_short(item.y_label))
    return figure


def _chart(axes: Axes, item: Chart, runs: tuple[str, ...]) -> None:
    _scale(axes, "x", log=item.x_log)
    _scale(axes, "y", log=item.y_log)
    if item.section == "Learning curves":
        axes.xaxis.set_major_locator(MaxNLocator(nbins=8, integer=True, min_n_ticks=1))
    points = [s for s in item.series if s.kind == "points"]
    for number, series in enumerate(item.series):
        place = points.index(series) - (len(points) - 1) / 2 if series in points else 0
        _series(axes, item, series, _look(item, number), _label(series, runs), place if len(points) > 1 else 0)
    for x, told in item.x_marks:
        axes.axvline(x, color=QUIET, linewidth=1.1, linestyle=(0, (2, 2)), zorder=1, label=_short(told))
    if len(item.series) + len(item.x_marks) > 1:
        beside: dict[str, Any] = {"loc": "center left", "bbox_to_anchor": (1.0, 0.5), "fontsize": 7}
        axes.legend(**(beside if len(item.series) > _BESIDE else {"loc": "best"}))


def _look(item: Chart, number: int) -> dict[str, Any]:
    series = item.series[number]
    if series.kind == "reference":
        others = [i for i, s in enumerate(item.series) if s.kind == "reference"]
        return {"color": QUIET, "linestyle": _DASHES[1 + others.index(number) % 3], "marker": ""}
    labels = list(dict.fromkeys(s.label for s in item.series if s.kind != "reference"))
    own = number if series.run is None else series.run
    kind = labels.index(series.label) if series.run is not None and len(labels) > 1 else own
    turn = kind if series.run is not None and len(labels) > 1 else own // len(COLOURS)
    return {
        "color": COLOURS[own % len(COLOURS)],
        "marker": MARKERS[kind % len(MARKERS)],
        "linestyle": _DASHES[turn % len(_DASHES)],
    }


def _label(series: Series, runs: tuple[str, ...]) -> str:
    run = "" if series.run is None or not runs else runs[series.run]
    return _short(": ".join(filter(None, (run, series.label))))


def _series(axes: Axes, item: Chart, series: Series, look: dict[str, Any], label: str, place: float) -> None:
    x, y = np.array(series.x), _shown(series.y, log=item.y_log)
    if series.kind == "steps":
        axes.stairs(y, x, color=look["color"], linestyle=look["linestyle"], linewidth=1.5, label=label, baseline=None)
        x = np.sqrt(x[:-1] * x[1:]) if item.x_log and x[0] > 0 else (x[:-1] + x[1:]) / 2
    elif series.kind != "points":
        axes.plot(x, y, color=look["color"], linestyle=look["linestyle"], linewidth=1.5, label=label)
    x = x * 1.03**place if item.x_log else x + 0.012 * place * np.ptp(x) if len(x) else x
    _bars(axes, item, series, x, y, look["color"])
    few = np.array([n < FEW for n in series.n]) if series.n is not None else np.zeros(len(y), dtype=bool)
    marked = np.isfinite(y) & (few if series.kind == "steps" else np.ones(len(y), dtype=bool))
    if series.kind == "reference" or (series.kind == "line" and len(y) > _MANY):
        marked &= few | _alone(y)
    size = 5.0 if series.kind == "points" else 3.6
    told = label if series.kind == "points" else ""
    for hollow in (False, True):
        chosen = marked & (few == hollow)
        if chosen.any():
            axes.plot(
                x[chosen],
                y[chosen],
                linestyle="none",
                marker=look["marker"] or "o",
                color=look["color"],
                markersize=size,
                markerfacecolor=PAPER if hollow else look["color"],
                label=told,
                zorder=3,
            )
            told = ""


def _bars(axes: Axes, item: Chart, series: Series, x: Any, y: Any, colour: str) -> None:
    """Intervals; an end that is not known is where the value is."""
    if series.y_low is None and series.y_high is None:
        return
    nothing = (math.nan,) * len(y)
    low, high = (_shown(ends or nothing, log=item.y_log) for ends in (series.y_low, series.y_high))
    for at, value, bottom, top in zip(x, y, low, high, strict=True):
        if math.isfinite(value) and (math.isfinite(bottom) or math.isfinite(top)):
            ends = [bottom if math.isfinite(bottom) else value, top if math.isfinite(top) else value]
            axes.plot([at, at], ends, color=colour, linewidth=1.2, zorder=2)


def _alone(y: Any) -> Any:
    """Values without a neighbour, which no line shows."""
    gap = np.concatenate([[True], ~np.isfinite(y), [True]])
    return gap[:-2] & gap[2:]


def _shown(values: Iterable[float], *, log: bool) -> Any:
    found = np.array(list(values), dtype=np.float64)
    found[~np.isfinite(found) | ((found <= 0) & log)] = np.nan
    return found


def _matrix(figure: Figure, axes: Axes, item: Matrix) -> None:
    _scale(axes, "x", log=item.x_log)
    _scale(axes, "y", log=item.y_log)
    values = np.array(item.counts)
    shown = np.ma.masked_where(~(np.nan_to_num(values) > 0), values)
    x, y = np.array(item.x_edges), np.array(item.y_edges)
    mesh = axes.pcolormesh(x, y, shown, cmap="viridis", vmin=0, rasterized=False)
    rows, columns = np.nonzero(~np.ma.getmaskarray(shown))
    if len(rows):
        axes.set_xlim(x[columns.min()], x[columns.max() + 1])
        axes.set_ylim(y[rows.min()], y[rows.max() + 1])
    if item.diagonal:
        ends = [max(x[0], y[0]), min(x[-1], y[-1])]
        axes.plot(ends, ends, color=COLOURS[1], linestyle=(0, (4, 2)), linewidth=1.2)
    if item.n is not None:
        few = [math.sqrt(a * b) if item.x_log else (a + b) / 2 for a, b in pairwise(item.x_edges)]
        at = [m for m, n in zip(few, item.n, strict=True) if 0 < n < FEW]
        transform = axes.get_xaxis_transform()
        look: dict[str, Any] = {"color": QUIET, "markerfacecolor": PAPER, "markersize": 3.5, "clip_on": False}
        axes.plot(at, [1.02] * len(at), "o", transform=transform, **look)
    axes.set_position((0.135, 0.14, 0.66, 0.76))
    figure.colorbar(mesh, cax=figure.add_axes((0.83, 0.14, 0.03, 0.76)), label=_short(item.value_label))


def _scale(axes: Axes, name: str, *, log: bool) -> None:
    axis = getattr(axes, f"{name}axis")
    if log:
        getattr(axes, f"set_{name}scale")("log", nonpositive="mask")
        axis.set_major_locator(LogLocator(numticks=8))
        axis.set_minor_formatter(NullFormatter())
    axis.set_major_formatter(FuncFormatter(_tick))


def _tick(value: float, position: object = None) -> str:
    """The number of a tick.

    Examples
    --------
    >>> _tick(-0.30000000000000004), _tick(0.00002), _tick(1500000.0)
    ('−0.3', '2e−5', '1.5e6')
    """
    text = f"{value:.6e}" if 0 < abs(value) < 1e-3 or abs(value) >= 1e5 else f"{value:.6g}"
    mantissa, e, exponent = text.partition("e")
    if e:
        text = f"{float(mantissa):g}e{int(exponent)}"
    return text.replace("-", "−")


def _short(label: str) -> str:
    """A label that fits, without what SVG cannot hold."""
    text = "".join(c for c in label if c.isprintable())
    return text if len(text) <= _LABEL else f"{text[: _LABEL - 1]}…"


__all__ = ["COLOURS", "write_figures"]
