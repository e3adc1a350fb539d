"""Blocks of made-up showers for the tests of `gammalearn_showers.dl1`: blobs of light in 13 cameras."""

from __future__ import annotations

from datetime import UTC
from datetime import datetime
from pathlib import Path

import attrs
import numpy as np
from numpy.typing import NDArray

from gammalearn_showers.block import Block
from gammalearn_showers.block import Images
from gammalearn_showers.block import Showers
from gammalearn_showers.dl1 import DL1Writer
from gammalearn_showers.dl1 import SkyPixels
from gammalearn_showers.instrument import TelescopeType
from gammalearn_showers.instrument import subarray
from gammalearn_showers.production import Production

PRODUCTION = Production(
    primary="proton",
    subarray=subarray("mixed"),
    zenith=20.0,
    azimuth=185.0,
    energy_range=(0.05, 20.0),
    index=-2.5,
    viewcone=4.0,
    scatter_radius=700.0,
    min_telescopes=2,
    seed=5,
)
ABOUT: dict[str, str | int | float] = {"version": "1.2.3", "seed": 5, "index": -2.5}
CREATED = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)


def block(first: int = 0, count: int = 40, *, rate: float = 0.35, production: Production = PRODUCTION) -> Block:
    """Showers ``first`` to ``first + count``; each telescope of each has an image with this probability."""
    rng = np.random.default_rng([17, first])
    telescopes = rng.random((count, len(production.subarray))) < rate
    telescopes[telescopes.sum(axis=1) < production.min_telescopes] = False
    showers = Showers(
        number=np.arange(first, first + count),
        energy=0.05 / (1 - rng.uniform(0, 0.99, count)),
        alt=np.radians(70 + rng.uniform(-3, 3, count)),
        az=np.radians(185 + rng.uniform(-5, 5, count)),
        core_x=rng.uniform(-400, 400, count),
        core_y=rng.uniform(-400, 400, count),
        h_first_int=rng.uniform(1e4, 3e4, count),
        x_max=rng.uniform(250, 600, count),
        triggered=np.asarray(telescopes.any(axis=1)),
    )
    images = []
    for number, kind in enumerate(production.subarray.types):
        shower, telescope = np.nonzero(telescopes & (production.subarray.tel_type == number))
        images.append(_images(rng, kind, shower, telescope))
    return Block(showers, tuple(images))


def _images(
    rng: np.random.Generator, kind: TelescopeType, shower: NDArray[np.int64], telescope: NDArray[np.int64]
) -> Images:
    pixels = SkyPixels.of(kind.camera, kind.effective_focal_length)
    place = rng.uniform(-1, 1, (len(shower), 2, 1))
    square = ((pixels.lon - place[:, 0]) / 0.3) ** 2 + ((pixels.lat - place[:, 1]) / 0.15) ** 2
    light = np.exp(-square / 2)
    light *= rng.exponential(400, (len(shower), 1)) / light.sum(axis=1, keepdims=True)
    true = rng.poisson(light).astype(np.int32)
    times = np.where(true > 0, rng.normal(30, 1, true.shape), rng.uniform(0, 60, true.shape))
    return Images(
        shower=shower,
        telescope=telescope,
        charge=(true + rng.normal(0, 1, true.shape)).astype(np.float32),
        peak_time=times.astype(np.float32),
        true_image=true,
        impact=rng.uniform(0, 500, len(shower)),
    )


def without_images(of: Block) -> Block:
    """The same showers, of which none triggers."""
    nothing = Images(
        shower=np.zeros(0, dtype=np.int64),
        telescope=np.zeros(0, dtype=np.int64),
        charge=np.zeros((0, 1), dtype=np.float32),
        peak_time=np.zeros((0, 1), dtype=np.float32),
        true_image=np.zeros((0, 1), dtype=np.int32),
        impact=np.zeros(0),
    )
    showers = attrs.evolve(of.showers, triggered=np.zeros(len(of.showers), dtype=np.bool_))
    return Block(showers, tuple(nothing for _ in of.images))


def write(path: Path, *blocks: Block, obs_id: int = 7, production: Production = PRODUCTION) -> Path:
    """A complete file of these blocks."""
    with DL1Writer(path, production, obs_id=obs_id, provenance=ABOUT, created=CREATED) as writer:
        for each in blocks:
            writer.write(each)
        writer.finish()
    return path
