"""From parameters of images to what is predicted of events: forests, means over telescopes, and axes that cut."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import attrs
import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from gammalearn_core.baseline.axes import Geometry
from gammalearn_core.baseline.axes import intersect
from gammalearn_core.baseline.axes import unit_vectors
from gammalearn_core.baseline.features import direction
from gammalearn_core.baseline.features import features
from gammalearn_core.baseline.features import true_disp
from gammalearn_core.baseline.forests import Forests
from gammalearn_core.baseline.forests import Growth
from gammalearn_core.baseline.forests import Lessons
from gammalearn_core.baseline.images import ImageTable
from gammalearn_core.baseline.opening import OpenedRun
from gammalearn_core.baseline.quantities import kinds_of
from gammalearn_core.data.split import shower_hash
from gammalearn_core.data.truth import PRIMARY

Floats = NDArray[np.float64]
_log = logging.getLogger(__name__)


@frozen(kw_only=True, eq=False)
class Estimates:
    """What the baseline says of all events of a run, NaN of those that it was not asked for or knows nothing of.

    Attributes
    ----------
    quantities : mapping of str to array of float, (n_events,)
        ``energy`` (TeV), ``alt``, ``az`` (deg), ``core_x``, ``core_y`` (m), ``prediction`` (gammaness).
    importances : mapping of str
        By camera, by forest, by feature.
    training : mapping of str to int
        Images that the forests of each camera were trained with.
    """

    quantities: Mapping[str, Floats]
    importances: Mapping[str, Mapping[str, Mapping[str, float]]]
    training: Mapping[str, int]


def estimate(opened: OpenedRun, images: ImageTable, growth: Growth) -> Estimates:
    """Train on the run's training split, and predict all other events."""
    subarray = opened.selected.inputs.level == "subarray"
    geometry = _geometry(opened, images) if subarray else None
    given = features(images, _of_event(images, geometry, len(opened.events)))
    lessons = _lessons(opened, images)
    training = np.isin(images.event, opened.splits["train"])
    forests = [Forests(growth, camera) for camera in images.cameras]
    made: dict[str, Floats] = {}
    counts: dict[str, int] = {}
    for number, camera in enumerate(images.cameras):
        learn, ask = ((images.camera == number) & of for of in (training, ~training))
        counts[camera] = int(np.count_nonzero(learn))
        _log.info("%s: %d images to learn from, %d to predict", camera, counts[camera], np.count_nonzero(ask))
        _put(made, learn, forests[number].fit_regressions(_taken(given, learn), lessons.take(learn)))
        _put(made, ask, forests[number].regressions(_taken(given, ask)))
    second = {**given, **made, **(_energy_of_event(images, made, len(opened.events)) if subarray else {})}
    for number in range(len(images.cameras)):
        learn, ask = ((images.camera == number) & of for of in (training, ~training))
        forests[number].fit_particle(_taken(second, learn), lessons.take(learn))
        _put(made, ask, forests[number].gammaness(_taken(second, ask)))
    quantities = _joined(images, made, len(opened.events))
    if geometry is not None:
        quantities = _with_axes(quantities, geometry)
    asked = ~np.isin(np.arange(len(opened.events)), opened.splits["train"])
    return Estimates(
        quantities={name: np.where(asked, values, np.nan) for name, values in quantities.items()},
        importances={camera: of.importances for camera, of in zip(images.cameras, forests, strict=True)},
        training=counts,
    )


def _put(made: dict[str, Floats], rows: NDArray[np.bool_], values: Mapping[str, Floats]) -> None:
    for name, column in values.items():
        made.setdefault(name, np.full(len(rows), np.nan))[rows] = column


def _energy_of_event(images: ImageTable, made: Mapping[str, Floats], n_events: int) -> dict[str, Floats]:
    """The mean that telescopes agree on: an image that says something else is one of a hadron rather."""
    if "log_energy" not in made:
        return {}
    return {"log_energy_of_event": _mean(images, made["log_energy"], _weight(images), n_events)[images.event]}


def _weight(images: ImageTable) -> Floats:
    return images.values["hillas_intensity"]


def _taken(given: Mapping[str, Floats], rows: NDArray[np.bool_]) -> dict[str, Floats]:
    return {name: values[rows] for name, values in given.items()}


