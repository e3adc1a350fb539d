"""Prediction tables in ctapipe's layout.

One algorithm name a task, because ctapipe renames columns that two tables share and its IRF tools then fail. One row
for each row of the trigger table, in its order; NaN and ``is_valid = False`` where there is no prediction.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tables
from attrs import frozen
from numpy.typing import NDArray

FILTERS = tables.Filters(complevel=5, complib="blosc:zstd", fletcher32=True)
QUANTITIES = {
    "energy": ("TeV", "reconstructed energy"),
    "alt": ("deg", "reconstructed altitude"),
    "az": ("deg", "reconstructed azimuth"),
    "prediction": ("", "gammaness: probability of a gamma"),
}
"""Unit and description of what targets decode to."""


@frozen(kw_only=True)
class Values:
    """Predictions of one task for some rows of a table: values by quantity, NaN where there is none."""

    algorithm: str
    group: str
    quantities: dict[str, NDArray[np.float64]]


def algorithm_name(task: str) -> str:
    """The algorithm's name in columns and paths.

    Examples
    --------
    >>> algorithm_name("energy"), algorithm_name("impact_point")
    ('GammaLearnEnergy', 'GammaLearnImpactPoint')
    """
    return "GammaLearn" + "".join(word.capitalize() for word in task.split("_"))


def group_name(kind: str, model: str) -> str:
    """Ctapipe's group for a kind of prediction, which was renamed in data model v7.2.

    Examples
    --------
    >>> group_name("classification", "v7.1.0"), group_name("classification", "v7.2.0")
    ('classification', 'particle_type')
    """
    found = re.match(r"v?(\d+)\.(\d+)", model)
    version = (int(found[1]), int(found[2])) if found else (0, 0)
    return "particle_type" if kind == "classification" and version >= (7, 2) else kind


def write_predictions(
    path: Path, values: list[Values], ids: Mapping[str, NDArray[Any]], *, telescopes: NDArray[np.bool_] | None = None
) -> None:
    """Add the tables of one telescope, or of the subarray if ``ids`` has no ``tel_id``.

    Parameters
    ----------
    path : Path
        A DL2 file that exists.
    values : list of Values
    ids : mapping of str to array
        ``obs_id``, ``event_id`` and, for a telescope, ``tel_id`` of the rows.
    telescopes : array of bool, (n, n_tel), optional
        At subarray level: the telescopes that were used, in the order of the layout.
    """
    with tables.open_file(str(path), "a") as h5:
        for value in values:
            of_telescope = "tel_id" in ids
            columns = dict(ids) | _columns(value, of_telescope=of_telescope)
            if telescopes is not None:
                columns[f"{value.algorithm}_telescopes"] = telescopes
            where = f"/dl2/event/{'telescope' if of_telescope else 'subarray'}/{value.group}"
            name = value.algorithm
            if of_telescope:
                where, name = f"{where}/{name}", f"tel_{int(ids['tel_id'][0]):03d}"
            _write(h5, where, name, columns, value)


def _columns(value: Values, *, of_telescope: bool) -> dict[str, NDArray[Any]]:
    prefix = f"{value.algorithm}_tel" if of_telescope else value.algorithm
    columns: dict[str, NDArray[Any]] = {f"{prefix}_{n}": v for n, v in value.quantities.items()}
    valid = np.all([np.isfinite(v) for v in value.quantities.values()], axis=0)
    return columns | {f"{prefix}_is_valid": valid}


def _write(h5: tables.File, where: str, name: str, columns: Mapping[str, NDArray[Any]], value: Values) -> None:
    length = len(next(iter(columns.values())))
    dtype = [(n, c.dtype, c.shape[1:]) for n, c in columns.items()]
    rows = np.empty(length, dtype=dtype)
    for column, content in columns.items():
        rows[column] = content
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", tables.NaturalNameWarning)
        table = h5.create_table(where, name, obj=rows, filters=FILTERS, createparents=True)
    for number, column in enumerate(columns):
        quantity = next((q for q in QUANTITIES if column.endswith(f"_{q}")), "")
        unit, description = QUANTITIES.get(quantity, ("", ""))
        table.attrs[f"CTAFIELD_{number}_NAME"] = column
        if description:
            table.attrs[f"CTAFIELD_{number}_DESC"] = description
        if unit:
            table.attrs[f"CTAFIELD_{number}_UNIT"] = unit
            table.attrs[f"CTAFIELD_{number}_TRANSFORM"] = "quantity"


__all__ = ["QUANTITIES", "Values", "algorithm_name", "group_name", "write_predictions"]
