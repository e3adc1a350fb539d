"""Figures that are not by energy."""

from __future__ import annotations

import numpy as np
from ctaplot.plots import plots
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from sklearn.metrics import roc_auc_score

from gammalearn_gammaboard_export.drawing.events import chosen
from gammalearn_gammaboard_export.drawing.events import events_of
from gammalearn_gammaboard_export.reading import Samples

_COLOURS = {"gammas": "#0072b2", "background": "#d55e00"}


def theta2(axes: Axes, samples: Samples) -> None:
    """The squared angle between true and predicted direction of gammas."""
    plots.plot_theta2(
        **chosen(events_of(samples.gammas), "alt", "az"),
        ax=axes,
        bins=60,
        range=(0, 0.3),
        histtype="step",
        color=_COLOURS["gammas"],
    )
    axes.set_title("")
    axes.set_xlim(0, 0.3)
    axes.set_xlabel(r"$\theta^2$ (deg²)")
    axes.set_ylabel("gammas")


def migration_matrix(axes: Axes, samples: Samples) -> None:
    """Gammas by true and predicted energy, each row and column a tenth of a decade."""
    gammas = samples.gammas.columns
    true, reco = (np.log10(gammas[f"{kind}_energy"]) for kind in ("true", "reco"))
    ends = np.floor(min(true.min(), reco.min()) * 10) / 10, np.ceil(max(true.max(), reco.max()) * 10) / 10
    edges = np.linspace(*ends, round((ends[1] - ends[0]) * 10) + 1)
    plots.plot_migration_matrix(
        x=true, y=reco, ax=axes, hist2d_args={"bins": [edges, edges], "norm": LogNorm(), "cmap": "viridis"}
    )
    axes.plot(ends, ends, color="black", linewidth=0.8)
    axes.figure.colorbar(axes.collections[0], ax=axes, label="gammas")
    axes.set_aspect("equal")
    axes.set_xlabel(r"$\log_{10}$ of the true energy (TeV)")
    axes.set_ylabel(r"$\log_{10}$ of the predicted energy (TeV)")


def roc(axes: Axes, samples: Samples) -> None:
    """Share of gammas and of background that a cut in gammaness keeps.

    ctaplot calls an inverted classifier good: its AUC is never below 0.5, and is not taken.
    """
    gammas, background = _gammaness(samples)
    true = np.concatenate([np.ones(len(gammas), dtype=int), np.zeros(len(background), dtype=int)])
    gammaness = np.concatenate([gammas, background])
    label = f"AUC {roc_auc_score(true, gammaness):.4f}"
    plots.plot_roc_curve_gammaness(
        true_type=true, gammaness=gammaness, gamma_label=1, ax=axes, label=label, color=_COLOURS["gammas"]
    )
    axes.set_title("")
    axes.set(xlim=(0, 1), ylim=(0, 1))
    axes.set_aspect("equal", adjustable="box")
    axes.set_xlabel("background kept")
    axes.set_ylabel("gammas kept")


def gammaness(axes: Axes, samples: Samples) -> None:
    """Distributions of gammaness, each of area 1."""
    for (label, colour), values in zip(_COLOURS.items(), _gammaness(samples), strict=True):
        plots.plot_gammaness_distribution(
            mc_type=np.zeros(len(values), dtype=int),
            gammaness=values,
            ax=axes,
            bins=50,
            range=(0, 1),
            density=True,
            label=f"{len(values)} {label}",
            color=colour,
            linewidth=1.5,
        )
    axes.set_title("")
    axes.set_xlim(0, 1)
    axes.set_ylabel("density")


def _gammaness(samples: Samples) -> tuple[np.ndarray, np.ndarray]:
    if samples.background is None:
        raise ValueError("there is no background")
    return samples.gammas.columns["gammaness"], samples.background.columns["gammaness"]


__all__ = ["gammaness", "migration_matrix", "roc", "theta2"]
