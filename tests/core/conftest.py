"""Real files, real cameras, and sources that are closed after the test."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from gammalearn_core.api import Batch
from gammalearn_core.api import CameraGeometry
from gammalearn_core.api import CameraSpec
from gammalearn_core.api import Images
from gammalearn_core.api import InputSpec
from gammalearn_core.builtin.loaders.dl1 import DL1Source

TESTS = Path(__file__).parents[1] / "data"
EXAMPLES = Path(__file__).parents[2] / "examples" / "data"


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> Iterator[None]:
    """Several threads, or several workers of pytest, slow each other down on tensors as small as these."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What runs remember of files does not go to the user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GAMMALEARN_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def find() -> Callable[[str], Path]:
    """``find("gamma_test")``: a real DL1 file, of the tests or of the examples."""

    def search(name: str) -> Path:
        return next(p for folder in (TESTS, EXAMPLES) if (p := folder / f"{name}.dl1.h5").exists())

    return search


@pytest.fixture
def copy_of(find: Callable[[str], Path], tmp_path: Path) -> Callable[..., Path]:
    """``copy_of("gamma_test")``: a copy that a test may change."""

    def copy(name: str, new: str = "copy.dl1.h5") -> Path:
        return Path(shutil.copy(find(name), tmp_path / new))

    return copy


@pytest.fixture
def open_dl1(find: Callable[[str], Path]) -> Iterator[Callable[..., DL1Source]]:
    """``open_dl1("gamma_test", level="subarray")``: a source of a real file, or of files by path."""
    opened: list[DL1Source] = []

    def create(*files: str | Path, **params: object) -> DL1Source:
        paths = [find(f) if isinstance(f, str) else f for f in files]
        opened.append(DL1Source(paths, **params))  # type: ignore[arg-type]
        return opened[-1]

    yield create
    for source in opened:
        source.close()


@pytest.fixture
def whole() -> Callable[[DL1Source], Batch]:
    """``whole(source)``: all samples in one batch."""
    return lambda source: source.read(np.arange(len(source.events)))


@pytest.fixture(scope="session")
def camera() -> Callable[[str], CameraGeometry]:
    """``camera("LSTCam")``: one of twelve real cameras."""
    values = np.load(TESTS / "cameras.npz")

    def create(name: str, focal_length: float = 28.0) -> CameraGeometry:
        x, y, area = (values[f"{name}_{column}"] for column in ("x", "y", "area"))
        return CameraGeometry(name=name, x=x, y=y, area=area, focal_length=focal_length)

    return create


@pytest.fixture(scope="session")
def inputs() -> Callable[..., InputSpec]:
    """``inputs(geometry, channels=…, shape=…)``: what a transform or a network is told of the images."""

    def create(
        *geometries: CameraGeometry, channels: tuple[str, ...] = ("image", "peak_time"), shape: tuple[int, ...] = ()
    ) -> InputSpec:
        specs = {g.name: CameraSpec(geometry=g, shape=shape or (g.n_pixels,), channels=channels) for g in geometries}
        return InputSpec(level="telescope" if len(specs) == 1 else "subarray", cameras=specs)

    return create


@pytest.fixture(scope="session")
def mono() -> Callable[..., Batch]:
    """``mono(pixels, "LSTCam")``: images of one camera, ``(n, channels, n_pixels)``."""

    def create(
        pixels: Tensor | NDArray[np.float64], key: str, channels: tuple[str, ...] = ("image", "peak_time")
    ) -> Batch:
        values = torch.as_tensor(pixels, dtype=torch.float32)
        n = len(values)
        group = Images(
            pixels=values,
            channels=channels,
            event=torch.arange(n),
            telescope=torch.ones(n, dtype=torch.int64),
            position=torch.zeros(n, 3),
            pointing=torch.zeros(n, 2, dtype=torch.float64),
        )
        return Batch(images={key: group}, events={"row": torch.arange(n)})

    return create
