"""Columns that filters and weights say they read, compared with those that there are."""

from __future__ import annotations

from collections.abc import Iterator

from gammalearn_core.data.table import EventTable
from gammalearn_core.engine.components import Part
from gammalearn_core.errors import Problem
from gammalearn_core.plugin.names import suggest


def missing_columns(part: Part, function: object, events: EventTable) -> Iterator[Problem]:
    """A problem for each column that a filter or weight reads and the data lack.

    Parameters
    ----------
    part : Part
    function : object
        What the part gives. Its attribute ``columns``, if there is one, says what it reads; ``image_columns`` what it
        reads of the images of events; ``advice`` what to do if that is missing.
    events : EventTable
        All events.
    """
    of_images = part.role == "filter" and part.fact("scope") == "image"
    table = events.images if of_images else events
    missing = [names[0] for names in _columns(function) if not any(name in table for name in names)]
    for name in dict.fromkeys(missing):
        what = f"reads the column {name!r}, which the data do not have"
        hint = _elsewhere(name, events, of_images=of_images) or suggest(name, table.names)
        yield Problem(f"{part.where} {part.ref.label}", what, hint or getattr(function, "advice", ""))
    missing = [names[0] for names in _columns(function, "image_columns") if not any(n in events.images for n in names)]
    if missing:
        what = f"reads the column {missing[0]!r} of images, which the data do not have"
        yield Problem(f"{part.where} {part.ref.label}", what, getattr(function, "advice", ""))


def _columns(function: object, attribute: str = "columns") -> list[tuple[str, ...]]:
    """Columns that are read; of several names that stand together, one is enough."""
    said = getattr(function, attribute, ())
    return [(c,) if isinstance(c, str) else tuple(c) for c in said] if isinstance(said, (list, tuple)) else []


def _elsewhere(name: str, events: EventTable, *, of_images: bool) -> str:
    """Where a column is that is not among those of images, or of events."""
    if of_images and name in events:
        return "events have it, images do not: a filter of scope 'event' reads it, such as core.event_cut"
    if not of_images and name in events.images:
        return "images have it, events do not: a filter of scope 'image' reads it, such as core.cut"
    return ""


__all__ = ["missing_columns"]
