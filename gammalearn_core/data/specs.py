"""What goes into a network and what comes out of it: `InputSpec` and `OutputSpec`.

Both are plain data and are saved with a run, so that a network can be built again without its settings file.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from typing import Literal

import attrs
from attrs import field
from attrs import frozen

from gammalearn_core.data.geometry import CameraGeometry

Level = Literal["telescope", "subarray"]


@frozen(kw_only=True, eq=False)
class CameraSpec:
    """Images of one camera.

    Attributes
    ----------
    geometry : CameraGeometry
        The pixels that the images began with.
    shape : tuple of int
        ``(n_pixels,)``, or ``(rows, columns)`` after a mapping to a grid.
    channels : tuple of str
        Names along the channel axis.
    """

    geometry: CameraGeometry
    shape: tuple[int, ...]
    channels: tuple[str, ...]

    @property
    def on_pixels(self) -> bool:
        """Whether images are still in the camera's own pixels."""
        return len(self.shape) == 1


@frozen(kw_only=True, eq=False)
class InputSpec:
    """Images that a source gives or a transform leaves, by camera key, and the columns that come with them.

    Attributes
    ----------
    level : {"telescope", "subarray"}
        Whether a sample is a telescope image or an event of the subarray.
    cameras : mapping of str to CameraSpec
    columns : tuple of str
        Columns of `EventTable` that samples have.
    """

    level: Level
    cameras: Mapping[str, CameraSpec]
    columns: tuple[str, ...] = ()

    @property
    def camera(self) -> CameraSpec:
        """The only camera.

        Raises
        ------
        ValueError
            There are several.
        """
        if len(self.cameras) != 1:
            raise ValueError(f"expected images of one camera, got those of {', '.join(self.cameras)}")
        return next(iter(self.cameras.values()))

    def with_cameras(self, change: Mapping[str, Mapping[str, Any]]) -> InputSpec:
        """The same with some fields of some cameras replaced."""
        new = {key: attrs.evolve(spec, **change.get(key, {})) for key, spec in self.cameras.items()}
        return attrs.evolve(self, cameras=new)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, arrays included."""
        return {
            "level": self.level,
            "columns": list(self.columns),
            "cameras": {
                key: {"geometry": c.geometry.to_dict(), "shape": list(c.shape), "channels": list(c.channels)}
                for key, c in self.cameras.items()
            },
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> InputSpec:
        """The spec that `to_dict` described."""
        cameras = {
            key: CameraSpec(
                geometry=CameraGeometry.from_dict(c["geometry"]),
                shape=tuple(c["shape"]),
                channels=tuple(c["channels"]),
            )
            for key, c in values["cameras"].items()
        }
        return cls(level=values["level"], cameras=cameras, columns=tuple(values["columns"]))


@frozen(kw_only=True)
class TaskSpec:
    """One thing that a network predicts.

    Attributes
    ----------
    name : str
        Name of the task, its key in ``losses``.
    target : str
        Id of the target.
    size : int
        Numbers that the network gives for a sample.
    geometry : str
        How a rotation turns the target.
    classes : tuple of str
        Names of the classes, in the order of the network's scores; empty for numbers.
    """

    name: str
    target: str
    size: int
    geometry: str = "scalar"
    classes: tuple[str, ...] = ()


@frozen(kw_only=True)
class OutputSpec:
    """The tasks of a network, in order."""

    tasks: Mapping[str, TaskSpec] = field(factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {name: attrs.asdict(task) for name, task in self.tasks.items()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> OutputSpec:
        """The spec that `to_dict` described."""
        return cls(tasks={n: TaskSpec(**{**t, "classes": tuple(t["classes"])}) for n, t in values.items()})


__all__ = ["CameraSpec", "InputSpec", "Level", "OutputSpec", "TaskSpec"]
