"""The picture of a study: how the search went, how trials learned, and where in each setting the good values are."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter
from matplotlib.ticker import LogLocator
from matplotlib.ticker import MaxNLocator
from matplotlib.ticker import NullFormatter
from optuna.importance import PedAnovaImportanceEvaluator
from optuna.importance import get_param_importances
from optuna.trial import FrozenTrial
from optuna.trial import TrialState

from gammalearn_core.settings.search import Space
from gammalearn_core.sweep.space import samples
from gammalearn_core.sweep.space import short
from gammalearn_core.sweep.study import Study

INK, QUIET, LINE = "#24292f", "#57606a", "#d8dee4"
# Okabe and Ito (2008), which the colour-blind can tell apart.
BLUE, VERMILION = "#0072b2", "#d55e00"
_STYLE = {
    "axes.axisbelow": True,
    "axes.edgecolor": QUIET,
    "axes.grid": True,
    "axes.labelcolor": INK,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "font.size": 9,
    "grid.color": LINE,
    "grid.linewidth": 0.7,
    "legend.frameon": False,
    "svg.fonttype": "none",
    "svg.hashsalt": "sweep",
    "text.color": INK,
    "text.parse_math": False,
    "xtick.color": QUIET,
    "ytick.color": QUIET,
}
_COLUMNS, _GRID = 3, 6
_MOST = 9
"""Settings that are shown, the most important first."""
_ENOUGH = 10
"""Trials that are finished before anything is said of importance."""
_WIDE = 10.0
"""Values that differ by this factor are shown on a logarithmic axis."""


def draw(study: Study, metric: str) -> list[Path]:
    """Write ``sweep.svg`` and ``sweep.png``; nothing if no trial has a value."""
    trials = [t for t in study.trials(TrialState.COMPLETE, TrialState.PRUNED) if t.user_attrs.get("value") is not None]
    if not trials:
        return []
    with style.context(["default", _STYLE]), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from", category=UserWarning)
        figure = _figure(study, trials, metric)
        paths = [study.path / "sweep.svg", study.path / "sweep.png"]
        for path in paths:
            figure.savefig(path, dpi=150, metadata={"Date": None} if path.suffix == ".svg" else None)
    return paths


def _figure(study: Study, trials: Sequence[FrozenTrial], metric: str) -> Figure:
    weights = importances(study)
    keys = sorted(study.search, key=lambda key: -weights.get(key, 0.0))[:_MOST]
    columns = min(len(keys), _COLUMNS)
    rows = 1 + -(-len(keys) // columns)
    figure = Figure(figsize=(10.5, 2.9 * rows), layout="constrained")
    grid = figure.add_gridspec(rows, _GRID)
    label = f"validation {metric}"
    history = figure.add_subplot(grid[0, : _GRID // 2])
    _history(history, study, trials, f"best {label}")
    _curves(figure.add_subplot(grid[0, _GRID // 2 :]), study, trials, label)
    width = _GRID // columns
    for index, key in enumerate(keys):
        row, column = divmod(index, columns)
        axes = figure.add_subplot(grid[1 + row, width * column : width * (column + 1)], sharey=history)
        shown = _slice(axes, study, trials, key)
        axes.set_ylabel("" if column else f"best {label}")
        axes.tick_params(labelleft=not column)
        if key in weights:
            axes.set_title(f"importance {weights[key]:.0%}", fontsize=9, color=QUIET, loc="right")
    figure.colorbar(shown, ax=figure.axes[2:], label="trial", aspect=25, ticks=MaxNLocator(5, integer=True))
    return figure


def importances(study: Study) -> Mapping[str, float]:
    """Share of each setting in what makes the best trials differ from the rest; empty while there are few trials."""
    if len(study.trials(TrialState.COMPLETE)) < _ENOUGH or len(study.search) < 2:
        return {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # A quarter of the trials, so that some are good in studies as small as ours.
        evaluator = PedAnovaImportanceEvaluator(target_quantile=0.25)
        return get_param_importances(study.shared, evaluator=evaluator)


def _history(axes: Axes, study: Study, trials: Sequence[FrozenTrial], label: str) -> None:
    finished, pruned = _split(trials)
    if pruned:
        axes.plot(*_history_of(pruned), "o", color=QUIET, fillstyle="none", markersize=4, label="pruned")
    if finished:
        numbers, values = _history_of(finished)
        best = (np.minimum if study.minimises else np.maximum).accumulate(values)
        axes.plot(numbers, values, "o", color=BLUE, markersize=4.5, label="finished")
        until, so_far = [*numbers, trials[-1].number], [*best, best[-1]]
        axes.step(until, so_far, where="post", color=VERMILION, linewidth=1.5, label="best so far")
    axes.set_xlabel("trial")
    axes.set_ylabel(label)
    axes.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    _scale(axes, np.array([t.user_attrs["value"] for t in trials]))
    axes.legend(fontsize=8, loc="best")


def _curves(axes: Axes, study: Study, trials: Sequence[FrozenTrial], label: str) -> None:
    finished, pruned = _split(trials)
    best = _best(study, finished)
    for trial in trials:
        epochs = sorted(trial.intermediate_values)
        values = [trial.intermediate_values[epoch] for epoch in epochs]
        looks: dict[str, Any] = {"color": BLUE, "linewidth": 0.8, "alpha": 0.5}
        if trial in pruned:
            looks = {"color": QUIET, "linewidth": 0.8, "alpha": 0.6, "linestyle": (0, (3, 2))}
        elif trial is best:
            looks = {"color": VERMILION, "linewidth": 2.0, "zorder": 3, "label": f"trial {trial.number}, the best"}
        axes.plot(epochs, values, marker="o" if len(epochs) == 1 else "", markersize=3, **looks)
    axes.set_xlabel("epoch")
    axes.set_ylabel(label)
    axes.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    _scale(axes, np.array([v for t in trials for v in t.intermediate_values.values()]))
    if best is not None:
        axes.legend(fontsize=8, loc="best")


def _slice(axes: Axes, study: Study, trials: Sequence[FrozenTrial], key: str) -> ScalarMappable:
    """Values of a setting against what came of them; later trials are darker."""
    space = study.search[key]
    scale = ScalarMappable(Normalize(0, max(max(t.number for t in trials), 1)), "viridis_r")
    finished, pruned = _split([t for t in trials if key in t.params])
    for some, marker in ((pruned, "x"), (finished, "o")):
        if some:
            places = [_place(space, t.params[key]) for t in some]
            values = [t.user_attrs["value"] for t in some]
            colours = scale.to_rgba(np.array([t.number for t in some]))
            axes.scatter(places, values, c=colours, marker=marker, s=18, linewidth=0.8)
    best = _best(study, finished)
    if best is not None:
        place, value = _place(space, best.params[key]), best.user_attrs["value"]
        axes.plot(place, value, "o", color=VERMILION, fillstyle="none", markersize=9, markeredgewidth=1.6)
    _setting_axis(axes, space)
    axes.set_xlabel(key)
    return scale


def _setting_axis(axes: Axes, space: Space) -> None:
    if space.kind == "choice":
        names = [short(text) for text in samples(space)]
        axes.set_xticks(range(len(names)), names, rotation=0 if max(map(len, names)) < 9 else 15)
        axes.set_xlim(-0.5, len(names) - 0.5)
        return
    if space.kind == "log_uniform":
        axes.set_xscale("log")
        factor = (space.high / space.low) ** 0.04
        axes.set_xlim(space.low / factor, space.high * factor)
        _decades(axes.xaxis, space.high / space.low)
    else:
        margin = 0.04 * (space.high - space.low)
        axes.set_xlim(space.low - margin, space.high + margin)
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=space.kind == "integers"))


def _place(space: Space, value: object) -> float:
    return float(samples(space).index(str(value))) if space.kind == "choice" else float(str(value))


def _scale(axes: Axes, values: np.ndarray[Any, np.dtype[np.float64]]) -> None:
    """A logarithmic axis where a few bad trials would press all others into a line."""
    if values.min() > 0 and values.max() > _WIDE * values.min():
        axes.set_yscale("log")
        _decades(axes.yaxis, float(values.max() / values.min()))


def _decades(axis: Axis, ratio: float) -> None:
    """Numbers as people write them, and none between where there are many decades."""
    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if ratio < 300 else (1.0,), numticks=12))
    axis.set_major_formatter(FuncFormatter(lambda value, place: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def _split(trials: Sequence[FrozenTrial]) -> tuple[list[FrozenTrial], list[FrozenTrial]]:
    finished = [t for t in trials if t.state == TrialState.COMPLETE]
    return finished, [t for t in trials if t.state == TrialState.PRUNED]


def _history_of(
    trials: Sequence[FrozenTrial],
) -> tuple[list[int], np.ndarray[Any, np.dtype[np.float64]]]:
    return [t.number for t in trials], np.array([t.user_attrs["value"] for t in trials])


def _best(study: Study, finished: Sequence[FrozenTrial]) -> FrozenTrial | None:
    sign = 1 if study.minimises else -1
    return min(finished, key=lambda t: sign * t.user_attrs["value"], default=None)


__all__ = ["draw", "importances"]
