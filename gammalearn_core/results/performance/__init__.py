"""What predictions are worth: numbers with intervals, curves by energy and telescopes, each with its definition.

`performance` gives all of it for `EventResults`. ``docs/metrics.md`` has the formulas and their sources.
"""

from __future__ import annotations

from gammalearn_core.results.performance.area import SimulatedShowers
from gammalearn_core.results.performance.area import effective_area
from gammalearn_core.results.performance.bins import ENERGY_EDGES
from gammalearn_core.results.performance.bins import Measure
from gammalearn_core.results.performance.bins import bin_numbers
from gammalearn_core.results.performance.bins import count_edges
from gammalearn_core.results.performance.classification import AUC
from gammalearn_core.results.performance.classification import Roc
from gammalearn_core.results.performance.classification import auc
from gammalearn_core.results.performance.classification import roc_curve
from gammalearn_core.results.performance.curve import Curve
from gammalearn_core.results.performance.curve import Estimate
from gammalearn_core.results.performance.direction import ANGULAR_RESOLUTION
from gammalearn_core.results.performance.direction import ANGULAR_RESOLUTION_50
from gammalearn_core.results.performance.direction import ANGULAR_RESOLUTION_95
from gammalearn_core.results.performance.direction import IMPACT_RESOLUTION
from gammalearn_core.results.performance.direction import angular_resolution
from gammalearn_core.results.performance.direction import angular_separation
from gammalearn_core.results.performance.direction import impact_distance
from gammalearn_core.results.performance.direction import impact_resolution
from gammalearn_core.results.performance.energy import ENERGY_BIAS
from gammalearn_core.results.performance.energy import ENERGY_RESOLUTION_CTA
from gammalearn_core.results.performance.energy import ENERGY_RESOLUTION_PYIRF
from gammalearn_core.results.performance.energy import energy_bias
from gammalearn_core.results.performance.energy import energy_resolution
from gammalearn_core.results.performance.events import EventResults
from gammalearn_core.results.performance.migration import Migration
from gammalearn_core.results.performance.migration import migration_matrix
from gammalearn_core.results.performance.quantiles import CONFIDENCE
from gammalearn_core.results.performance.quantiles import SIGMA
from gammalearn_core.results.performance.quantiles import weighted_quantile
from gammalearn_core.results.performance.showers import thrown_gammas
from gammalearn_core.results.performance.summary import performance

__all__ = [
    "ANGULAR_RESOLUTION",
    "ANGULAR_RESOLUTION_50",
    "ANGULAR_RESOLUTION_95",
    "AUC",
    "CONFIDENCE",
    "ENERGY_BIAS",
    "ENERGY_EDGES",
    "ENERGY_RESOLUTION_CTA",
    "ENERGY_RESOLUTION_PYIRF",
    "IMPACT_RESOLUTION",
    "SIGMA",
    "Curve",
    "Estimate",
    "EventResults",
    "Measure",
    "Migration",
    "Roc",
    "SimulatedShowers",
    "angular_resolution",
    "angular_separation",
    "auc",
    "bin_numbers",
    "count_edges",
    "effective_area",
    "energy_bias",
    "energy_resolution",
    "impact_distance",
    "impact_resolution",
    "migration_matrix",
    "performance",
    "roc_curve",
    "thrown_gammas",
    "weighted_quantile",
]
