"""A panel as SVG, by matplotlib: the same bytes for the same panel, whatever the user's matplotlibrc says."""

from __future__ import annotations

import io
import math
import re
import warnings
from collections.abc import Iterator
from collections.abc import Sequence
from contextlib import contextmanager
from itertools import cycle
from typing import Any

from markupsafe import escape
from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter
from matplotlib.ticker import LogLocator
from matplotlib.ticker import MaxNLocator
from matplotlib.ticker import NullFormatter

from gammalearn_core.builtin.reports.curves import Curve
from gammalearn_core.builtin.reports.curves import Panel

INK, QUIET, LINE, PAPER = "#24292f", "#57606a", "#d8dee4", "#ffffff"
# Okabe and Ito (2008), which the colour-blind can tell apart.
BLUE, VERMILION, GREEN, PURPLE = "#0072b2", "#d55e00", "#009e73", "#cc79a7"
COLOURS = {
    INK: "ink",
    QUIET: "quiet",
    LINE: "line",
    PAPER: "paper",
    BLUE: "blue",
    VERMILION: "vermilion",
    GREEN: "green",
    PURPLE: "purple",
}
"""Names that `inline` gives to colours, so that the page can change them in the dark."""

_SPLITS: dict[str, dict[str, Any]] = {
    "train": {"color": VERMILION, "linestyle": (0, (4, 1.5)), "marker": "s", "markersize": 3.6},
    "validation": {"color": BLUE, "linestyle": "-", "marker": "o", "markersize": 4.4},
}
_OTHER = {"linestyle": "-", "marker": "o", "markersize": 4.0}
_SIZE = (4.1, 2.55)
_AXES = (0.19, 0.175, 0.785, 0.715)
_MANY = 20
"""With more epochs than this, markers would hide the line."""
_LABEL = 32
"""Characters along an axis."""
_STYLE = {
    "axes.edgecolor": QUIET,
    "axes.labelcolor": INK,
    "axes.labelsize": 9.5,
    "axes.linewidth": 0.8,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.axisbelow": True,
    "figure.facecolor": PAPER,
    "font.size": 9,
    "grid.color": LINE,
    "grid.linewidth": 0.7,
    "legend.fontsize": 8.5,
    "lines.linewidth": 1.6,
    "savefig.facecolor": PAPER,
    "svg.fonttype": "none",
    "text.color": INK,
    "text.parse_math": False,
    "xtick.color": QUIET,
    "xtick.labelcolor": INK,
    "ytick.color": QUIET,
    "ytick.labelcolor": INK,
}


def draw(panel: Panel) -> str:
    """The panel as a whole SVG document."""
    with styled(panel.file):
        axes = new_axes()
        _scale(axes, panel)
        colours = cycle((BLUE, VERMILION, GREEN, PURPLE))
        for curve in panel.curves:
            _plot(axes, panel, curve, _SPLITS.get(curve.label) or _OTHER | {"color": next(colours)})
        if panel.best is not None:
            axes.axvline(
                panel.best,
                color=QUIET,
                linewidth=1.1,
                linestyle=(0, (2, 2)),
                zorder=1,
                label=f"best epoch: {panel.best}",
            )
        legend(axes)
        return svg_of(axes)


def new_axes() -> Axes:
    """Axes of a figure of their own."""
    return Figure(figsize=_SIZE).add_axes(_AXES)


def svg_of(axes: Axes) -> str:
    """The figure of these axes as a whole SVG document."""
    figure, stream = axes.figure, io.StringIO()
    assert isinstance(figure, Figure)
    figure.savefig(stream, format="svg", metadata=dict.fromkeys(("Creator", "Date", "Format", "Type")))
    return "".join(f"{line.rstrip()}\n" for line in stream.getvalue().splitlines())


@contextmanager
def styled(salt: str) -> Iterator[None]:
    """What is drawn within looks like all figures of the page; the salt makes its ids."""
    with style.context(["default", {**_STYLE, "svg.hashsalt": salt}]), warnings.catch_warnings():
        # The browser has glyphs that matplotlib's font lacks.
        warnings.filterwarnings("ignore", message="Glyph .* missing from", category=UserWarning)
        yield


def _scale(axes: Axes, panel: Panel) -> None:
    first, last = panel.epochs[0], panel.epochs[-1]
    margin = 0.5 if first == last else 0.03 * (last - first)
    axes.set_xlim(first - margin, last + margin)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=8, integer=True, min_n_ticks=1, steps=[1, 2, 5, 10]))
    axes.set_xlabel("epoch")
    scale_values(axes, panel.label, [v for curve in panel.curves for v in curve.measured], log=panel.log)


