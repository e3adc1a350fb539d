"""Events for the page: images on the pixels of their cameras, with truth and prediction."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from attrs import field
from attrs import frozen

from gammalearn_core.data.table import EventTable
from gammalearn_core.reporting.cameras import drawn_camera
from gammalearn_core.reporting.cameras import drawn_charges
from gammalearn_core.reporting.cameras import place_in_camera
from gammalearn_core.reporting.choosing import choose
from gammalearn_core.reporting.facts import primary
from gammalearn_core.reporting.images import Image
from gammalearn_core.reporting.images import find_images
from gammalearn_core.reporting.numbers import digits
from gammalearn_core.reproducing.recorded import RecordedRun
from gammalearn_core.results.performance import EventResults
from gammalearn_core.results.predictions import Predictions

NOTE = (
    "Colours go from 0 (dark) to the brightest pixel (yellow) of each image; a grey pixel has no value. A white cross"
    " is the true direction and an orange ring the predicted one, where they are in the camera. The camera's x axis,"
    " which grows with altitude, points to the right, and its y axis, which grows with azimuth, up."
)
_ROWS = (
    ("energy [TeV]", "true_energy", "reco_energy"),
    ("altitude [deg]", "true_alt", "reco_alt"),
    ("azimuth [deg]", "true_az", "reco_az"),
    ("core x [m]", "true_core_x", "reco_core_x"),
    ("core y [m]", "true_core_y", "reco_core_y"),
)


@frozen(kw_only=True)
class Event:
    """One event as it is shown."""

    number: int
    """Of its image in the page's data."""
    event_id: int
    particle: str
    told: str
    rows: list[tuple[str, str, str]]
    """Quantity, truth and prediction."""


@frozen(kw_only=True)
class Group:
    """Events of one kind."""

    title: str
    definition: str
    events: list[Event]


@frozen(kw_only=True)
class Gallery:
    """Everything of the gallery: what the template shows, and what the scripts draw."""

    groups: list[Group]
    data: dict[str, Any] = field(repr=False)
    note: str = NOTE


def make_gallery(predictions: Predictions, recorded: RecordedRun, *, data_root: Path | None) -> Gallery | None:
    """The gallery of a test split; None if it has no event with truth, or none of its images is found.

    Raises
    ------
    DataError
        The data are not found or damaged.
    """
    results = EventResults.from_predictions(predictions)
    chosen = choose(results)
    if not chosen:
        return None
    rows = np.concatenate([c.rows for c in chosen])
    events, results = predictions.events.take(rows), results.take(rows)
    images = find_images(recorded, events, data_root=data_root)
    cameras: list[Any] = []
    drawn: list[dict[str, Any]] = []
    groups, start = [], 0
    for kind in chosen:
        members = []
        for place in range(start, start + len(kind.rows)):
            image = images[place]
            if image is not None:
                members.append(_event(len(drawn), place, events, results, image))
                drawn.append(_drawn(place, results, image, cameras))
        start += len(kind.rows)
        if members:
            groups.append(Group(title=kind.title, definition=kind.definition, events=members))
    if not drawn:
        return None
    return Gallery(groups=groups, data={"cameras": [drawn_camera(c) for c in cameras], "events": drawn})


def _drawn(place: int, results: EventResults, image: Image, cameras: list[Any]) -> dict[str, Any]:
    number = next((i for i, c in enumerate(cameras) if c.same_as(image.geometry)), len(cameras))
    if number == len(cameras):
        cameras.append(image.geometry)
    found: dict[str, Any] = {"camera": number, "charge": drawn_charges(image.charges, image.valid)}
    for name, columns in (
        ("true", (results.true_alt, results.true_az)),
        ("predicted", (results.reco_alt, results.reco_az)),
    ):
        alt, az = columns
        if alt is not None and az is not None:
            direction = place_in_camera(image.geometry, float(alt[place]), float(az[place]), *image.pointing)
            found |= {name: direction} if direction else {}
    return found


def _event(number: int, place: int, events: EventTable, results: EventResults, image: Image) -> Event:
    ids = [f"{name} {int(events[column][place])}" for name, column in (("run", "obs_id"), ("event", "event_id"))]
    valid = image.charges[image.valid]
    light = f"{valid.sum():.0f} p.e. in all, {valid.max(initial=0):.0f} in the brightest pixel"
    rows = [(n, _value(getattr(results, t), place), _value(getattr(results, r), place)) for n, t, r in _ROWS]
    shown = [row for row in rows if row[2]]
    if results.gammaness is not None:
        shown.append(("gammaness", "", _value(results.gammaness, place)))
    angle = results.separation()
    if angle is not None:
        shown.append(("angle [deg]", "", _value(angle, place)))
    return Event(
        number=number,
        event_id=int(events["event_id"][place]),
        particle=primary(str(int(results.primary[place]))),
        told=f"{', '.join(ids)}, telescope {image.telescope}: {light}",
        rows=shown,
    )


def _value(values: Any, place: int) -> str:
    return "" if values is None else digits(float(values[place]))


__all__ = ["Event", "Gallery", "Group", "make_gallery"]
