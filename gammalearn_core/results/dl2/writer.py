"""Predictions of a split as DL2 files, one a particle, in the layout of the DL1 files."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from attrs import evolve

from gammalearn_core.data.truth import Task
from gammalearn_core.results.dl2.grouping import Output
from gammalearn_core.results.dl2.grouping import events_of
from gammalearn_core.results.dl2.grouping import group
from gammalearn_core.results.dl2.irf_tools import write_irf_config
from gammalearn_core.results.dl2.layouts import fill
from gammalearn_core.results.dl2.parts import opened
from gammalearn_core.results.dl2.reference import Activity
from gammalearn_core.results.dl2.whole import whole
from gammalearn_core.results.predictions import Predictions

_NEEDED = ("file", "obs_id", "event_id")


def write_dl2(
    folder: Path,
    predictions: Predictions,
    *,
    tasks: Mapping[str, Task],
    files: Sequence[Path],
    name: str,
    share: float,
    only: Sequence[int] | None = None,
) -> list[Path]:
    """Write the predictions of the test split.

    Events of the split that were cut keep their row, without a prediction. Events of other splits are left out, and
    the numbers of simulated showers are scaled to the share of the split, so that effective areas stay right.

    Parameters
    ----------
    folder : Path
        Where the files go.
    predictions : Predictions
    tasks : mapping of str to Task
    files : sequence of Path
        DL1 files, in the order of the column ``file``.
    name : str
        Name of the experiment.
    share : float
        Share of the showers that the split holds: 1 if whole files are the split.
    only : sequence of int, optional
        Numbers of the files that it is a share of; by default all of them.

    Returns
    -------
    list of Path
        DL2 files, and ``ctapipe_irf.yaml`` for the tools that need it. Nothing if the data do not come from DL1 files
        of ctapipe or of LSTCam, or no task has a DL2 quantity. There is no file for runs of which nothing was
        predicted.
    """
    wanted = with_dl2(tasks)
    if not wanted or not files or any(n not in predictions.events for n in _NEEDED):
        return []
    folder.mkdir(exist_ok=True)
    written: list[Path] = []
    predicted = set(np.unique(predictions.events["file"]).tolist())
    for output in _outputs(files, range(len(files)) if only is None else only):
        if predicted & {source.number for source in output.inputs}:
            path = _free_name(folder, output.particle, written)
            if _write(path, output, predictions, wanted, name, share):
                written.append(path)
    config = write_irf_config(folder, written, wanted)
    return written if config is None else [*written, config]


def with_dl2(tasks: Mapping[str, Task]) -> dict[str, Task]:
    """Tasks that have a table in DL2."""
    return {name: task for name, task in tasks.items() if task.record.dl2}


def _outputs(files: Sequence[Path], numbers: Sequence[int]) -> list[Output]:
    """DL2 files of some DL1 files, which keep their numbers."""
    outputs = group([files[number] for number in numbers])
    for output in outputs:
        output.inputs = [evolve(source, number=numbers[source.number]) for source in output.inputs]
    return outputs


def _free_name(folder: Path, particle: str, taken: Sequence[Path]) -> Path:
    """``gamma.dl2.h5``, then ``gamma_2.dl2.h5`` for another instrument or run numbers that repeat."""
    names = [particle, *(f"{particle}_{n}" for n in range(2, len(taken) + 2))]
    return next(path for n in names if (path := folder / f"{n}.dl2.h5") not in taken)


def _write(
    path: Path, output: Output, predictions: Predictions, tasks: Mapping[str, Task], name: str, share: float
) -> bool:
    """Write one file; False if none of its events belongs to the split."""
    activity = Activity(name="gammalearn run", description=f"Predictions of GammaLearn experiment {name}")
    first = output.inputs[0]
    facts = {"split": "test", "split_share": f"{share:g}"}
    with opened(output.inputs, share) as parts:
        if not any(np.any(part.keep(part.h5[events_of(part.input)])) for part in parts):
            return False
        with whole(path) as h5:
            fill(h5, parts, predictions, tasks, layout=first.layout, activity=activity, share=share, facts=facts)
    return True


__all__ = ["with_dl2", "write_dl2"]
