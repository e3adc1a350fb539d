"""Everything that is measured of a set of samples."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping

import astropy.units as u
import numpy as np
from astropy.table import QTable
from astropy.table import vstack
from attrs import field
from attrs import frozen

from gammalearn_core import DataError
from gammalearn_irf.computing import benchmarks
from gammalearn_irf.computing.bins import Bins
from gammalearn_irf.computing.bins import is_diffuse
from gammalearn_irf.computing.bins import make_bins
from gammalearn_irf.computing.cuts import Cuts
from gammalearn_irf.computing.cuts import make_cuts
from gammalearn_irf.computing.sensitivity import FALLBACK
from gammalearn_irf.computing.sensitivity import best_cuts
from gammalearn_irf.computing.sensitivity import sensitivity
from gammalearn_irf.options import Options
from gammalearn_irf.reading.sample import ELECTRON
from gammalearn_irf.reading.sample import GAMMA
from gammalearn_irf.reading.sample import PROTON
from gammalearn_irf.reading.sample import Sample
from gammalearn_irf.spectra import event_weights


@frozen(kw_only=True, eq=False)
class Computed:
    """What was measured, and what could not be."""

    options: Options
    bins: Bins
    cuts: Cuts
    gammas: QTable
    """With weights."""
    background: QTable | None
    """With weights; None if there is none, or its energy, direction or gammaness was not predicted."""
    tables: dict[str, QTable] = field(factory=dict)
    notes: list[str] = field(factory=list)


def compute(samples: Mapping[int, Sample], options: Options) -> Computed:
    """Measure what the predictions allow.

    Raises
    ------
    DataError
        There are no gammas.
    SettingsError
        Chosen bins do not fit the simulation.
    """
    if GAMMA not in samples or not len(samples[GAMMA].events):
        raise DataError("there are no predicted gammas: nothing can be measured without them")
    sample = samples[GAMMA]
    noise = {n: s for n, s in samples.items() if n in (PROTON, ELECTRON) and is_diffuse(s.thrown)}
    bins = make_bins(options, sample, [s.thrown for s in noise.values()])
    gammas = _weighted_gammas(sample, bins, options)
    background = _background(sample, noise, options)
    cuts = _cuts(sample, gammas, background, bins, options)
    made = Computed(options=options, bins=bins, cuts=cuts, gammas=gammas, background=background)
    made.tables.update(_tables(sample, made))
    made.notes.extend(_notes(samples, noise, made))
    return made


def _weighted_gammas(sample: Sample, bins: Bins, options: Options) -> QTable:
    """Gammas of the field; those of each ring stand for a source in it."""
    events = sample.events[benchmarks.in_ring(sample.events, bins.field)]
    weights = np.zeros(len(events))
    shared = {"spectrum": options.gamma_spectrum, "time": options.observation_time * u.h}
    for ring in bins.rings:
        inside = benchmarks.in_ring(events, ring)
        weights[inside] = event_weights(events["true_energy"][inside], sample.thrown, ring=ring, **shared)
    events["weight"] = weights
    return events


def _background(gammas: Sample, noise: Mapping[int, Sample], options: Options) -> QTable | None:
    """All background events, weighted to what is there in the observation time."""
    if PROTON not in noise or not _complete(gammas):
        return None
    spectra = {PROTON: options.proton_spectrum, ELECTRON: "irfdoc_electron"}
    tables = []
    for primary, sample in noise.items():
        events = sample.events.copy()
        time = options.observation_time * u.h
        events["weight"] = event_weights(events["true_energy"], sample.thrown, spectrum=spectra[primary], time=time)
        tables.append(events)
    return vstack(tables, metadata_conflicts="silent")


def _complete(sample: Sample) -> bool:
    return sample.knows("energy", "direction", "gammaness")


def _cuts(sample: Sample, gammas: QTable, background: QTable | None, bins: Bins, options: Options) -> Cuts:
    if not sample.knows("energy"):
        return Cuts(gammaness=None, theta=None)
    if options.gamma_efficiency is None and background is not None:
        # A source may be anywhere in the field, so that all gammas of it choose the cuts.
        whole = gammas.copy()
        shared = {"spectrum": options.gamma_spectrum, "time": options.observation_time * u.h, "ring": bins.field}
        whole["weight"] = event_weights(whole["true_energy"], sample.thrown, **shared)
        return best_cuts(whole, background, bins, options).filled()
    efficiency = FALLBACK if options.gamma_efficiency is None else options.gamma_efficiency
    shares = {"gamma_efficiency": efficiency, "theta_efficiency": options.theta_efficiency}
    return make_cuts(gammas, bins.energy, **shares).filled()


def _tables(sample: Sample, made: Computed) -> Iterator[tuple[str, QTable]]:
    gammas, cuts, bins = made.gammas, made.cuts, made.bins
    passing = gammas[cuts.passing_gammaness(gammas)]
    if sample.knows("energy"):
        yield "energy", benchmarks.energy_table(passing, bins)
    if sample.knows("direction"):
        yield "direction", benchmarks.direction_table(passing, bins)
    selections = {"all": gammas}
    if cuts.gammaness is not None:
        selections["gammaness"] = passing
    if cuts.theta is not None:
        selections["cuts"] = gammas[cuts.passing(gammas)]
    yield "area", benchmarks.area_table(selections, sample.thrown, bins)
    if made.background is not None:
        given = {"edges": bins.energy, "options": made.options}
        yield (
            "sensitivity",
            benchmarks.by_ring(
                bins, "reco_energy", lambda ring: sensitivity(gammas, made.background, cuts, ring=ring, **given)
            ),
        )
    for name, cut in (("gammaness_cut", cuts.gammaness), ("theta_cut", cuts.theta)):
        if cut is not None:
            yield name, cut


def _notes(samples: Mapping[int, Sample], noise: Mapping[int, Sample], made: Computed) -> Iterator[str]:
    gammas = samples[GAMMA]
    missing = [kind for kind in ("energy", "direction", "gammaness") if not gammas.knows(kind)]
    if missing:
        yield f"no {' and no '.join(missing)} was predicted: what depends on it is left out"
    if PROTON not in noise:
        yield "there are no diffuse protons: no sensitivity and no background"
    for primary, sample in samples.items():
        if primary != GAMMA and primary not in noise:
            yield f"{sample.name} events are not used"
    for sample in noise.values():
        thrown = sample.thrown
        yield (
            f"{sample.name} background: {thrown.n_showers:.0f} showers of {thrown.energy_min.to_value('TeV'):g} to"
            f" {thrown.energy_max.to_value('TeV'):g} TeV, within {thrown.max_impact.to_value('m'):g} m and"
            f" {thrown.viewcone_max.to_value('deg'):g} deg of the axis; what others would add is not in it"
        )
    table = made.tables.get("sensitivity")
    if table is not None:
        without = int(np.sum(table["reason"] != ""))
        if without:
            yield f"{without} of {len(table)} bins have no sensitivity: the table tells why"


__all__ = ["Computed", "compute"]
