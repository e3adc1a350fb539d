"""Turns of the camera that training draws at random."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Generator
from torch import Tensor

from gammalearn_core.builtin.transforms.channels import require_pixels
from gammalearn_core.builtin.transforms.symmetries import Symmetry
from gammalearn_core.builtin.transforms.symmetries import symmetries
from gammalearn_core.builtin.transforms.turning import TURNED
from gammalearn_core.builtin.transforms.turning import turn_columns
from gammalearn_core.builtin.transforms.turning import turn_offsets
from gammalearn_core.builtin.transforms.turning import unknown_columns
from gammalearn_core.data.batch import Batch
from gammalearn_core.data.batch import Images
from gammalearn_core.data.specs import InputSpec
from gammalearn_core.data.specs import TaskSpec
from gammalearn_core.errors import Problem
from gammalearn_core.errors import SettingsError


class RandomSymmetry:
    """Turns each image, and its truth, by a random element of the camera's own symmetry group.

    The group has the rotations that map the camera's outline to itself: six for LSTCam, NectarCam and MAGICCam, three
    for FlashCam and DigiCam, two for H.E.S.S., four for square cameras. Pixels change places on the lattice and nothing
    is interpolated. Each element is as probable as any other, the identity among them.

    Truth of the geometry ``camera_vector``, ``(fov_lon, fov_lat)`` in deg, is turned about the pointing on the sphere,
    by the same angle; ``scalar`` and ``class`` stay as they are. DL1 parameters that go with the images are turned as
    ctapipe would compute them of the turned image, or are known not to change, or are refused.

    Parameters
    ----------
    tasks : mapping of str to TaskSpec
        What is learned; given by the core.
    takes : sequence of str
        Columns that the network takes; given by the core.
    reflections : bool
        Whether mirror images that map the outline to itself are drawn too. LSTCam, NectarCam, FlashCam, DigiCam and
        the H.E.S.S. cameras have none.
    unchanged : sequence of str
        Columns, unknown to the core, that a turn of the camera leaves as they are.
    """

    def __init__(
        self,
        *,
        inputs: InputSpec,
        tasks: Mapping[str, TaskSpec],
        takes: Sequence[str] = (),
        reflections: bool = False,
        unchanged: list[str] | tuple[str, ...] = (),
    ) -> None:
        if inputs.level != "telescope":
            raise ValueError(
                "turning single images of an event would break its stereoscopy: random_symmetry is for"
                " level='telescope' only"
            )
        require_pixels(inputs)
        _check_tasks(tasks)
        self.outputs = inputs
        self._unchanged = frozenset(unchanged)
        self._refuse_unknown(takes)
        self._taken = [name for name in takes if name in TURNED and name not in self._unchanged]
        self._vectors = [name for name, task in tasks.items() if task.geometry == "camera_vector"]
        group = _group(inputs, reflections=reflections)
        self._source = torch.from_numpy(np.stack([element.source for element in group]))
        self._matrix = torch.from_numpy(np.stack([element.matrix for element in group]))

    def __call__(self, batch: Batch, generator: Generator) -> Batch:
        device = batch.events["row"].device
        self._source, self._matrix = self._source.to(device), self._matrix.to(device)
        drawn = torch.randint(len(self._matrix), (len(batch),), generator=generator, device=device)
        known = [name for name in self._vectors if name in batch.truth]
        vectors = {name: turn_offsets(batch.truth[name], self._matrix[drawn]) for name in known}
        images = {key: self._turned(group, drawn[group.event]) for key, group in batch.images.items()}
        return replace(batch, images=images, truth=batch.truth | vectors)

    def _turned(self, group: Images, drawn: Tensor) -> Images:
        source = self._source[drawn][:, None].expand_as(group.pixels)
        return replace(group, pixels=group.pixels.gather(2, source), columns=self._columns(group, drawn))

    def _columns(self, group: Images, drawn: Tensor) -> dict[str, Tensor]:
        ours = {name: c for name, c in group.columns.items() if name not in self._unchanged}
        try:
            self._refuse_missing(group)
            self._refuse_unknown(list(group.columns))
            return group.columns | turn_columns(ours, self._matrix[drawn])
        except ValueError as error:
            raise SettingsError([Problem("transforms core.random_symmetry", str(error))]) from error

    def _refuse_missing(self, group: Images) -> None:
        missing = [name for name in self._taken if name not in group.columns]
        if missing:
            raise ValueError(
                f"the network takes {missing[0]!r}, which cannot be turned because it does not come with the images:"
                " add it to the loader's columns="
            )

    def _refuse_unknown(self, columns: Sequence[str]) -> None:
        unknown = [name for name in unknown_columns(columns) if name not in self._unchanged]
        if unknown:
            raise ValueError(
                f"nothing says how a turn of the camera changes the column {unknown[0]!r}: leave it out, or say"
                f" unchanged=[{unknown[0]!r}] if it does not"
            )


def _check_tasks(tasks: Mapping[str, TaskSpec]) -> None:
    for name, task in tasks.items():
        if task.geometry == "ground_vector":
            raise ValueError(
                f"the truth of task {name!r} is a place on the ground, and where a turn about the telescope's axis"
                " takes it depends on the direction of the shower: leave random_symmetry out, or the task"
            )
        if task.geometry not in ("scalar", "class", "camera_vector"):
            raise ValueError(
                f"the truth of task {name!r} is a {task.geometry}, which a turn of the camera cannot turn: leave"
                " random_symmetry out, or the task"
            )
        if task.geometry == "camera_vector" and task.size != 2:
            raise ValueError(
                f"the truth of task {name!r} has {task.size} numbers, wanted 2 for a camera_vector: (fov_lon, fov_lat)"
            )


def _group(inputs: InputSpec, *, reflections: bool) -> list[Symmetry]:
    geometry = inputs.camera.geometry
    found = symmetries(geometry, reflections=reflections)
    if len(found) < 2:
        turn = "rotation or reflection" if reflections else "rotation"
        reason = " and its pixels are on no lattice" if geometry.axial is None else ""
        raise ValueError(f"no {turn} maps the outline of {geometry.name} to itself{reason}: leave random_symmetry out")
    return found


__all__ = ["RandomSymmetry"]
