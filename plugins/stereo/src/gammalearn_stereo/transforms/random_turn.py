"""The transform ``stereo.random_turn``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import torch
from torch import Generator
from torch import Tensor

from gammalearn_core import Problem
from gammalearn_core import SettingsError
from gammalearn_core.api import Batch
from gammalearn_core.api import Images
from gammalearn_core.api import InputSpec
from gammalearn_core.api import Symmetry
from gammalearn_core.api import TaskSpec
from gammalearn_core.api import symmetries
from gammalearn_core.api import turn_columns
from gammalearn_core.api import turn_offsets
from gammalearn_core.api import unknown_columns
from gammalearn_stereo.measuring import COLUMNS
from gammalearn_stereo.measuring import PREFIX
from gammalearn_stereo.sky import Frame
from gammalearn_stereo.tokens import array_pointing

_APART = 0.01
"""Telescopes that point less far from the array's pointing, deg, point alike."""


class RandomTurn:
    """Turns a whole event about the pointing axis: images, places of the telescopes, and truth.

    The angle is drawn for each event from those that map the outlines of all cameras to themselves: six for LSTCam
    beside NectarCam, three if there is FlashCam. Pixels change places on the lattice and nothing is interpolated.
    Telescopes are carried around the pointing axis, so what they saw is what telescopes there would have seen, but for
    the atmosphere and the magnetic field, which do not turn with them: the farther from the zenith, the less is it so.

    Truth of the geometry ``camera_vector`` is turned on the sphere. That of ``ground_vector``, hundreds of metres, is
    turned about the pointing axis and carried to the ground again along the direction of the shower, which must be
    learned too. Columns of ``stereo.moments`` and DL1 parameters are turned with their images.

    Parameters
    ----------
    tasks : mapping of str to TaskSpec
        What is learned; given by the core.
    """

    def __init__(self, *, inputs: InputSpec, tasks: Mapping[str, TaskSpec]) -> None:
        if inputs.level != "subarray":
            raise ValueError("samples are single images: core.random_symmetry turns these")
        for key, camera in inputs.cameras.items():
            if not camera.on_pixels:
                raise ValueError(
                    f"images of {key} are not on the camera's own pixels: turn them before they are mapped"
                )
        self.outputs = inputs
        self._directions = _named(tasks, "camera_vector")
        self._impacts = _named(tasks, "ground_vector")
        if self._impacts and not self._directions:
            raise ValueError(
                f"the impact point of task {self._impacts[0]!r} cannot be turned without the direction of the shower:"
                " learn core.direction too, or leave random_turn out"
            )
        group = _common(inputs)
        self._source = {
            key: torch.from_numpy(np.stack([element.source for element in elements])) for key, elements in group.items()
        }
        first = next(iter(group.values()))
        self._matrix = torch.from_numpy(np.stack([element.matrix for element in first]))

    def __call__(self, batch: Batch, generator: Generator) -> Batch:
        device = batch.events["row"].device
        self._matrix = self._matrix.to(device)
        drawn = torch.randint(len(self._matrix), (len(batch),), generator=generator, device=device)
        frame, matrix = _frame(batch), self._matrix[drawn]
        directions = {n: turn_offsets(batch.truth[n], matrix) for n in self._directions if n in batch.truth}
        impacts = {n: self._impact(batch, n, directions, frame, matrix) for n in self._impacts if n in batch.truth}
        images = {key: self._turned(key, group, drawn, frame) for key, group in batch.images.items()}
        return replace(batch, images=images, truth=batch.truth | directions | impacts)

    def _turned(self, key: str, group: Images, drawn: Tensor, frame: Frame) -> Images:
        source = self._source[key] = self._source[key].to(group.pixels.device)
        mine, matrix = drawn[group.event], self._matrix[drawn[group.event]]
        moved = _carried(frame.take(group.event), group.position.double(), matrix)
        return replace(
            group,
            pixels=group.pixels.gather(2, source[mine][:, None].expand_as(group.pixels)),
            position=moved.to(group.position.dtype),
            columns=_columns(group, matrix),
        )

    def _impact(
        self, batch: Batch, name: str, directions: Mapping[str, Tensor], frame: Frame, matrix: Tensor
    ) -> Tensor:
        """Where showers reach the ground after the turn."""
        truth = batch.truth[name]
        known, direction = torch.zeros(len(batch), dtype=torch.bool, device=truth.device), torch.zeros_like(truth)
        for other, turned in directions.items():
            has = batch.weight[other] > 0
            direction = torch.where((has & ~known)[:, None], turned, direction)
            known = known | has
        if bool(((batch.weight[name] > 0) & ~known).any()):
            what = f"events have an impact point (task {name!r}) whose direction is not learned, so it cannot be turned"
            hint = "learn the direction of the same particles, or leave stereo.random_turn out"
            raise SettingsError([Problem("transforms stereo.random_turn", what, hint)])
        ground = torch.cat([truth.double(), torch.zeros_like(truth[:, :1], dtype=torch.float64)], dim=1)
        moved, way = _carried(frame, ground, matrix), frame.vectors(direction)
        return (moved - way * (moved[:, 2] / way[:, 2].clamp_min(0.1))[:, None])[:, :2].to(truth.dtype)


