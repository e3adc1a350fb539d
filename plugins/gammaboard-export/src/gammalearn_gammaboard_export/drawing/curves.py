"""Curves by energy.

ctaplot gives 0 for a bin without events, which its own plots draw as a perfect resolution; here it is a gap. Its
``confidence_level`` is one-sided: 0.8413 gives intervals of 68.27 %. Bins are ctaplot's, those of CTA, because
``energy_bias`` takes no others.
"""

from __future__ import annotations

import warnings
from typing import Any

import astropy.units as u
import numpy as np
from ctaplot.ana import ana
from ctaplot.plots import plots
from matplotlib.axes import Axes

from gammalearn_gammaboard_export.drawing.events import chosen
from gammalearn_gammaboard_export.drawing.events import events_of
from gammalearn_gammaboard_export.reading import Samples
from gammalearn_gammaboard_export.reading import Thrown

FEW = 10
"""Bins with fewer events are drawn hollow."""
_ONE_SIGMA = 0.8413447
_COLOUR = "#0072b2"


def angular_resolution(axes: Axes, samples: Samples) -> None:
    """68.27 % containment of the angle between true and predicted direction of gammas."""
    events = events_of(samples.gammas)
    bins, found = ana.angular_resolution_per_energy(
        **chosen(events, "alt", "az"), energy=events["true_energy"], confidence_level=_ONE_SIGMA
    )
    _draw(axes, bins, found.to_value(u.deg), events["true_energy"])
    _dress(axes, "true energy (TeV)", "angular resolution, 68.27 % (deg)")


def energy_resolution(axes: Axes, samples: Samples) -> None:
    """68.27 % of gammas are within it: |reco - true| / true, the bias included. ctaplot bins in predicted energy."""
    events = events_of(samples.gammas)
    bins, found = ana.energy_resolution_per_energy(**chosen(events, "energy"), confidence_level=_ONE_SIGMA)
    _draw(axes, bins, found, events["reco_energy"])
    _dress(axes, "predicted energy (TeV)", r"energy resolution, 68.27 % of $|\Delta E| / E_{true}$")


def energy_bias(axes: Axes, samples: Samples) -> None:
    """Median of reco / true - 1 of gammas, by predicted energy."""
    events = events_of(samples.gammas)
    # The median of no event is NaN, which is meant.
    with np.errstate(invalid="ignore"), warnings.catch_warnings(action="ignore", category=RuntimeWarning):
        bins, found = ana.energy_bias(**chosen(events, "energy"))
    value = np.asarray(u.Quantity(found).value, dtype=np.float64)
    _draw(axes, bins, np.column_stack([value] * 3), events["reco_energy"])
    axes.axhline(0, color="black", linewidth=0.8)
    _dress(axes, "predicted energy (TeV)", r"energy bias, median of $E_{reco} / E_{true} - 1$", bottom=None)


def impact_resolution(axes: Axes, samples: Samples) -> None:
    """68.27 % containment of the distance between true and predicted impact point of gammas."""
    events = events_of(samples.gammas)
    given = {name.replace("core_", ""): values for name, values in chosen(events, "core_x", "core_y").items()}
    bins, found = ana.impact_resolution_per_energy(
        **given, true_energy=events["true_energy"], confidence_level=_ONE_SIGMA
    )
    _draw(axes, bins, found.to_value(u.m), events["true_energy"])
    _dress(axes, "true energy (TeV)", "impact resolution, 68.27 % (m)")


def effective_area(axes: Axes, samples: Samples) -> None:
    """Showers that trigger, and those that are predicted, over those that were simulated; no cut in gammaness."""
    gammas = samples.gammas
    if not isinstance(gammas.thrown, Thrown):
        raise ValueError(gammas.thrown)
    told = gammas.thrown.parameters
    energies = {"triggered": gammas.triggered, "predicted": gammas.columns["true_energy"]}
    for (label, energy), marker in zip(energies.items(), ("s", "o"), strict=True):
        bins, area = ana.effective_area_per_energy_power_law(
            emin=told["energy_range_min"] * u.TeV,
            emax=told["energy_range_max"] * u.TeV,
            total_number_events=gammas.thrown.n_showers,
            spectral_index=told["spectral_index"],
            true_energy=energy * u.TeV,
            simu_area=np.pi * told["max_scatter_range"] ** 2 * u.m**2,
        )
        edges = bins.to_value(u.TeV)
        # Bins that are simulated in part only would have too low an area.
        whole = (edges[:-1] >= told["energy_range_min"] * 0.9999) & (edges[1:] <= told["energy_range_max"] * 1.0001)
        value = np.where(whole, area.to_value(u.m**2), np.nan)
        colour = {"fmt": marker, "color": _COLOUR if marker == "o" else "#999999"}
        _draw(axes, bins, np.column_stack([value] * 3), energy * u.TeV, label=label, **colour)
    axes.set_yscale("log")
    _dress(axes, "true energy (TeV)", "effective area (m²)", bottom=None)


def _draw(axes: Axes, bins: Any, found: Any, energy: Any, *, label: str = "this run", **style: Any) -> None:
    """Points with intervals: a value, a lower and an upper limit each; gaps where no event is."""
    edges, limits = bins.to_value(u.TeV), np.asarray(found, dtype=np.float64)
    count = np.histogram(energy.to_value(u.TeV), edges)[0]
    known = (count > 0) & np.isfinite(limits[:, 0])
    shared = {"fmt": "o", "color": _COLOUR, "markersize": 5} | style
    hollow = {"label": f"{label}, fewer than {FEW} events", "markerfacecolor": "white", "alpha": 0.6}
    for few, given in ((False, {"label": label}), (True, hollow)):
        wanted = known & ((count < FEW) == few)
        if np.any(wanted):
            values = np.where(wanted[:, np.newaxis], limits, np.nan)
            plots.plot_resolution(bins=edges, res=values, log=True, ax=axes, **shared, **given)


def _dress(axes: Axes, x_label: str, y_label: str, *, bottom: float | None = 0) -> None:
    axes.set_title("")
    axes.set_xscale("log")
    axes.set_xlabel(x_label)
    axes.set_ylabel(y_label)
    if bottom is not None:
        axes.set_ylim(bottom=bottom)
    axes.grid(visible=True, alpha=0.3)


__all__ = ["FEW", "angular_resolution", "effective_area", "energy_bias", "energy_resolution", "impact_resolution"]
