"""What each number is, as it is written beside the numbers."""

from __future__ import annotations

from gammalearn_irf.options import FEW
from gammalearn_irf.options import Options

TABLES = {
    "energy": "gammas that pass the cut in gammaness, by true energy and true angle to the pointing",
    "direction": "gammas that pass the cut in gammaness, by true energy and true angle to the pointing",
    "area": "effective area for gammas, by true energy and true angle to the pointing",
    "sensitivity": "least flux of a point source that is detected, by reconstructed energy and angle to the pointing",
    "gammaness_cut": "least gammaness by reconstructed energy",
    "theta_cut": "largest angle to the true direction by reconstructed energy",
}


QUANTILE = "one standard deviation, of the order statistics of the quantiles; none of fewer than two events"
BINOMIAL = "one standard deviation, binomial; none where no event is left"


def definitions(options: Options) -> dict[str, str]:
    """By ``table`` or ``table.column``."""
    return TABLES | {
        "energy.bias": "median of (E_reco - E_true) / E_true",
        "energy.resolution": (
            "half of the distance between the quantiles 15.87 % and 84.13 % of (E_reco - E_true) / E_true: the median"
            " bias is not in it (pyirf)"
        ),
        "energy.resolution_about_0": "the |E_reco - E_true| / E_true that 68.27 % are below: the bias is in it (CTA)",
        "direction.angular_resolution_68": "angle between true and reconstructed direction that 68.27 % are below",
        **{f"energy.{name}_error": QUANTILE for name in ("bias", "resolution", "resolution_about_0")},
        "direction.angular_resolution_68_error": QUANTILE,
        **{f"area.area_{name}_error": BINOMIAL for name in ("all", "gammaness", "cuts")},
        "area.n_simulated": "simulated showers, from the simulation's power law",
        "area.area_all": "of all gammas that were predicted",
        "area.area_gammaness": "of those that pass the cut in gammaness",
        "area.area_cuts": "of those that pass both cuts",
        "sensitivity.relative_sensitivity": (
            f"factor of the spectrum of the source at which a bin has 5 sigma (Li and Ma 1983, equation 17, alpha ="
            f" {options.alpha:g}), 10 gammas, and 5 % as many gammas as background events in"
            f" {options.observation_time:g} h; only where {FEW} simulated gammas and {FEW} simulated background events"
            " pass the cuts, else `reason`"
        ),
        "sensitivity.relative_sensitivity_error": (
            "statistical: sqrt(1 / gammas + 1 / (4 background)) times the value, with the effective numbers (Kish) of"
            " the weighted simulated events"
        ),
        "sensitivity.flux_sensitivity_error": "likewise",
        "sensitivity.flux_sensitivity": "E² times the flux at the geometric middle of the bin, at that factor",
        "sensitivity.n_background": "simulated events in the ring of the field that pass the cut in gammaness",
        "sensitivity.expected_background": "events in the region of the source, scaled from the ring by solid angle",
        "gammaness_cut.efficiency": f"share that is kept; none if the nearest bin with {FEW} gammas gave the cut",
        "gammaness_cut.cut": _gammaness(options),
        "theta_cut.efficiency": f"share that is kept; none if the nearest bin with {FEW} gammas gave the cut",
        "theta_cut.cut": f"keeps {options.theta_efficiency:.0%} of the gammas that pass the cut in gammaness",
    }


def _gammaness(options: Options) -> str:
    if options.gamma_efficiency is not None:
        return f"keeps {options.gamma_efficiency:.0%} of the gammas"
    return (
        "of the best sensitivity in the whole field among 10 to 95 % of gammas, of those that leave one in the most"
        " rings, chosen on these same events; else 70 %"
    )


__all__ = ["TABLES", "definitions"]
