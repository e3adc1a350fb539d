"""Filling a DL2 file in a layout, and saying in its root what it is."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence

import h5py

from gammalearn_core.data.columns import text
from gammalearn_core.data.truth import Task
from gammalearn_core.errors import DataError
from gammalearn_core.results.dl2 import ctapipe
from gammalearn_core.results.dl2 import lstchain
from gammalearn_core.results.dl2.copying import copy_attributes
from gammalearn_core.results.dl2.copying import set_text
from gammalearn_core.results.dl2.grouping import LST
from gammalearn_core.results.dl2.grouping import Layout
from gammalearn_core.results.dl2.parts import Part
from gammalearn_core.results.dl2.reference import MODEL_NAME
from gammalearn_core.results.dl2.reference import VERSION
from gammalearn_core.results.dl2.reference import Activity
from gammalearn_core.results.dl2.reference import write_reference
from gammalearn_core.results.dl2.reference import write_root
from gammalearn_core.results.predictions import Predictions

_LSTCHAIN = ("LSTCHAIN_VERSION", "CTAPIPE_VERSION", "CTAPIPE_IO_LST_VERSION", "CONTACT")


def fill(
    h5: h5py.File,
    parts: Sequence[Part],
    predictions: Predictions,
    tasks: Mapping[str, Task],
    *,
    layout: Layout,
    activity: Activity,
    share: float | None = None,
    facts: Mapping[str, str],
) -> None:
    """Fill an empty file.

    Parameters
    ----------
    h5 : h5py.File
    parts : sequence of Part
        DL1 files of one particle and instrument.
    predictions : Predictions
    tasks : mapping of str to Task
    layout : {"ctapipe", "lstchain"}
    activity : Activity
    share : float, optional
        Of the showers, that the parts keep; by default all.
    facts : mapping of str to str
        What the root says as ``GAMMALEARN <NAME>``.

    Raises
    ------
    DataError
        The layout cannot be made of these DL1 files and predictions, or one of the files is damaged.
    """
    first = parts[0]
    if layout == "ctapipe" and first.input.layout == "lstchain":
        what = "is a DL1 file of lstchain, which knows too little of the array for ctapipe's layout"
        raise DataError(f"{first.input.path} {what}; write lstchain's layout")
    writer = {"ctapipe": ctapipe.write, "lstchain": lstchain.write}[layout]
    writer(h5, parts, predictions, tasks, share)
    runs = sorted(set().union(*(part.input.obs_ids for part in parts)))
    write_reference(first.h5, h5, activity, simulated=first.input.simulated, obs_ids=runs)
    if layout == "lstchain":
        _say_lstchain(first.h5, h5)
    write_root(h5, particle=first.input.particle, **facts)


def _say_lstchain(first: h5py.File, h5: h5py.File) -> None:
    """Versions as lstchain writes them; they are in the root, and before 0.9 in the table."""
    for name in _LSTCHAIN:
        copy_attributes(first, h5, name)
    table = first.get(LST)
    known = first.attrs.get("LSTCHAIN_VERSION", None if table is None else table.attrs.get("LSTCHAIN_VERSION"))
    set_text(h5, MODEL_NAME, "lstchain")
    set_text(h5, VERSION, str(text(known)) if known is not None else "unknown")


__all__ = ["fill"]
