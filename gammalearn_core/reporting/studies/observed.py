"""Simulation beside observation: what the network is given of both, and what it makes of it.

A network that was trained on simulations is right on observations as far as both look alike to it. Observed events are
nuclei for the most part, so they are to be compared with simulated ones; of their spectrum and of the night sky nothing
is corrected.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from gammalearn_core.baseline.opening import OpenedRun
from gammalearn_core.plugin.registry import Registry
from gammalearn_core.predicting.model import load_model
from gammalearn_core.reporting.charts import Chart
from gammalearn_core.reporting.studies.histograms import range_of
from gammalearn_core.reporting.studies.histograms import shares_of_all
from gammalearn_core.reporting.studies.images import chosen_rows
from gammalearn_core.reporting.studies.outcome import Missing
from gammalearn_core.reporting.studies.outcome import Number
from gammalearn_core.reporting.studies.outcome import Studies
from gammalearn_core.reporting.studies.outcome import together
from gammalearn_core.reporting.studies.seen import PARAMETERS
from gammalearn_core.reporting.studies.seen import Kinds
from gammalearn_core.reporting.studies.seen import Seen
from gammalearn_core.reporting.studies.seen import joined
from gammalearn_core.reporting.studies.seen import see
from gammalearn_core.results.performance import ENERGY_EDGES
from gammalearn_core.results.performance.curve import Floats

SECTION = "Simulation beside observation"
OBSERVED = "observed"
MOST = 2000
"""Samples of each side."""
_PIXELS = {"image": "charge of a pixel [p.e.]", "peak_time": "peak time of a pixel [ns]"}
_BINS = 50
_TOLD = ("observed_image", "observed_sum", "observed_hillas_width", "observed_gammaness", "observed_energy")
"""Charts whose distances are in the table of numbers; all have them in their notes."""
_NOISE = 0.9
"""Share of the pixels whose charges are drawn by themselves: those are of the night sky for the most part."""
_WEAKEST = 1.0
"""p.e. that other pixels have at least."""


def beside_observation(
    opened: OpenedRun, registry: Registry, files: Sequence[Path], *, most: int = MOST, trust_settings: bool = False
) -> Studies:
    """Histograms of charges, peak times, DL1 parameters, gammaness and energy of observed and of simulated samples.

    Parameters
    ----------
    opened : OpenedRun
        Samples of its test split are the simulation.
    registry : Registry
    files : sequence of Path
        DL1 files of observations, which the cuts of the run are made on, but for those on truth.
    most : int
        Samples of each side: of files those that are spread evenly over them.
    trust_settings : bool
        Whether the run's settings file may be run, which is code.

    Raises
    ------
    SettingsError
        A file lacks what the settings of the run name.
    DataError
        A file is damaged or has no images of the network's camera, or the checkpoint is damaged.
    """
    rows = chosen_rows(opened, most)
    if not len(rows):
        return _missing("the run has no test split with truth")
    model = load_model(opened.recorded, registry, list(files), trust_settings=trust_settings)
    sides = [see(model, opened.selected, opened.events, rows)]
    for path in files:
        source = model.reader.open(path)
        try:
            events = source.events.events
            some = np.unique(np.linspace(0, len(events) - 1, min(len(events), -(-most // len(files)))).astype(np.int64))
            if len(some):
                sides.append(see(model, source.events, events, some, kind=OBSERVED))
        finally:
            source.close()
    if len(sides) == 1:
        return _missing("the cuts of the run leave nothing of the observed files")
    return _studies(sides)


def _studies(sides: Sequence[Seen]) -> Studies:
    note = _note(_merged([s.zenith for s in sides]))
    parts = []
    cameras = list(dict.fromkeys(c for s in sides for c in s.pixels))
    for camera in cameras:
        of = f" of {camera}" if len(cameras) > 1 else ""
        ending = f"_{camera}" if of else ""
        for channel, label in _PIXELS.items():
            values = _merged([s.pixels.get(camera, {}).get(channel, {}) for s in sides])
            parts += _of_pixels(f"observed_{channel}{ending}", of, channel, label, values, note)
    charges = _positive(_merged([s.charge for s in sides]))
    parts.append(_compared("observed_sum", "Images", "charge of an image", "charge [p.e.]", charges, note, x_log=True))
    known = [n for n in PARAMETERS if all(n in s.parameters for s in sides)]
    for name in known:
        values = _merged([s.parameters[name] for s in sides])
        log = name == "hillas_intensity"
        told = name.replace("_", " ")
        parts.append(
            _compared(
                f"observed_{name}", "DL1 parameters", told, told, _positive(values) if log else values, note, x_log=log
            )
        )
    if not known:
        what = "not all files have DL1 parameters that are called alike"
        parts.append(Studies(missing=[Missing(section=SECTION, title="DL1 parameters", reason=what)]))
    gammaness = _merged([s.outputs.get("prediction", {}) for s in sides])
    edges = np.linspace(0, 1, _BINS + 1)
    parts.append(
        _compared(
            "observed_gammaness", "Predictions", "gammaness", "gammaness", gammaness, note, edges=edges, y_log=True
        )
    )
    energy = _merged([s.outputs.get("energy", {}) for s in sides])
    label = "predicted energy [TeV]"
    parts.append(
        _compared(
            "observed_energy", "Predictions", "predicted energy", label, energy, note, edges=ENERGY_EDGES, x_log=True
        )
    )
    return together(parts)


def _of_pixels(id: str, of: str, channel: str, label: str, values: Kinds, note: str) -> list[Studies]:
    title = f"{label.partition(' [')[0]}{of}"
    if channel != "image":
        return [_compared(id, "Images", title, label, values, note, y_log=True)]
    weak = {k: v[v <= max(_WEAKEST, float(np.quantile(v, _NOISE)))] for k, v in values.items() if len(v)}
    bright = {k: v[v >= _WEAKEST] for k, v in values.items()}
    return [
        _compared(id, "Images", f"{title}, faintest {_NOISE:.0%}", label, weak, note, y_log=True),
        _compared(
            f"{id}_bright",
            "Images",
            f"{title}, {_WEAKEST:g} p.e. and more",
            label,
            bright,
            note,
            x_log=True,
            y_log=True,
        ),
    ]


def _merged(parts: Sequence[Kinds]) -> Kinds:
    return joined([(kind, values) for part in parts for kind, values in part.items()])


def _positive(values: Kinds) -> Kinds:
    return {kind: v[v > 0] for kind, v in values.items()}


def _note(zenith: Kinds) -> str:
    """Where telescopes point to on both sides."""
    told = []
    for kind in (OBSERVED, *(k for k in zenith if k != OBSERVED)):
        if len(zenith.get(kind, ())):
            low, high = f"{zenith[kind].min():.1f}", f"{zenith[kind].max():.1f}"
            told.append(f"{kind} {low}" if low == high else f"{kind} {low} to {high}")
    return f"zenith angles: {', '.join(told)} deg" if told else ""


def _compared(
    id: str,
    group: str,
    title: str,
    label: str,
    values: Kinds,
    note: str,
    *,
    edges: Floats | None = None,
    x_log: bool = False,
    y_log: bool = False,
) -> Studies:
    """A chart of both sides, and how far apart they are."""
    if not len(values.get(OBSERVED, ())) or all(k == OBSERVED or not len(v) for k, v in values.items()):
        return Studies()
    ordered = {k: values[k] for k in sorted(values, key=lambda k: (k != OBSERVED, k != "gamma", k)) if len(values[k])}
    limits = _edges(ordered, log=x_log) if edges is None else edges
    if limits is None:
        reason = "all values are the same"
        return Studies(missing=[Missing(section=SECTION, title=title, reason=reason)])
    numbers = [_distance(id, title, ordered[OBSERVED], kind, v) for kind, v in ordered.items() if kind != OBSERVED]
    apart = ", ".join(f"{n.title.rpartition(' ')[2]} {n.value:.3f}" for n in numbers)
    chart = Chart(
        id=id,
        section=SECTION,
        group=group,
        title=f"{title[0].upper()}{title[1:]}",
        x_label=label,
        y_label="share of the samples",
        series=shares_of_all(ordered, limits),
        x_log=x_log,
        y_log=y_log,
        note=f"distance from observed: {apart}; {note}".rstrip("; "),
        definition="share of the samples of a kind that are in a bin; numbers of samples in parentheses. The distance"
        " is the largest difference of cumulated distributions",
    )
    return Studies(items=[chart], numbers=numbers if id in _TOLD else [])


def _edges(values: Kinds, *, log: bool) -> Floats | None:
    found = range_of({k: np.log10(v) for k, v in values.items()} if log else values)
    if found is None:
        return None
    if all((v == np.round(v)).all() for v in values.values()):
        low = max(found[0], min(float(v.min()) for v in values.values()))
        step = max(1.0, np.ceil((found[1] - low) / _BINS))
        return np.arange(low, found[1] + step, step) - 0.5
    edges: Floats = np.linspace(*found, _BINS + 1)
    return 10**edges if log else edges


def _distance(id: str, title: str, observed: Floats, kind: str, simulated: Floats) -> Number:
    return Number(
        id=f"{id}_distance_{kind}".replace(" ", "_"),
        section=SECTION,
        title=f"{title}: observed and {kind}",
        value=distance(observed, simulated),
        n=min(len(observed), len(simulated)),
        definition="largest difference of the two cumulated distributions (Kolmogorov and Smirnov), 0 if they are the"
        " same, 1 if they do not overlap; n is that of the smaller sample",
    )


def distance(one: Floats, other: Floats) -> float:
    """Largest difference of the cumulated distributions of two samples.

    Examples
    --------
    >>> distance(np.array([1.0, 2.0]), np.array([3.0, 4.0])), distance(np.array([1.0, 2.0]), np.array([2.0, 1.0]))
    (1.0, 0.0)
    """
    first, second = np.sort(one), np.sort(other)
    both = np.concatenate([first, second])
    shares = [np.searchsorted(s, both, side="right") / len(s) for s in (first, second)]
    return float(np.abs(shares[0] - shares[1]).max())


def _missing(reason: str) -> Studies:
    return Studies(missing=[Missing(section=SECTION, title=SECTION, reason=reason)])


__all__ = ["MOST", "OBSERVED", "beside_observation", "distance"]
