"""Cameras of a few hundred pixels, events of showers whose geometry is known, and small encoders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch import nn

from gammalearn_core.api import Batch
from gammalearn_core.api import CameraGeometry
from gammalearn_core.api import CameraSpec
from gammalearn_core.api import Images
from gammalearn_core.api import InputSpec
from gammalearn_core.api import OutputSpec
from gammalearn_core.api import TaskSpec
from gammalearn_stereo.sky import Frame
from gammalearn_stereo.transforms.moments import Moments

HEIGHT = 100.0
"""Of the middle of each shower above the telescopes, along its direction, in hundreds of metres."""
CHANNELS = ("image", "peak_time")


def hexagonal(radius: int, name: str, *, field: float = 4.0) -> CameraGeometry:
    """A hexagon of pixels that sees this many deg to each side."""
    steps = np.arange(-radius, radius + 1)
    q, r = (a.ravel() for a in np.meshgrid(steps, steps))
    inside = np.abs(q + r) <= radius
    q, r = q[inside], r[inside]
    pitch = 28 * np.radians(field) / radius
    area = np.full(len(q), pitch**2 * 0.75**0.5)
    return CameraGeometry(name=name, x=pitch * (q + r / 2), y=pitch * r * 0.75**0.5, area=area, focal_length=28.0)


CAMERAS = {"Large": hexagonal(12, "Large"), "Small-28.5m": hexagonal(8, "Small", field=4.5)}
"""The second key has a dot, as those of cameras that differ in focal length alone."""


def spec(geometry: CameraGeometry) -> CameraSpec:
    return CameraSpec(geometry=geometry, shape=(geometry.n_pixels,), channels=CHANNELS)


INPUTS = InputSpec(level="subarray", cameras={key: spec(geometry) for key, geometry in CAMERAS.items()})


def task(name: str, size: int, geometry: str) -> TaskSpec:
    return TaskSpec(name=name, target=f"core.{name}", size=size, geometry=geometry)


TASKS = OutputSpec(
    tasks={
        "particle": task("particle", 2, "class"),
        "energy": task("energy", 1, "scalar"),
        "direction": task("direction", 2, "camera_vector"),
        "impact": task("impact", 2, "ground_vector"),
    }
)


def showers(
    multiplicities: Sequence[int], *, seed: int = 1, alt: float = 70.0, az: float = 30.0, noise: float = 0.0
) -> Batch:
    """Events seen by so many telescopes, of both cameras in turn, with their truth; measured by ``stereo.moments``."""
    generator = np.random.default_rng(seed)
    n = len(multiplicities)
    frame = Frame.at(torch.full((n,), alt), torch.full((n,), az))
    direction = torch.from_numpy(generator.uniform(-1, 1, (n, 2)))
    core = torch.from_numpy(np.column_stack([generator.uniform(-1.5, 1.5, (n, 2)), np.zeros(n)]))
    event = torch.from_numpy(np.repeat(np.arange(n), multiplicities))
    telescope = torch.from_numpy(
        np.concatenate([np.arange(m) for m in multiplicities] or [np.zeros(0)]).astype(np.int64)
    )
    angle, far = generator.uniform(0, 2 * np.pi, len(event)), generator.uniform(1.0, 3.0, len(event))
    position = np.column_stack([far * np.cos(angle), far * np.sin(angle), generator.uniform(0, 0.3, len(event))])
    images = {}
    for number, (key, geometry) in enumerate(CAMERAS.items()):
        mine = telescope % 2 == number
        if mine.any():
            images[key] = _seen(
                geometry, frame.take(event[mine]), direction[event[mine]], core[event[mine]], position[mine.numpy()],
                event[mine], telescope[mine] + 1, alt=alt, az=az, noise=noise, generator=generator,
            )  # fmt: skip
    batch = Batch(
        images=images,
        events={
            "row": torch.arange(n),
            "pointing_alt": torch.full((n,), alt, dtype=torch.float64),
            "pointing_az": torch.full((n,), az, dtype=torch.float64),
        },
        truth={"direction": direction.float(), "impact": core[:, :2].float()},
        weight={"direction": torch.ones(n), "impact": torch.ones(n)},
    )
    return measured(batch)


def measured(batch: Batch) -> Batch:
    """With the columns of ``stereo.moments``."""
    return Moments(inputs=INPUTS, thresholds=(4, 2))(batch, torch.Generator())


def _seen(
    geometry: CameraGeometry, frame: Frame, direction: Tensor, core: Tensor, position: np.ndarray, event: Tensor,
    telescope: Tensor, *, alt: float, az: float, noise: float, generator: np.random.Generator,
) -> Images:  # fmt: skip
    """What telescopes see of showers that are lines of light, bright in the middle."""
    place = torch.from_numpy(position)
    way = frame.vectors(direction)
    pixels = torch.from_numpy(generator.normal(0, noise, (len(event), 2, geometry.n_pixels)))
    at = torch.from_numpy(np.degrees(np.column_stack([geometry.y, geometry.x]) / geometry.focal_length))
    for height in np.linspace(0.75, 1.35, 25):
        seen = frame.offsets(core + HEIGHT * height * way - place)
        light = 60 * np.exp(-0.5 * ((height - 1) / 0.15) ** 2)
        pixels[:, 0] += light * torch.exp(-0.5 * (torch.cdist(seen, at) / 0.25) ** 2)
    pixels[:, 1] += at.sum(dim=1)
    return Images(
        pixels=pixels.float(),
        channels=CHANNELS,
        event=event,
        telescope=telescope,
        position=(100 * place).float(),
        pointing=torch.tensor([[alt, az]], dtype=torch.float64).expand(len(event), 2).clone(),
    )


class Tiny(nn.Module):
    """A mono network: mean and largest pixel of each channel, and a linear layer a task. Counts what it is given."""

    def __init__(self, *, inputs: InputSpec, outputs: OutputSpec) -> None:
        super().__init__()
        assert inputs.level == "telescope"
        self.shape = (len(inputs.camera.channels), *inputs.camera.shape)
        self.hidden = nn.Linear(2 * self.shape[0], 8)
        self.heads = nn.ModuleList(nn.Linear(8, t.size) for t in outputs.tasks.values())
        self.tasks = tuple(outputs.tasks)
        self.given: list[int] = []

    def forward(self, pixels: Tensor, **columns: Tensor) -> dict[str, Tensor]:
        assert pixels.shape[1:] == self.shape
        self.given.append(len(pixels))
        found = torch.cat([pixels.mean(dim=2), pixels.amax(dim=2)], dim=1).asinh()
        hidden = torch.tanh(self.hidden(found))
        return {name: head(hidden) for name, head in zip(self.tasks, self.heads, strict=True)}


class Maker:
    """What the core gives in place of a ref."""

    def __init__(self, target: Any = Tiny, *, takes: tuple[str, ...] = (), **parameters: Any) -> None:
        self.target, self.takes, self.parameters = target, takes, parameters
        self.made: list[nn.Module] = []

    @property
    def label(self) -> str:
        return str(self.target.__name__)

    def fact(self, name: str) -> Any:
        return {"takes": self.takes, "lattice": "any", "stereo": False}[name]

    def __call__(self, **keywords: Any) -> nn.Module:
        self.made.append(self.target(**keywords, **self.parameters))
        return self.made[-1]


def as_measured(inputs: InputSpec = INPUTS) -> InputSpec:
    """What ``stereo.moments`` leaves."""
    return Moments(inputs=inputs).outputs


def in_double(batch: Batch) -> Batch:
    """The same with pixels in double precision."""
    return replace(batch, images={key: replace(g, pixels=g.pixels.double()) for key, g in batch.images.items()})
