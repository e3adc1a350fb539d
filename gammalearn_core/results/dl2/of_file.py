"""The DL2 file of one DL1 file, with all its events."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC
from datetime import datetime
from pathlib import Path

from attrs import evolve

from gammalearn_core.data.truth import Task
from gammalearn_core.errors import DataError
from gammalearn_core.errors import Problem
from gammalearn_core.errors import SettingsError
from gammalearn_core.results.dl2.copying import set_text
from gammalearn_core.results.dl2.grouping import Input
from gammalearn_core.results.dl2.grouping import Layout
from gammalearn_core.results.dl2.grouping import describe
from gammalearn_core.results.dl2.layouts import fill
from gammalearn_core.results.dl2.parts import opened
from gammalearn_core.results.dl2.reference import Activity
from gammalearn_core.results.dl2.whole import refuse_existing
from gammalearn_core.results.dl2.whole import whole
from gammalearn_core.results.dl2.writer import with_dl2
from gammalearn_core.results.predictions import Predictions


def write_dl2_of(
    path: Path,
    dl1_file: Path,
    predictions: Predictions,
    tasks: Mapping[str, Task],
    name: str,
    *,
    layout: Layout | None = None,
    number: int = 0,
    activity: str = "gammalearn predict",
    started: datetime | None = None,
    attributes: Mapping[str, str] | None = None,
    replace: bool = False,
) -> Path:
    """Write one DL2 file for one DL1 file: a row for each of its events, predicted or not, simulated or observed.

    The file appears when it is whole. Memory holds what is known of events, not their images.

    Parameters
    ----------
    path : Path
        The DL2 file, in a folder that is there.
    dl1_file : Path
    predictions : Predictions
        Of events of this file, all or some; those of other files are left out.
    tasks : mapping of str to Task
    name : str
        What has predicted: the experiment or run.
    layout : str, optional
        ``ctapipe`` or ``lstchain``; by default that of the DL1 file.
    number : int
        What the column ``file`` says of events of this file.
    activity : str
        The command, for the reference metadata.
    started : datetime, optional
        When it was started.
    attributes : mapping of str to str, optional
        More attributes of the file.
    replace : bool
        Whether a file that is there already is replaced, once the new one is whole.

    Returns
    -------
    Path
        The DL2 file.

    Raises
    ------
    SettingsError
        The file is there already and is not to be replaced, or the tasks have nothing that DL2 holds.
    DataError
        The DL1 file is not one that this layout can be made of, is damaged, or predictions are not of its events.
    OutputError
        It cannot be written: the disk is full, or another process is writing it.
    """
    wanted = with_dl2(tasks)
    if not wanted:
        what = "none of the run's tasks has a table in DL2"
        raise SettingsError([Problem(name, what, "targets say it with dl2='energy' or another table")])
    if not replace:
        refuse_existing(path)
    source = _input(dl1_file, number)
    made = Activity(
        name=activity, description=f"Predictions of GammaLearn {name}", started=started or datetime.now(UTC)
    )
    with opened([source], None) as parts, whole(path) as h5:
        fill(h5, parts, predictions, wanted, layout=layout or source.layout, activity=made, facts={})
        for key, text in (attributes or {}).items():
            set_text(h5, key, text)
    return path


def particle_of(dl1_file: Path) -> str:
    """What names of DL2 files tell of a DL1 file: ``gamma``, ``proton``, …, ``observed`` without truth, ``mixed``.

    Raises
    ------
    DataError
        It is not a DL1 file of which DL2 can be made.
    """
    return _input(dl1_file, 0).particle


def _input(dl1_file: Path, number: int) -> Input:
    found = describe(dl1_file)
    if isinstance(found, str):
        raise DataError(f"{dl1_file}: no DL2 file can be made of it: {found}")
    return evolve(found, number=number)


__all__ = ["particle_of", "write_dl2_of"]