def scale_values(axes: Axes, label: str, values: Sequence[float], *, log: bool) -> None:
    """The axis of the values, which has this label."""
    axes.set_ylabel(_short(label))
    axes.yaxis.set_label_coords(-0.185, 0.5)
    axes.grid(axis="y")
    if log:
        axes.set_yscale("log")
        narrow = max(values) / min(values) < 1e3
        axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if narrow else (1.0,), numticks=8))
        axes.yaxis.set_minor_formatter(NullFormatter())
    else:
        axes.yaxis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 5, 10]))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: tick(value)))


def _plot(axes: Axes, panel: Panel, curve: Curve, look: dict[str, Any]) -> None:
    """A line, and markers on it: hollow where a value is of too few samples."""
    axes.plot(panel.epochs, curve.values, color=look["color"], linestyle=look["linestyle"], label=curve.label)
    for hollow in (False, True):
        chosen = [i for i in _marked(curve) if curve.few[i] == hollow]
        axes.plot(
            [panel.epochs[i] for i in chosen],
            [curve.values[i] for i in chosen],
            **look | {"linestyle": "none"},
            markerfacecolor=PAPER if hollow else look["color"],
            markeredgewidth=1.2,
        )


def _marked(curve: Curve) -> list[int]:
    """Points with a marker: all of a short curve; of a long one the hollow ones, and those that no line shows."""
    there = [not math.isnan(v) for v in curve.values]
    around = [False, *there, False]
    alone = [not before and not after for before, after in zip(around, around[2:], strict=False)]
    short = len(there) <= _MANY
    return [i for i, here in enumerate(there) if here and (short or curve.few[i] or alone[i])]


def legend(axes: Axes) -> None:
    """Above the axes, what has a label."""
    handles, labels = axes.get_legend_handles_labels()
    shown = [(h, label) for h, label in zip(handles, labels, strict=True) if label]
    if shown:
        axes.legend(
            [h for h, _ in shown],
            [label for _, label in shown],
            loc="lower right",
            bbox_to_anchor=(1.0, 1.0),
            ncols=len(shown),
            frameon=False,
            borderaxespad=0.1,
            columnspacing=1.3,
            handlelength=1.9,
            handletextpad=0.5,
        )


def tick(value: float) -> str:
    """The number of a tick.

    Examples
    --------
    >>> tick(-0.30000000000000004), tick(0.00002), tick(1500000.0)
    ('−0.3', '2e−5', '1.5e6')
    """
    text = f"{value:.6e}" if 0 < abs(value) < 1e-3 else f"{value:.6g}"
    mantissa, e, exponent = text.partition("e")
    if e:
        text = f"{float(mantissa):g}e{int(exponent)}"
    return text.replace("-", "−")


def _short(label: str) -> str:
    """A label that fits along an axis, without what SVG cannot hold."""
    text = "".join(c for c in label if c.isprintable())
    return text if len(text) <= _LABEL else f"{text[: _LABEL - 1]}…"


def inline(svg: str, *, label: str, prefix: str) -> str:
    """The document as an element of a page: colours by name, ids of its own, nothing that points elsewhere.

    Parameters
    ----------
    svg : str
        What `draw` gives.
    label : str
        What it shows, for those who cannot see it.
    prefix : str
        In front of its ids, which must differ in the whole page.
    """
    body = svg[svg.index("<svg") :].rstrip()
    body = re.sub(r"\s*<metadata>.*?</metadata>", "", body, flags=re.DOTALL)
    head, end, rest = body.partition(">")
    box = re.search(r'viewBox="[^"]*"', head)
    assert box is not None
    rest = re.sub(r"<[^>]*>", lambda tag: _adapted(tag[0], prefix), rest)
    return f'<svg {box[0]} role="img" aria-label="{escape(label)}"{end}{rest}'


def _adapted(tag: str, prefix: str) -> str:
    for colour, name in COLOURS.items():
        tag = tag.replace(colour, f"var(--{name})")
    tag = re.sub(r'\bid="', f'id="{prefix}-', tag)
    tag = tag.replace("url(#", f"url(#{prefix}-")
    return tag.replace('xlink:href="#', f'href="#{prefix}-')


__all__ = ["COLOURS", "draw", "inline", "legend", "new_axes", "scale_values", "styled", "svg_of", "tick"]
