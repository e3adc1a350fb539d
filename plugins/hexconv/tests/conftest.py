"""Cameras: real ones, and made ones of any size."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from gammalearn_core.api import CameraGeometry
from gammalearn_core.api import CameraSpec
from gammalearn_core.api import InputSpec
from gammalearn_core.api import OutputSpec
from gammalearn_core.api import TaskSpec

if TYPE_CHECKING:
    from numpy.typing import NDArray

REAL = ("FlashCam", "MAGICCam", "VERITAS")
TABLES = np.load(Path(__file__).parent / "data" / "cameras.npz")
ALL = sorted({key.partition("/")[0] for key in TABLES.files})


@pytest.fixture(autouse=True)
def _repeatable() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(20)
    yield
    torch.set_num_threads(threads)


def at(name: str, x: NDArray[np.float64], y: NDArray[np.float64]) -> CameraGeometry:
    """A camera with pixels at these places."""
    return CameraGeometry(name=name, x=x, y=y, area=np.ones(len(x)), focal_length=28.0)


def real(name: str) -> CameraGeometry:
    """A camera of ``data``."""
    values = {key: TABLES[f"{name}/{key}"] for key in ("x", "y", "area")}
    return CameraGeometry(name=name, focal_length=28.0, **values)


HEXAGONAL = [name for name in ALL if real(name).kind == "hexagonal"]
"""Every table of hexagonal pixels."""


def hexagonal(radius: int) -> CameraGeometry:
    """A hexagon of pixels, with one in the middle and ``radius`` to each side."""
    steps = np.arange(-radius, radius + 1)
    q, r = (a.ravel() for a in np.meshgrid(steps, steps))
    inside = np.abs(q + r) <= radius
    q, r = q[inside], r[inside]
    return at(f"hexagon{radius}", 0.05 * (q + r / 2), 0.05 * r * 0.75**0.5)


def ragged() -> CameraGeometry:
    """A hexagon of which a third of the pixels is missing, the rest in disorder and turned by 40 degrees."""
    whole = hexagonal(8)
    kept = np.random.default_rng(3).permutation(whole.n_pixels)[:150]
    z = (whole.x + 1j * whole.y)[kept] * np.exp(1j * np.radians(40))
    return at("ragged", z.real, z.imag)


def two_sizes() -> CameraGeometry:
    """Small hexagonal pixels, and around them larger ones: on no lattice as a whole."""
    inner, outer = hexagonal(4), hexagonal(7)
    far = np.hypot(outer.x, outer.y) > 0.14
    return at("two_sizes", np.append(inner.x, 2 * outer.x[far]), np.append(inner.y, 2 * outer.y[far]))


def square(side: int) -> CameraGeometry:
    """A camera that has no hexagonal pixels."""
    x, y = np.meshgrid(np.arange(side), np.arange(side))
    return at("square", x.ravel().astype(float), y.ravel().astype(float))


@pytest.fixture(params=[*REAL, "hexagon1", "hexagon8", "ragged"])
def camera(request: pytest.FixtureRequest) -> CameraGeometry:
    """Every camera in turn."""
    name = str(request.param)
    return real(name) if name in REAL else ragged() if name == "ragged" else hexagonal(int(name[-1]))


@pytest.fixture
def small() -> CameraGeometry:
    """217 pixels."""
    return hexagonal(8)


@pytest.fixture
def grid() -> CameraGeometry:
    """A square camera of 100 pixels."""
    return square(10)


@pytest.fixture
def inputs() -> Callable[..., InputSpec]:
    """``inputs(camera, channels, shape)``: what the network is told of the images."""

    def create(
        camera: CameraGeometry,
        channels: tuple[str, ...] = ("image", "peak_time"),
        shape: tuple[int, ...] = (),
    ) -> InputSpec:
        spec = CameraSpec(geometry=camera, shape=shape or (camera.n_pixels,), channels=channels)
        return InputSpec(level="telescope", cameras={camera.name: spec})

    return create


@pytest.fixture
def outputs() -> Callable[..., OutputSpec]:
    """``outputs(energy=1)``: a task of each name, of this size."""

    def create(**sizes: int) -> OutputSpec:
        return OutputSpec(tasks={n: TaskSpec(name=n, target=f"core.{n}", size=size) for n, size in sizes.items()})

    return create
