"""Prediction tables in ctapipe's layout.

One algorithm name a task, because ctapipe renames columns that two tables share and its IRF tools then fail. One row
for each row of the trigger table, in its order; NaN and ``is_valid = False`` where there is no prediction.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from collections.abc import Mapping
from typing import Any

import h5py
import hdf5plugin
import numpy as np
from attrs import evolve
from attrs import frozen
from numpy.typing import NDArray

from gammalearn_core.results.dl2.copying import set_text
from gammalearn_core.results.dl2.copying import write_raw

QUANTITIES = {
    "energy": ("TeV", "reconstructed energy"),
    "alt": ("deg", "reconstructed altitude"),
    "az": ("deg", "reconstructed azimuth"),
    "core_x": ("m", "reconstructed impact point, to the north"),
    "core_y": ("m", "reconstructed impact point, to the west"),
    "prediction": ("", "gammaness: probability of a gamma"),
    "energy_uncert": ("TeV", "uncertainty of the energy"),
    "alt_uncert": ("deg", "uncertainty of the altitude"),
    "az_uncert": ("deg", "uncertainty of the azimuth"),
    "core_uncert_x": ("m", "uncertainty of the impact point, to the north"),
    "core_uncert_y": ("m", "uncertainty of the impact point, to the west"),
}
"""Unit and description of what targets decode to."""
_BLOCK = 2**16
"""Rows that are written at once."""


@frozen(kw_only=True)
class Values:
    """Predictions of one task for some rows of a table."""

    algorithm: str
    group: str
    quantities: Mapping[str, NDArray[np.float64]]
    """By name: a value a row, NaN where there is none."""
    telescopes: NDArray[np.bool_] | None = None
    """At subarray level, (n, n_tel): the telescopes that took part, in the order of the layout."""

    @property
    def valid(self) -> NDArray[np.bool_]:
        """Whether a row has a prediction: all quantities are finite."""
        return np.asarray(np.all([np.isfinite(v) for v in self.quantities.values()], axis=0))

    def taken(self, rows: NDArray[np.int64]) -> Values:
        """The predictions of some rows."""
        used = None if self.telescopes is None else self.telescopes[rows]
        return evolve(self, quantities={n: v[rows] for n, v in self.quantities.items()}, telescopes=used)


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


def write_predictions(h5: h5py.File, values: list[Values], ids: Mapping[str, NDArray[Any]]) -> None:
    """Add the tables of one telescope, or of the subarray if ``ids`` has no ``tel_id``.

    Parameters
    ----------
    h5 : h5py.File
        A DL2 file, open for writing.
    values : list of Values
    ids : mapping of str to array
        ``obs_id``, ``event_id`` and, for a telescope, ``tel_id`` of the rows.
    """
    of_telescope = "tel_id" in ids
    for value in values:
        columns = dict(ids) | _columns(value, of_telescope=of_telescope)
        path = f"/dl2/event/{'telescope' if of_telescope else 'subarray'}/{value.group}/{value.algorithm}"
        write_table(h5, f"{path}/tel_{int(ids['tel_id'][0]):03d}" if of_telescope else path, columns)


def _columns(value: Values, *, of_telescope: bool) -> dict[str, NDArray[Any]]:
    """Columns of a task. A row that lacks one quantity has none, so that nobody uses half a direction."""
    prefix = f"{value.algorithm}_tel" if of_telescope else value.algorithm
    valid = value.valid
    columns: dict[str, NDArray[Any]] = {
        f"{prefix}_{n}": np.where(valid, v, np.nan) for n, v in value.quantities.items()
    }
    columns[f"{prefix}_is_valid"] = valid
    if value.telescopes is not None and not of_telescope:
        columns[f"{prefix}_telescopes"] = value.telescopes
    return columns


def write_table(
    h5: h5py.File, path: str, columns: Mapping[str, NDArray[Any]], facts: Mapping[str, tuple[str, str]] | None = None
) -> h5py.Dataset:
    """A table as PyTables writes it. PyTables itself would execute pickles in attributes that come from the input.

    Parameters
    ----------
    h5 : h5py.File
    path : str
    columns : mapping of str to array
        Of one length.
    facts : mapping of str to tuple of str, optional
        Units and descriptions of columns; by default those of `QUANTITIES` whose names columns end with.
    """
    count = len(next(iter(columns.values())))
    kind = np.dtype([(n, c.dtype, c.shape[1:]) for n, c in columns.items()])
    table = h5.create_dataset(
        path,
        shape=(count,),
        maxshape=(None,),
        chunks=(max(1, min(count, 4096)),),
        dtype=h5py.Datatype(_stored_type(kind)),
        fletcher32=True,
        **hdf5plugin.Blosc(cname="zstd", clevel=5, shuffle=hdf5plugin.Blosc.SHUFFLE),
    )
    for start in range(0, count, _BLOCK):
        rows = np.empty(min(_BLOCK, count - start), dtype=kind)
        for column, content in columns.items():
            rows[column] = content[start : start + _BLOCK]
        write_raw(table, rows, start)
    _describe(table, path, columns, {n: _facts(n) for n in columns} if facts is None else facts)
    return table


def _describe(table: h5py.Dataset, path: str, columns: Iterable[str], facts: Mapping[str, tuple[str, str]]) -> None:
    texts = {"CLASS": "TABLE", "VERSION": "2.7", "TITLE": path.rpartition("/")[2]}
    for number, column in enumerate(columns):
        unit, description = facts.get(column, ("", ""))
        texts |= {f"FIELD_{number}_NAME": column, f"CTAFIELD_{number}_NAME": column}
        texts |= {f"CTAFIELD_{number}_DESC": description} if description else {}
        texts |= {f"CTAFIELD_{number}_UNIT": unit, f"CTAFIELD_{number}_TRANSFORM": "quantity"} if unit else {}
    for name, text in texts.items():
        set_text(table, name, text)
    table.attrs["NROWS"] = np.int64(len(table))


def _facts(column: str) -> tuple[str, str]:
    quantity = next((q for q in QUANTITIES if column.endswith(f"_{q}")), "")
    return QUANTITIES.get(quantity, ("", ""))


def _stored_type(dtype: np.dtype[Any]) -> Any:
    """The HDF5 type of rows; booleans are bit fields of a byte, as PyTables has them."""
    compound = h5py.h5t.create(h5py.h5t.COMPOUND, dtype.itemsize)
    for name in dtype.names or ():
        kind, offset = dtype.fields[name][:2]  # type: ignore[index]
        base = h5py.h5t.STD_B8LE if kind.base.kind == "b" else h5py.h5t.py_create(kind.base)
        compound.insert(name.encode(), offset, h5py.h5t.array_create(base, kind.shape) if kind.shape else base)
    return compound


__all__ = ["QUANTITIES", "Values", "algorithm_name", "group_name", "write_predictions", "write_table"]