def _named(tasks: Mapping[str, TaskSpec], geometry: str) -> list[str]:
    """Tasks of a geometry, which have two numbers."""
    found = [task for task in tasks.values() if task.geometry == geometry]
    for task in found:
        if task.size != 2:
            raise ValueError(f"the truth of task {task.name!r} has {task.size} numbers, wanted 2 for a {geometry}")
    return [task.name for task in found]


def _common(inputs: InputSpec) -> dict[str, list[Symmetry]]:
    """Symmetries of all cameras, in the same order."""
    found = {key: symmetries(camera.geometry) for key, camera in inputs.cameras.items()}
    shared = [
        [next((e for e in own if np.allclose(e.matrix, one.matrix, atol=1e-6)), None) for own in found.values()]
        for one in next(iter(found.values()))
    ]
    alike = [[e for e in elements if e is not None] for elements in shared if None not in elements]
    if len(alike) < 2:
        alone = ", ".join(f"{key} {_angles(own)}" for key, own in found.items())
        raise ValueError(f"no turn maps the outlines of all cameras to themselves ({alone}): leave random_turn out")
    return dict(zip(found, map(list, zip(*alike, strict=True)), strict=True))


def _angles(elements: list[Symmetry]) -> str:
    return f"by multiples of {360 // len(elements)} deg" if len(elements) > 1 else "by none"


def _frame(batch: Batch) -> Frame:
    """Of the array's pointing, which must be that of all telescopes."""
    groups = list(batch.images.values())
    event = torch.cat([g.event for g in groups]) if groups else batch.events["row"][:0]
    pointing = (
        torch.cat([g.pointing.double() for g in groups]) if groups else event.new_zeros(0, 2, dtype=torch.float64)
    )
    frame = Frame.at(*array_pointing(batch, pointing, event).unbind(dim=1))
    away = frame.take(event).offsets(Frame.at(*pointing.unbind(dim=1)).forward).norm(dim=1)
    if len(away) and float(away.max()) > _APART:
        what = f"telescopes point up to {float(away.max()):.2g} deg beside the array's pointing, which no turn keeps"
        raise SettingsError([Problem("transforms stereo.random_turn", what, "leave it out for these data")])
    return frame


def _carried(frame: Frame, points: Tensor, matrix: Tensor) -> Tensor:
    """Points in the ground frame, (n, 3), turned about the pointing axis through the origin."""
    # The order of the matrix is (latitude, longitude), as that of the camera frame.
    ahead = (points * frame.forward).sum(dim=1, keepdim=True)
    across = torch.stack([(points * frame.lat).sum(dim=1), (points * frame.lon).sum(dim=1)], dim=1)
    up, left = torch.einsum("nij,nj->ni", matrix.double(), across).unbind(dim=1)
    return ahead * frame.forward + up[:, None] * frame.lat + left[:, None] * frame.lon


def _columns(group: Images, matrix: Tensor) -> dict[str, Tensor]:
    """Columns of turned images."""
    ours = {name: value for name, value in group.columns.items() if name in COLUMNS}
    others = {name: value for name, value in group.columns.items() if name not in COLUMNS}
    if unknown := unknown_columns(list(others)):
        what = f"nothing says how a turn of the camera changes the column {unknown[0]!r}"
        raise SettingsError([Problem("transforms stereo.random_turn", what, "leave the column out of columns=")])
    for lon, lat in (("lon", "lat"), ("axis_lon", "axis_lat")):
        if PREFIX + lon in ours:
            pair = torch.stack([ours[PREFIX + lat], ours[PREFIX + lon]], dim=1)
            up, left = torch.einsum("nij,nj->ni", matrix.to(pair.dtype), pair).unbind(dim=1)
            ours |= {PREFIX + lon: left, PREFIX + lat: up}
    return turn_columns(others, matrix) | ours


__all__ = ["RandomTurn"]