def _geometry(opened: OpenedRun, images: ImageTable) -> Geometry:
    events = opened.events
    return intersect(images.axes(), events["pointing_alt"], events["pointing_az"])


def _axes_of_events(images: ImageTable, n_events: int) -> NDArray[np.int64]:
    """Images with an axis, of each event."""
    axes = images.axes()
    return np.bincount(axes.event[axes.usable], minlength=n_events)


def _of_event(images: ImageTable, geometry: Geometry | None, n_events: int) -> dict[str, Floats]:
    """Features that take all images of an event."""
    if geometry is None:
        return {}
    counts = _axes_of_events(images, n_events)
    with np.errstate(divide="ignore"):
        mean = np.log10(_mean(images, _weight(images), np.ones(len(images)), n_events))
    return {
        "impact_distance": geometry.distances(images.axes()),
        "height": geometry.height[images.event],
        "log_mean_intensity": mean[images.event],
        "n_images": counts[images.event].astype(np.float64),
    }


def _lessons(opened: OpenedRun, images: ImageTable) -> Lessons:
    """Truth of the images, of what the run learns."""
    events, at = opened.events, images.event
    nothing = np.zeros(len(events), dtype=bool)
    tasks = {kind: name for name, kind in kinds_of(opened.built.tasks).items()}
    known = {kind: opened.known(name) for kind, name in tasks.items()}
    norm = positive = None
    if "direction" in tasks:
        norm, positive = true_disp(images, events["true_alt"][at], events["true_az"][at])
    with np.errstate(invalid="ignore", divide="ignore"):
        log_energy = np.log10(events["true_energy"])[at] if "energy" in tasks else None
    return Lessons(
        gamma=(np.asarray(events[PRIMARY]) == 0)[at] if "particle" in tasks else None,
        log_energy=log_energy,
        norm=norm,
        positive=positive,
        has_particle=known.get("particle", nothing)[at],
        has_energy=known.get("energy", nothing)[at],
        has_direction=known.get("direction", nothing)[at],
        weight=opened.weights[at],
        shower=shower_hash(events)[at],
    )


def _joined(images: ImageTable, made: Mapping[str, Floats], n_events: int) -> dict[str, Any]:
    """Means over the images of each event, weighted by intensity; of directions as unit vectors.

    Directions are weighted as their axes are, since those of long, narrow images are known better; an image without
    width counts as if it were round.
    """
    weight = _weight(images)
    found: dict[str, Any] = {}
    if "log_energy" in made:
        found["energy"] = 10 ** _mean(images, made["log_energy"], weight, n_events)
    if "gammaness" in made:
        found["prediction"] = _mean(images, made["gammaness"], weight, n_events)
    if "disp" in made:
        alt, az = direction(images, made["disp"])
        of_axes = images.axes().weight
        found["alt"], found["az"] = _mean_direction(images, alt, az, np.where(of_axes > 0, of_axes, weight), n_events)
    return found


def _mean(images: ImageTable, values: Floats, weight: Floats, n_events: int) -> Floats:
    known = np.isfinite(values) & np.isfinite(weight) & (weight > 0)
    event = images.event[known]
    sums = np.bincount(event, weights=weight[known], minlength=n_events)
    with np.errstate(invalid="ignore"):
        mean = np.bincount(event, weights=weight[known] * values[known], minlength=n_events) / sums
    return np.asarray(mean)


def _mean_direction(
    images: ImageTable, alt: Floats, az: Floats, weight: Floats, n_events: int
) -> tuple[Floats, Floats]:
    if len(images) == n_events and np.array_equal(images.event, np.arange(n_events)):
        return alt, az
    x, y, z = (_mean(images, part, weight, n_events) for part in unit_vectors(alt, az).T)
    return np.degrees(np.arctan2(z, np.hypot(x, y))), np.degrees(np.arctan2(-y, x)) % 360


def _with_axes(quantities: Mapping[str, Floats], geometry: Geometry) -> dict[str, Floats]:
    """Impact points of axes, and their directions where disp knows of none."""
    found = {**quantities, **attrs.asdict(geometry, filter=attrs.filters.exclude("height"))}
    for name in ("alt", "az"):
        if name in quantities:
            found[name] = np.where(np.isfinite(quantities["alt"]), quantities[name], found[name])
    return found


__all__ = ["Estimates", "estimate"]
