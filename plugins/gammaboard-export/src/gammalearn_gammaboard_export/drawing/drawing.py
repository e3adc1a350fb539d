"""Figures in files."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import astropy.units as u
import matplotlib as mpl
from ctaplot.ana import ana
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gammalearn_gammaboard_export.drawing import curves
from gammalearn_gammaboard_export.drawing import distributions
from gammalearn_gammaboard_export.panels import PANELS
from gammalearn_gammaboard_export.reading import Samples
from gammalearn_gammaboard_export.writing.whole import write_bytes

_METADATA: dict[str, dict[str, Any]] = {"png": {"Software": None}, "svg": {"Date": None, "Creator": None}}
"""Without the time and the version, so that the same run gives the same bytes."""
DRAWINGS: dict[str, Callable[[Axes, Samples], None]] = {
    "angular_resolution": curves.angular_resolution,
    "effective_area": curves.effective_area,
    "energy_bias": curves.energy_bias,
    "energy_resolution": curves.energy_resolution,
    "gammaness": distributions.gammaness,
    "impact_resolution": curves.impact_resolution,
    "migration_matrix": distributions.migration_matrix,
    "roc": distributions.roc,
    "theta2": distributions.theta2,
}
_REQUIRED = {
    "angular_resolution": ("get_angular_resolution", "deg"),
    "energy_resolution": ("get_energy_resolution", ""),
    "effective_area": ("get_effective_area", "m2"),
}
"""What ctaplot knows CTA's requirements of."""


def draw_all(
    folder: Path, samples: Samples, *, figures: Sequence[str] | None = None, site: str | None = None
) -> tuple[list[Path], list[str]]:
    """Draw what the run has predictions for.

    Parameters
    ----------
    folder : Path
    samples : Samples
    figures : sequence of str, optional
        By default all.
    site : str, optional
        Whose requirements are drawn beside.

    Returns
    -------
    written : list of Path
    notes : list of str
        What was not drawn, and why.

    Raises
    ------
    GammalearnError
        The disk is full, or nothing can be written there.
    """
    written, notes = [], []
    for name in figures if figures is not None else PANELS:
        reason = _reason(name, samples)
        if reason:
            notes.append(f"no figure {name}: {reason}")
            continue
        figure = draw(name, samples)
        if site is not None and name in _REQUIRED:
            notes += _require(figure.axes[0], name, site)
        for ending in _METADATA:
            written.append(write_bytes(folder / f"{name}.{ending}", _saved(figure, ending, name)))
    return written, notes


def _reason(name: str, samples: Samples) -> str:
    unknown = [kind for kind in PANELS[name] if not samples.gammas.knows(kind)]
    if unknown:
        return f"{unknown[0]} is not predicted"
    if PANELS[name] == ("gammaness",) and samples.background is None:
        return "there is no background"
    return samples.gammas.thrown if name == "effective_area" and isinstance(samples.gammas.thrown, str) else ""


def draw(name: str, samples: Samples) -> Figure:
    """One figure, without any state of pyplot."""
    figure = Figure(figsize=(6.4, 4.6), layout="constrained")
    DRAWINGS[name](figure.subplots(), samples)
    _legend(figure.axes[0])
    return figure


def _legend(axes: Axes) -> None:
    labels = axes.get_legend_handles_labels()[1]
    if labels:
        of_roc = labels[0].startswith("AUC")
        axes.legend(fontsize=8, frameon=False, loc="lower right" if of_roc else "best")


def _require(axes: Axes, name: str, site: str) -> list[str]:
    """A curve of CTA; a note if this installation of ctaplot does not find its files, as in `pip install --user`."""
    method, unit = _REQUIRED[name]
    try:
        energy, value = getattr(ana.cta_requirement(site), method)()
    except (OSError, TypeError) as error:
        return [f"{name}: ctaplot does not find the requirements of CTA ({error})"]
    limits = axes.get_xlim()
    values = u.Quantity(value).to_value(unit)
    axes.plot(energy.to_value(u.TeV), values, color="black", linewidth=1, label=f"CTA requirement {site}")
    axes.set_xlim(limits)
    _legend(axes)
    return []


def _saved(figure: Figure, ending: str, salt: str) -> bytes:
    content = BytesIO()
    with mpl.rc_context({"svg.hashsalt": salt}):
        figure.savefig(content, format=ending, dpi=120, metadata=_METADATA[ending])
    return content.getvalue()


__all__ = ["DRAWINGS", "draw", "draw_all"]
