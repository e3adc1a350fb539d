"""`draw_gallery`: events as their telescopes see them, beside their truth."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from gammalearn_core import GammalearnError
from gammalearn_showers.block import Block
from gammalearn_showers.dl1 import SkyPixels
from gammalearn_showers.dl1 import image_parameters
from gammalearn_showers.instrument import Subarray
from gammalearn_showers.panels import Event
from gammalearn_showers.panels import Seen
from gammalearn_showers.panels import draw_charge
from gammalearn_showers.panels import draw_time
from gammalearn_showers.production import Production
from gammalearn_showers.runs import blocks
from gammalearn_showers.simulator import Simulator
from gammalearn_showers.sky import offset

MOST_COLUMNS = 4
"""Telescopes shown of an event: those with most light."""
DPI = 110
MARGIN, WIDTH, SIDE = 0.2, 2.6, 2.0
"""Inches: of the border, between two columns, and of a panel."""
TOP, TITLE, LABEL, GAP = 0.7, 0.3, 0.22, 0.14
LEGEND = "above charges, below arrival times in the frame; star: true direction; dashes: axis of the cleaned image"


def draw_gallery(path: Path, simulator: Simulator, *, count: int, run: int = 1) -> None:
    """Draw the first events of a run to a PNG.

    Parameters
    ----------
    path : Path
    simulator : Simulator
    count : int
        Events, one a pair of rows: charge above, time below.
    run : int
        The events are those of the file of this run.

    Raises
    ------
    GammalearnError
        The file cannot be written.
    NoEventsError
        The array does not trigger on such showers.
    """
    production = simulator.production
    events = [e for block in blocks(simulator, run, count) for e in events_of(block, production)]
    part = path.with_name(f".{path.name}.part")
    try:
        figure(events, production).savefig(part, format="png", dpi=DPI)
        os.replace(part, path)
    except OSError as error:
        with suppress(OSError):
            part.unlink()
        raise GammalearnError(f"{path} could not be written: {error.strerror or error}") from error


def events_of(block: Block, production: Production) -> Iterator[Event]:
    """Events of a block, with titles that tell their truth."""
    showers = block.showers
    for row in np.flatnonzero(showers.triggered):
        seen = list(_images(block, int(row), production.subarray))
        seen.sort(key=lambda s: -float(s.charge[s.mask].sum()))
        lon, lat = offset(showers.alt[row], showers.az[row], production)
        distance = float(np.hypot(showers.core_x[row], showers.core_y[row]))
        title = (
            f"{production.primary}, {_energy(float(showers.energy[row]))}   core at {distance:.0f} m   "
            f"{np.hypot(lon, lat):.2f}° off axis   first interaction at {showers.h_first_int[row] / 1000:.1f} km"
        )
        kept = tuple(sorted(seen[:MOST_COLUMNS], key=lambda s: s.tel_id))
        yield Event(title=title, source=(lon, lat), images=kept)


def _images(block: Block, row: int, subarray: Subarray) -> Iterator[Seen]:
    for kind, images in zip(subarray.types, block.images, strict=True):
        here = np.flatnonzero(images.shower == row)
        charge, time = images.charge[here], images.peak_time[here]
        pixels = SkyPixels.of(kind.camera, kind.effective_focal_length)
        found = image_parameters(pixels, charge, time, picture=kind.picture_threshold, boundary=kind.boundary_threshold)
        axes = [found.columns[f"hillas_{n}"] for n in ("fov_lon", "fov_lat", "psi")]
        for i, place in enumerate(here):
            lon, lat, psi = (float(a[i]) for a in axes)
            yield Seen(
                tel_id=int(subarray.tel_id[images.telescope[place]]),
                kind=kind,
                charge=charge[i],
                peak_time=time[i],
                mask=found.mask[i],
                axis=(lon, lat, psi),
                impact=float(images.impact[place]),
            )


def _energy(energy: float) -> str:
    return f"{energy * 1000:.0f} GeV" if energy < 1 else f"{energy:.1f} TeV"


def figure(events: list[Event], production: Production) -> Figure:
    """The whole gallery."""
    columns = max(3, *(len(e.images) for e in events))
    row = TITLE + LABEL + 2 * SIDE + 2 * GAP
    width, height = 2 * MARGIN + columns * WIDTH, TOP + len(events) * row
    drawn = Figure(figsize=(width, height))
    FigureCanvasAgg(drawn)
    drawn.text(MARGIN / width, 1 - 0.25 / height, _heading(production), va="center", fontsize=11)
    drawn.text(MARGIN / width, 1 - 0.47 / height, LEGEND, va="center", fontsize=8.5, color="0.3")
    for number, event in enumerate(events):
        top = height - TOP - number * row
        drawn.text(MARGIN / width, (top - TITLE / 2) / height, event.title, va="center", fontsize=9.5, weight="bold")
        for column, image in enumerate(event.images):
            left, bottom = MARGIN + column * WIDTH, top - TITLE - LABEL - SIDE
            label = f"{image.kind.size_type} {image.tel_id} at {image.impact:.0f} m"
            drawn.text(left / width, (bottom + SIDE + LABEL / 2) / height, label, va="center", fontsize=8.5)
            draw_charge(drawn, (left, bottom, SIDE), image, event)
            draw_time(drawn, (left, bottom - GAP - SIDE, SIDE), image, event)
    return drawn


def _heading(production: Production) -> str:
    least, most = production.energy_range
    cameras = ", ".join(kind.camera.name for kind in production.subarray.types)
    return (
        f"{production.primary}s at {production.subarray.name!r} ({cameras}), zenith {production.zenith:g}°,"
        f" {least:g} to {most:g} TeV, E$^{{{production.index:g}}}$, seed {production.seed}"
    )


__all__ = ["draw_gallery", "events_of", "figure"]
