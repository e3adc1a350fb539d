"""What GammaBoard of ctaplot 0.6.6 does wrong, put right in this notebook only."""

import logging
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from ctaplot.ana import ana
from ctaplot.gammaboard import gammaboard as board_module

# GammaBoard mixes units on an axis, and fixes limits of axes whose scales are equal.
warnings.filterwarnings("ignore")
logging.getLogger("matplotlib").setLevel(logging.ERROR)

Experiment = board_module.Experiment
ENDINGS = ("", "_reco", "_triggered", "_reco_noise", "_ratio_gamma", "_ratio_noise")


def erase(axes: Any, labels: set[str]) -> None:
    """Remove what has these labels.

    GammaBoard removes error bars twice, which matplotlib 3.11 refuses, leaves every second curve of an experiment, and
    removes those of others whose names have its name in them.
    """
    for drawn in [*axes.containers, *axes.lines, *axes.collections]:
        if drawn.get_label() in labels:
            drawn.remove()
            if drawn in axes.containers:
                axes.containers.remove(drawn)


def redrawing(quantity: str) -> Callable[[Any, Any], None]:
    """Resolutions of another selection of events."""

    def update(experiment: Any, axes: Any) -> None:
        erase(axes, {f"{experiment.name}_reco"})
        getattr(experiment, f"plot_{quantity}_resolution_reco")(axes)

    return update


def create_update_color(experiments: dict[str, Any], figure: Any, visible: Any) -> Callable[[Any], None]:
    """Curves of another colour."""

    def update(change: Any) -> None:
        experiment = experiments[change["owner"].description]
        experiment.color = change["new"]
        axes = figure.get_axes()
        for one in axes:
            erase(one, {experiment.name + ending for ending in ENDINGS})
        board_module.plot_exp_on_fig(experiment, figure)
        board_module.update_legend(visible, figure)
        board_module.update_pr_legend(visible, axes[6])
        board_module.update_auc_legend(visible, axes[4])

    return update


def with_gaps(measure: Callable[..., Any]) -> Callable[..., Any]:
    """A bin without events has no resolution: ctaplot gives 0, which looks like a perfect resolution."""

    def measured(*arguments: Any, **options: Any) -> Any:
        bins, resolution = measure(*arguments, **options)
        resolution[np.all(np.asarray(resolution) == 0, axis=-1)] = np.nan
        return bins, resolution

    return measured


def without_unknown(load_data: Callable[[Any], None]) -> Callable[[Any], None]:
    """A column of NaN is that of a quantity that the run does not predict.

    GammaBoard opens no file that lacks a column, and skips the plots of columns that are not there.
    """

    def loaded(experiment: Any) -> None:
        load_data(experiment)
        known = {name: np.isfinite(experiment.data[name]).any() for name in experiment.data.colnames}
        for part in ("data", "gamma_data", "reco_gamma_data", "noise_reco_gamma"):
            table = getattr(experiment, part)
            unknown = [n for n in table.colnames if not known[n] and n != "reco_energy"] if table is not None else []
            if unknown:
                table.remove_columns(unknown)

    return loaded


def with_events(plot: Callable[..., Any]) -> Callable[..., Any]:
    """A selection may be empty."""

    def drawn(experiment: Any, ax: Any = None, **options: Any) -> Any:
        selected = experiment.reco_gamma_data if plot.__name__.endswith("_reco") else experiment.gamma_data
        return plot(experiment, ax=ax, **options) if np.isfinite(selected["reco_energy"]).any() else ax

    return drawn


def with_energies(plot_ratio: Callable[..., None]) -> Callable[..., None]:
    """Effective areas are by predicted energy: without one, they are not 0 but not known."""

    def drawn(experiment: Any, ax: Any = None) -> None:
        plot_ratio(experiment, ax=ax)
        if not np.isfinite(experiment.gamma_data["reco_energy"]).any():
            erase(ax, {f"{experiment.name}_ratio_gamma", f"{experiment.name}_ratio_noise"})

    return drawn


if not hasattr(Experiment, "repaired"):
    Experiment.repaired = True
    Experiment.load_data = without_unknown(Experiment.load_data)
    Experiment.plot_energy_resolution_reco = with_events(Experiment.plot_energy_resolution_reco)
    Experiment.plot_effective_area_ratio = with_energies(Experiment.plot_effective_area_ratio)
    Experiment.plot_energy_matrix = with_events(Experiment.plot_energy_matrix)
    for quantity in ("angular", "energy", "impact"):
        setattr(Experiment, f"update_{quantity}_resolution_reco", redrawing(quantity))
        setattr(ana, f"{quantity}_resolution_per_energy", with_gaps(getattr(ana, f"{quantity}_resolution_per_energy")))
    board_module.create_update_color = create_update_color
