"""Columns of the field's HDF5 tables, decoded: fixed point undone, units made ours.

h5py hands attributes over as bytes. That matters: some attributes of these tables are Python pickles, which PyTables
would execute when it reads them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import h5py
import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from gammalearn_core.errors import DataError

UNITS = {
    "TeV": 1.0,
    "GeV": 1e-3,
    "deg": 1.0,
    "rad": 180.0 / np.pi,
    "m": 1.0,
    "cm": 1e-2,
    "mm": 1e-3,
    "km": 1e3,
    "m2": 1.0,
    "cm2": 1e-4,
    "mm2": 1e-6,
}
"""What turns units of files into ours: TeV, deg, m, m². Others are left as they are."""
_MEANT = (
    (re.compile(r"(true|mc)_energy"), ("TeV", "GeV"), True),
    (re.compile(r"(.*_)?(altitude|azimuth)|(true|mc)_(alt|az)|(alt|az)_tel"), ("deg", "rad"), True),
    (re.compile(r"(true|mc)_(core_[xy]|h_first_int)"), ("m", "cm", "mm", "km"), False),
    (re.compile(r"pix_[xy]|pos_[xyz]|.*_focal_length"), ("m", "cm", "mm", "km"), False),
    (re.compile(r"pix_area"), ("m2", "cm2", "mm2"), False),
)
"""Columns whose meaning is fixed: which units they can have, and whether there must be one."""
FACTS = (
    "UNIT",
    "TRANSFORM",
    "TRANSFORM_SCALE",
    "TRANSFORM_OFFSET",
    "TRANSFORM_DTYPE",
    "NAN_VALUE",
    "POSINF_VALUE",
    "NEGINF_VALUE",
    "TIME_FORMAT",
    "TIME_SCALE",
)
"""Attributes of a column that are looked at."""
_NUMBERED = re.compile(rf"CTAFIELD_\d+_({'|'.join(FACTS)})")
_AT_ONCE = 2**22
"""Bytes that are read at once of a table of which some columns are needed, about."""
_SPECIAL = (("NAN_VALUE", np.nan), ("POSINF_VALUE", np.inf), ("NEGINF_VALUE", -np.inf))


def label(dataset: h5py.Dataset) -> str:
    """File and table, for messages."""
    return f"{dataset.file.filename}, table {dataset.name}"


def row_type(table: h5py.Dataset) -> np.dtype[Any]:
    """The type of a row, made once for all tables that have the same: h5py takes long to make one of many columns."""
    return _type(table.id.get_type().encode())


@lru_cache(maxsize=1024)
def _type(encoded: bytes) -> np.dtype[Any]:
    found: np.dtype[Any] = h5py.h5t.decode(encoded).dtype
    return found


def read_column(dataset: h5py.Dataset, name: str) -> NDArray[Any]:
    """A whole column in our units.

    Raises
    ------
    DataError
        There is no such column, or the table is damaged.
    """
    return read_columns(dataset, [name])[name]


def read_columns(dataset: h5py.Dataset, names: Iterable[str]) -> dict[str, NDArray[Any]]:
    """Whole columns in our units; the table is read once, since HDF5 decompresses all columns of a chunk to read one.

    Raises
    ------
    DataError
        There is no such column, or the table is damaged.
    """
    wanted = list(names)
    known = row_type(dataset).names or ()
    missing = [n for n in wanted if n not in known]
    if missing:
        raise DataError(f"{label(dataset)} has no column {missing[0]!r}")
    rows = read_rows(dataset, slice(None), None if len(wanted) == len(known) else wanted)
    found = {}
    for name, decode in decoders(dataset, wanted).items():
        try:
            found[name] = decode(rows[name])
        except (TypeError, ValueError) as error:
            what = f"column {name!r}: {rows.dtype[name]} cannot be decoded"
            raise DataError(f"{label(dataset)}, {what} ({error})") from error
    return found


def read_numbers(dataset: h5py.Dataset, names: Iterable[str]) -> dict[str, NDArray[np.float64]]:
    """Whole columns of one number a row, in our units.

    Raises
    ------
    DataError
        There is no such column, it is something else, or the table is damaged.
    """
    found = read_columns(dataset, names)
    for name, values in found.items():
        if values.ndim != 1 or values.dtype.kind not in "fiu":
            raise DataError(f"{label(dataset)}, column {name!r}: {dataset.dtype[name]} is not one number a row")
    return {name: values.astype(np.float64) for name, values in found.items()}


def read_rows(dataset: h5py.Dataset, rows: slice, names: list[str] | None = None) -> NDArray[Any]:
    """Stored values of some rows, or those of some columns of all rows.

    Raises
    ------
    DataError
        HDF5 cannot read them: the checksum of a chunk is wrong, or the file ends too early.
    """
    try:
        if rows == slice(None) and dataset.ndim == 1:
            return _all_rows(dataset, names)
        return np.asarray(dataset[rows] if names is None else dataset.fields(names)[rows])
    except (OSError, RuntimeError, ValueError, TypeError, MemoryError) as error:
        raise damaged(label(dataset), *rows.indices(len(dataset))[:2], error) from error


def _all_rows(dataset: h5py.Dataset, names: list[str] | None) -> NDArray[Any]:
    """All rows or some columns of them, as they are stored: HDF5 takes longer to pick columns than to read all."""
    kinds, stored, count = row_type(dataset), dataset.id.get_type(), len(dataset)
    if kinds.hasobject or kinds.itemsize != stored.get_size():
        return np.asarray((dataset if names is None else dataset.fields(names))[()])
    found = np.empty(count, kinds if names is None else [(n, kinds[n]) for n in names])
    chunk = dataset.chunks[0] if dataset.chunks else 1
    step = max(1, _AT_ONCE // kinds.itemsize // chunk) * chunk
    for start in range(0, count, step):
        rows = np.empty(min(step, count - start), kinds)
        space = dataset.id.get_space()
        space.select_hyperslab((start,), rows.shape)
        dataset.id.read(h5py.h5s.create_simple(rows.shape), space, rows, stored)
        for name in names or ():
            found[name][start : start + step] = rows[name]
        if names is None:
            found[start : start + step] = rows
    return found


def damaged(where: str, start: int, stop: int, error: Exception | str) -> DataError:
    """What is said of rows that cannot be read."""
    reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
    return DataError(
        f"{where}, rows {start} to {stop}: the data are damaged ({reason});"
        " copy the file again, leave it out, or set on_corrupt='skip'"
    )


@frozen(kw_only=True)
class Decoder:
    """What turns stored values of a column into physical ones in our units."""

    factor: float = 1.0
    scale: float | None = None
    """Of fixed-point columns: what was stored is ``value * scale + offset``."""
    offset: float = 0.0
    dtype: str = "float32"
    special: tuple[tuple[int, float], ...] = ()
    """Codes of NaN and the infinities in fixed-point columns."""

    @property
    def trivial(self) -> bool:
        """Whether values are stored as they are."""
        return self.scale is None and self.factor == 1.0

    def __call__(self, stored: NDArray[Any]) -> NDArray[Any]:
        values = stored if self.scale is None else self._from_fixed_point(stored, self.scale)
        with np.errstate(over="ignore"):
            return values if self.factor == 1.0 else values * self.factor

    def _from_fixed_point(self, stored: NDArray[Any], scale: float) -> NDArray[Any]:
        dtype = np.dtype(self.dtype)
        with np.errstate(over="ignore"):
            values: NDArray[Any] = (stored.astype(dtype) - dtype.type(self.offset)) / dtype.type(scale)
        for code, value in self.special:
            values[stored == code] = value
        return values


def decoders(dataset: h5py.Dataset, names: Iterable[str]) -> dict[str, Decoder]:
    """How columns are decoded.

    Raises
    ------
    DataError
        The attributes of a column are damaged or make no sense.
    """
    return {n: _decoder(dataset, n, facts) for n, facts in _facts_of(dataset, names).items()}


def column_facts(dataset: h5py.Dataset, name: str) -> dict[str, Any]:
    """What attributes say of a column, by key.

    They are called ``CTAFIELD_<position>_<KEY>``, where ``CTAFIELD_<position>_NAME`` names the column; before data
    model v4 ``<column>_<KEY>``.

    Raises
    ------
    DataError
        The attributes are damaged.
    """
    return _facts_of(dataset, [name])[name]


def _facts_of(dataset: h5py.Dataset, names: Iterable[str]) -> dict[str, dict[str, Any]]:
    try:
        kinds, known = row_type(dataset), set(dataset.attrs)
        columns = kinds.names or () if any(_NUMBERED.fullmatch(n) for n in known) else ()
        # Texts have no unit and are not transformed.
        return {n: {} if kinds[n].kind == "S" else _facts(dataset, known, columns, n) for n in names}
    except (OSError, RuntimeError, KeyError, TypeError, ValueError) as error:
        raise DataError(f"{label(dataset)}: its attributes are damaged ({error})") from error


def _facts(dataset: h5py.Dataset, known: set[str], columns: tuple[str, ...], name: str) -> dict[str, Any]:
    prefixes = [f"{name}_"]
    if columns:
        prefixes.append(f"CTAFIELD_{_position(dataset, known, columns, name)}_")
    found = {key: _attribute(dataset, p + key) for p in prefixes for key in FACTS if p + key in known}
    for key, value in found.items():
        if not isinstance(value, (str, int, float, np.number, np.bool_, h5py.Empty)):
            raise ValueError(f"{key} of the column {name!r} is {str(value)[:40]!r}")
    return {key: value for key, value in found.items() if not isinstance(value, h5py.Empty)}


def _attribute(dataset: h5py.Dataset, name: str) -> Any:
    """An attribute as h5py gives it, which takes twice as long to make its type each time; bytes as text."""
    found = h5py.h5a.open(dataset.id, name.encode())
    stored = found.get_type()
    kinds = _type(stored.encode())
    if kinds.hasobject or found.get_space().get_simple_extent_type() != h5py.h5s.SCALAR:
        return text(dataset.attrs[name])
    value = np.empty((), kinds)
    found.read(value, stored)
    return text(value[()])


def _position(dataset: h5py.Dataset, known: set[str], columns: tuple[str, ...], name: str) -> int:
    def called(number: int) -> str:
        attribute = f"CTAFIELD_{number}_NAME"
        return str(_attribute(dataset, attribute)) if attribute in known else ""

    position = columns.index(name)
    field = f"FIELD_{position}_NAME"
    if field in known and _attribute(dataset, field) != name:
        # Columns were taken out, and their attributes left.
        fields = (n for n in known if re.fullmatch(r"FIELD_\d+_NAME", n) and _attribute(dataset, n) == name)
        return next((int(n.split("_")[1]) for n in fields), -1)
    # Some attributes leave out the prefix that the column has.
    if called(position) in ("", name) or name.endswith(f"_{called(position)}"):
        return position
    return next((n for n in range(len(columns)) if called(n) == name), -1)


def _decoder(dataset: h5py.Dataset, name: str, facts: dict[str, Any]) -> Decoder:
    factor = UNITS.get(_unit(dataset, name, facts), 1.0)
    if facts.get("TRANSFORM") != "fixed_point" and "TRANSFORM_SCALE" not in facts:
        return Decoder(factor=factor)
    try:
        made = Decoder(
            factor=factor,
            scale=float(facts["TRANSFORM_SCALE"]),
            offset=float(facts.get("TRANSFORM_OFFSET", 0)),
            dtype=np.dtype(str(facts.get("TRANSFORM_DTYPE", "float32"))).str,
            special=tuple((int(facts[key]), value) for key, value in _SPECIAL if key in facts),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{label(dataset)}, column {name!r}: its fixed-point attributes make no sense") from error
    if np.dtype(made.dtype).kind != "f" or not _usable(made):
        raise DataError(f"{label(dataset)}, column {name!r}: its fixed-point attributes make no sense")
    return made


def _usable(decoder: Decoder) -> bool:
    """Whether scale and offset are numbers of the type that is computed with."""
    with np.errstate(over="ignore"):
        scale, offset = np.array([decoder.scale, decoder.offset]).astype(decoder.dtype)
    return bool(scale > 0 and np.isfinite(1.0 / scale) and np.isfinite([scale, offset]).all())


def _unit(dataset: h5py.Dataset, name: str, facts: dict[str, Any]) -> str:
    """The unit of a column, without signs for powers; empty if it has none."""
    unit = str(facts.get("UNIT", "")).replace("**", "").replace("^", "").strip()
    for pattern, units, needed in _MEANT:
        if pattern.fullmatch(name) and unit not in units and (unit or needed):
            what = f"has the unit {unit[:40]!r}" if unit else "has no unit"
            raise DataError(f"{label(dataset)}: the column {name!r} {what}; expected one of {', '.join(units)}")
    return unit


def text(value: Any) -> Any:
    """Bytes as text, anything else as it is."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


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
    if len(keys) == len(among) and np.array_equal(keys, among):
        return np.arange(len(keys))
    codes, known = _codes(keys, among)
    order = np.argsort(known, kind="stable")
    place = np.minimum(np.searchsorted(known, codes, sorter=order), len(known) - 1)
    rows: NDArray[np.int64] = order[place]
    return np.where(known[rows] == codes, rows, -1)


def _codes(keys: NDArray[np.int64], among: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """One number for each row of the two, equal where the rows are."""
    both = np.concatenate([among, keys])
    code = np.zeros(len(both), dtype=np.int64)
    for column in both.T:
        # The numbers so far are below the number of rows, as the column's are: their pairs fit in 64 bits.
        _, ranks = np.unique(column, return_inverse=True)
        _, code = np.unique(code * (int(ranks.max()) + 1) + ranks.reshape(-1), return_inverse=True)
        code = code.reshape(-1)
    return code[len(among) :], code[: len(among)]


__all__ = [
    "Decoder",
    "column_facts",
    "damaged",
    "decoders",
    "label",
    "match",
    "read_column",
    "read_columns",
    "read_numbers",
    "read_rows",
    "row_type",
    "text",
]
