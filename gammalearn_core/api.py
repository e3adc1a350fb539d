"""What a component's target is called with, and what it must give: the protocols that plug-in authors implement.

The unit is the batch, so that components are vectorised. Importing this module imports numpy and torch; plug-ins
import it in their implementation modules, never in their ``plugin.py``.
"""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Mapping
from typing import Any
from typing import Protocol
from typing import runtime_checkable

import numpy as np
from numpy.typing import NDArray
from torch import Generator
from torch import Tensor

from gammalearn_core.builtin.metrics.samples import SampleMetric
from gammalearn_core.builtin.transforms.symmetries import Symmetry
from gammalearn_core.builtin.transforms.symmetries import symmetries
from gammalearn_core.builtin.transforms.turning import turn_columns
from gammalearn_core.builtin.transforms.turning import turn_offsets
from gammalearn_core.builtin.transforms.turning import unknown_columns
from gammalearn_core.data.batch import Batch
from gammalearn_core.data.batch import Images
from gammalearn_core.data.codec import TargetCodec
from gammalearn_core.data.geometry import CameraGeometry
from gammalearn_core.data.lattice import Lattice
from gammalearn_core.data.lattice import find_lattice
from gammalearn_core.data.source import EventSource
from gammalearn_core.data.specs import CameraSpec
from gammalearn_core.data.specs import InputSpec
from gammalearn_core.data.specs import OutputSpec
from gammalearn_core.data.specs import TaskSpec
from gammalearn_core.data.table import Columns
from gammalearn_core.data.table import EventTable
from gammalearn_core.engine.folder import RunFolder
from gammalearn_core.engine.running import RunningExperiment
from gammalearn_core.predicting.trained import TrainedRun
from gammalearn_core.predicting.trained import open_run


@runtime_checkable
class EventFilter(Protocol):
    """What a filter gives: ``target(**params)``."""

    def __call__(self, events: EventTable) -> NDArray[np.bool_]:
        """True where the row is kept."""


@runtime_checkable
class EventWeight(Protocol):
    """What a weight gives: ``target(**params)``."""

    def __call__(self, events: EventTable) -> NDArray[np.float64]:
        """One finite number for each row, 0 or more."""


@runtime_checkable
class BatchTransform(Protocol):
    """What a transform gives: ``target(*, inputs, **params)``.

    If the target has a parameter ``tasks``, it is given what is learned, ``{task: TaskSpec}``, whose ``geometry`` says
    how a turn of the camera turns the truth; a parameter ``takes`` is given the names of the columns that the network
    takes. A transform that changes what an image shows changes ``batch.truth`` and the images' ``columns`` with it.

    It may also have ``fit(batches)``, called once with batches of the training split, and then ``state_dict`` and
    ``load_state_dict``, so that what was measured is kept with the weights.
    """

    outputs: InputSpec

    def __call__(self, batch: Batch, generator: Generator) -> Batch:
        """The transformed batch; the argument is unchanged. Randomness comes from ``generator`` only."""


@runtime_checkable
class FittedTransform(Protocol):
    """A transform that measures constants on the training split."""

    def fit(self, batches: Iterable[Batch]) -> None:
        """Measure."""

    def state_dict(self) -> Mapping[str, Tensor]:
        """What was measured."""

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Take back what was measured."""


@runtime_checkable
class SampleLoss(Protocol):
    """What a loss gives: ``target(*, task, **params)``.

    It may have ``size`` (numbers that the network must give instead of the target's) and ``decode(prediction)`` (from
    those to the target's), as quantile and likelihood losses need, and with them ``uncertainty(prediction)`` (the
    standard deviations of the target's numbers, ``(n, k)``).
    """

    def __call__(self, prediction: Tensor, truth: Tensor) -> Tensor:
        """``(n,)``, unreduced: the core masks, weights and averages."""


@runtime_checkable
class Maker(Protocol):
    """What a component is given for a component in its parameters: calling it makes that component.

    The record says in ``nested`` which parameters hold components, and of which kind.
    """

    @property
    def label(self) -> str:
        """How messages name it: the id, or the name of a callable."""

    def fact(self, name: str) -> Any:
        """A field of its record, such as ``"lattice"``; of a callable, the attribute of that name or the default."""

    def __call__(self, **keywords: object) -> Any:
        """The component: ``maker(inputs=…, outputs=…)`` for a network, with what the core supplies for its kind.

        Each call makes another. What is wrong with it is an error that says where it stands: let it pass.
        """


__all__ = [
    "Batch",
    "BatchTransform",
    "CameraGeometry",
    "CameraSpec",
    "Columns",
    "EventFilter",
    "EventSource",
    "EventTable",
    "EventWeight",
    "FittedTransform",
    "Images",
    "InputSpec",
    "Lattice",
    "Maker",
    "OutputSpec",
    "RunFolder",
    "RunningExperiment",
    "SampleLoss",
    "SampleMetric",
    "Symmetry",
    "TargetCodec",
    "TaskSpec",
    "TrainedRun",
    "find_lattice",
    "open_run",
    "symmetries",
    "turn_columns",
    "turn_offsets",
    "unknown_columns",
]
