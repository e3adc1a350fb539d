"""Events that a file is checked with: of the run's own data, or of files that are named."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from attrs import frozen
from numpy.typing import NDArray
from torch import Tensor

from gammalearn_core.data.batch import Batch
from gammalearn_core.data.batch import Images
from gammalearn_core.data.source import EventSource
from gammalearn_core.data.specs import InputSpec
from gammalearn_core.errors import DataError
from gammalearn_core.errors import Problem
from gammalearn_core.errors import SettingsError
from gammalearn_core.exporting.inputs import with_taken
from gammalearn_core.predicting.model import Model
from gammalearn_core.reproducing.finding import find_some
from gammalearn_core.reproducing.recorded import RecordedRun

_log = logging.getLogger(__name__)
FILES = 4
"""Files that are looked into."""
EVENTS = 256
"""Events in all."""
_HERE = "give --check-on FILE, a DL1 file of the same camera"


@frozen(kw_only=True)
class Sample:
    """Events of a file, as its loader gives them."""

    path: Path
    batch: Batch


def files_of(run: RecordedRun, data_root: Path | None) -> list[Path]:
    """Some of the files that a run has read, known by their checksums.

    Raises
    ------
    SettingsError
        The run has read no files.
    DataError
        None is found.
    """
    if not run.record.get("data"):
        what = "the run has read no files, so that there are no events to check the export with"
        raise SettingsError([Problem("", what, _HERE)], str(run.folder.path))
    found = find_some(run, FILES, data_root=data_root)
    if not found:
        what = "none of the run's files is found, so that there are no events to check the export with"
        raise DataError(f"{what}: --data-root DIR says where they are; or {_HERE}")
    return found


def read_samples(model: Model, paths: Sequence[Path]) -> list[Sample]:
    """Events of these files that the run's cuts leave, evenly over each.

    Raises
    ------
    DataError
        There are none, or a file is damaged or has images of other cameras.
    """
    each = -(-EVENTS // len(paths))
    samples = [sample for path in paths for sample in _sample(model, path, each)]
    if not samples:
        raise DataError(f"no event of {', '.join(map(str, paths))} is left by the run's cuts; {_HERE}")
    return samples


def _sample(model: Model, path: Path, most: int) -> Iterator[Sample]:
    try:
        opened = model.reader.open(path)
    except (DataError, SettingsError) as error:
        told = "; ".join(map(str, error.problems)) if isinstance(error, SettingsError) else str(error)
        raise DataError(told if str(path) in told else f"{path}: {told}") from error
    try:
        source = opened.events
        n = len(source.events)
        if not n:
            _log.info("%s: the run's cuts leave no event", path)
            return
        rows = np.unique(np.linspace(0, n - 1, min(n, most)).astype(np.int64))
        yield Sample(path=path, batch=_read(model, source, rows))
    finally:
        opened.close()


def _read(model: Model, source: EventSource, rows: NDArray[np.int64]) -> Batch:
    batch = source.read(rows)
    if model.built.stereo:
        return batch
    return with_taken(batch, tuple(model.built.parts["network"].fact("takes")), source.events)


def template(inputs: InputSpec, samples: Sequence[Sample]) -> Batch:
    """A batch of zeros with images of every camera, and the columns of these samples."""
    events = {name: _zeros(value, 3) for name, value in samples[0].batch.events.items()}
    columns = {n: c for sample in samples for group in sample.batch.images.values() for n, c in group.columns.items()}
    images = {}
    for number, (key, spec) in enumerate(inputs.cameras.items()):
        # Other numbers than those of events, which might seem to be the same dimension.
        n = 3 if inputs.level == "telescope" else 5 + 2 * number
        images[key] = Images(
            pixels=torch.zeros(n, len(spec.channels), *spec.shape),
            channels=spec.channels,
            event=torch.arange(n) % 3,
            telescope=torch.zeros(n, dtype=torch.int64),
            position=torch.zeros(n, 3),
            pointing=torch.zeros(n, 2, dtype=torch.float64),
            columns={name: _zeros(value, n) for name, value in columns.items()},
        )
    return Batch(images=images, events=events | {"row": torch.arange(3)})


def _zeros(value: Tensor, n: int) -> Tensor:
    return torch.zeros((n, *value.shape[1:]), dtype=value.dtype)


__all__ = ["Sample", "files_of", "read_samples", "template"]
