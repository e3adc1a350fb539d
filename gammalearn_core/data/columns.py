"""Columns of ctapipe tables, decoded: fixed point undone, units made ours.

h5py hands attributes over as bytes. That matters: some attributes of these tables are Python pickles, which PyTables
would execute when it reads them.
"""

from __future__ import annotations

from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from gammalearn_core.errors import DataError

UNITS = {
    "TeV": ("TeV", 1.0),
    "GeV": ("TeV", 1e-3),
    "deg": ("deg", 1.0),
    "rad": ("deg", 180.0 / np.pi),
    "m": ("m", 1.0),
    "cm": ("m", 1e-2),
    "km": ("m", 1e3),
    "m2": ("m2", 1.0),
    "cm2": ("m2", 1e-4),
}
"""Units of files, and what turns them into ours. Others are left as they are."""
FACTS = (
    "UNIT",
    "TRANSFORM",
    "TRANSFORM_SCALE",
    "TRANSFORM_OFFSET",
    "TRANSFORM_DTYPE",
    "NAN_VALUE",
    "POSINF_VALUE",
    "NEGINF_VALUE",
)
"""Attributes of a column that are looked at."""


def label(dataset: h5py.Dataset) -> str:
    """File and table, for messages."""
    return f"{dataset.file.filename}, table {dataset.name}"


def read_column(dataset: h5py.Dataset, name: str) -> NDArray[Any]:
    """A whole column in our units.

    Raises
    ------
    DataError
        There is no such column, or the table is damaged.
    """
    if name not in (dataset.dtype.names or ()):
        raise DataError(f"{label(dataset)} has no column {name!r}")
    return decode(dataset, name, read_rows(dataset, slice(None), [name])[name])


def read_rows(dataset: h5py.Dataset, rows: slice, names: list[str] | None = None) -> NDArray[Any]:
    """Stored values of some rows.

    Raises
    ------
    DataError
        HDF5 cannot read them: the checksum of a chunk is wrong, or the file ends too early.
    """
    try:
        return np.asarray((dataset if names is None else dataset.fields(names))[rows])
    except (OSError, RuntimeError) as error:
        start, stop, _ = rows.indices(len(dataset))
        raise DataError(
            f"{label(dataset)}, rows {start} to {stop}: the data are damaged ({_reason(error)});"
            " copy the file again, or leave it out"
        ) from error


def decode(dataset: h5py.Dataset, name: str, stored: NDArray[Any]) -> NDArray[Any]:
    """Stored values of a column, as physical values in our units."""
    facts = column_facts(dataset, name)
    values = _undo_fixed_point(stored, facts) if facts.get("TRANSFORM") == "fixed_point" else stored
    _, factor = UNITS.get(facts.get("UNIT", ""), ("", 1.0))
    return values if factor == 1.0 else values * factor


def column_facts(dataset: h5py.Dataset, name: str) -> dict[str, Any]:
    """What ``CTAFIELD_<position>_<KEY>`` attributes say of a column, by key."""
    position = (dataset.dtype.names or ()).index(name)
    attributes = {key: f"CTAFIELD_{position}_{key}" for key in FACTS}
    return {key: text(dataset.attrs[a]) for key, a in attributes.items() if a in dataset.attrs}


def text(value: Any) -> Any:
    """Bytes as text, anything else as it is."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def _undo_fixed_point(stored: NDArray[Any], facts: dict[str, Any]) -> NDArray[Any]:
    dtype = np.dtype(str(facts.get("TRANSFORM_DTYPE", "float32")))
    values: NDArray[Any] = (stored.astype(dtype) - dtype.type(facts.get("TRANSFORM_OFFSET", 0))) / dtype.type(
        facts["TRANSFORM_SCALE"]
    )
    for key, special in (("NAN_VALUE", np.nan), ("POSINF_VALUE", np.inf), ("NEGINF_VALUE", -np.inf)):
        if key in facts:
            values[stored == facts[key]] = special
    return values


def _reason(error: Exception) -> str:
    return str(error).splitlines()[0][:200] if str(error) else type(error).__name__


def match(keys: NDArray[np.int64], among: NDArray[np.int64]) -> NDArray[np.int64]:
    """For each row of ``keys``, the row of ``among`` that is equal to it, or -1.

    Parameters
    ----------
    keys : array of int, (n, k)
    among : array of int, (m, k)
        Without repeated rows.

    Examples
    --------
    >>> match(np.array([[1, 7], [2, 7]]), np.array([[2, 7], [3, 7]])).tolist()
    [-1, 0]
    """
    if not len(keys) or not len(among):
        return np.full(len(keys), -1, dtype=np.int64)
    _, inverse = np.unique(np.concatenate([among, keys]), axis=0, return_inverse=True)
    inverse = inverse.reshape(-1)
    found = np.full(inverse.max() + 1, -1, dtype=np.int64)
    found[inverse[: len(among)]] = np.arange(len(among))
    return found[inverse[len(among) :]]


__all__ = ["column_facts", "decode", "label", "match", "read_column", "read_rows", "text"]
