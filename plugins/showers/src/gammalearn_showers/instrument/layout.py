"""`read_layout`: telescopes of a file of the user's."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import numpy as np
from numpy.typing import NDArray

from gammalearn_core import DataError
from gammalearn_core import UnknownComponentError
from gammalearn_showers.instrument.cameras import camera

if TYPE_CHECKING:
    from astropy.table import Column
    from astropy.table import Table

COLUMNS = ("tel_id", "camera", "x", "y", "z")
SUFFIXES = (".ecsv", ".csv")
LAST_TEL_ID = 32767
"""What ctapipe's tables of events hold."""
FARTHEST = 20_000.0
"""From the centre of the array, in m: more is a place on a map."""


@attrs.frozen(eq=False)
class Layout:
    """Telescopes in the order of their numbers.

    Parameters
    ----------
    tel_id : array of int64, (telescopes,)
        Their numbers.
    camera : list of str
        Names of their cameras.
    position : array of float64, (telescopes, 3)
        North, west and up of the centre of the array, in m.
    """

    tel_id: NDArray[np.int64]
    camera: list[str]
    position: NDArray[np.float64]


def read_layout(path: Path) -> Layout:
    """Telescopes of an ECSV or CSV file with columns ``tel_id``, ``camera``, ``x``, ``y`` and ``z``.

    ``x``, ``y`` and ``z`` are north, west and up of the centre of the array, in the unit that an ECSV file gives, else
    in m; empty cells are errors, other columns are left alone.

    Parameters
    ----------
    path : Path
        Ends in ``.ecsv`` or ``.csv``.

    Returns
    -------
    Layout
        At least one telescope.

    Raises
    ------
    DataError
        The file cannot be read, or something in it is wrong; all that is wrong is told.
    """
    table = _read(path)
    problems: list[str] = []
    missing = [name for name in COLUMNS if name not in table.colnames]
    if missing:
        problems.append(f"no column {', '.join(missing)}; there are {', '.join(table.colnames) or 'none'}")
    if not len(table):
        problems.append("there is no telescope in it")
        raise _error(path, problems)
    tel_id = _tel_ids(table["tel_id"], problems) if "tel_id" not in missing else np.zeros(0)
    cameras = _cameras(table["camera"], problems) if "camera" not in missing else []
    axes = [_lengths(table[axis], axis, problems) for axis in "xyz" if axis not in missing]
    if problems:
        raise _error(path, problems)
    order = np.argsort(tel_id)
    return Layout(tel_id[order].astype(np.int64), [cameras[i] for i in order], np.column_stack(axes)[order])


def _error(path: Path, problems: list[str]) -> DataError:
    count = f"{len(problems)} problem{'s' if len(problems) > 1 else ''}"
    return DataError("\n".join([f"{path}: {count} in this array of telescopes", *(f"  {p}" for p in problems)]))


def _read(path: Path) -> Table:
    from astropy.table import Table

    if path.suffix.lower() not in SUFFIXES:
        raise DataError(f"{path}: not an array of telescopes; its name must end in {' or '.join(SUFFIXES)}")
    if not os.path.exists(path):
        raise DataError(f"{path}: no such file")
    if not os.path.isfile(path):
        raise DataError(f"{path}: is not a file")
    kind = "ecsv" if path.suffix.lower() == ".ecsv" else "csv"
    try:
        text = path.read_text(encoding="utf-8-sig")
        with warnings.catch_warnings(action="ignore"):
            return Table.read([*text.splitlines(), ""], format=f"ascii.{kind}")
    except Exception as error:  # astropy raises whatever its parsers of text, YAML, JSON and units do
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DataError(f"{path}: cannot be read as {kind.upper()}: {reason}") from error


def _tel_ids(column: Column, problems: list[str]) -> NDArray[np.int64]:
    if column.dtype.kind not in "iu" or column.ndim > 1 or np.ma.is_masked(column):
        problems.append("tel_id: not a whole number in every row")
        return np.zeros(0, dtype=np.int64)
    values = np.asarray(column)
    wrong = values[(values < 1) | (values > LAST_TEL_ID)]
    if len(wrong):
        problems.append(f"tel_id: {_few(wrong)} not from 1 to {LAST_TEL_ID}")
    found, counts = np.unique(values, return_counts=True)
    if (counts > 1).any():
        problems.append(f"tel_id: {_few(found[counts > 1])} in more than one row")
    return values.astype(np.int64)


def _cameras(column: Column, problems: list[str]) -> list[str]:
    names = ["" if np.ma.is_masked(name) else str(name) for name in column]
    if "" in names:
        problems.append(f"camera: none in row {_few([i + 1 for i, name in enumerate(names) if not name])}")
    for name in filter(None, dict.fromkeys(names)):
        try:
            camera(name)
        except UnknownComponentError as error:
            problems.append(f"camera: {error}")
    return names


def _lengths(column: Column, axis: str, problems: list[str]) -> NDArray[np.float64]:
    from astropy import units

    nothing = np.zeros(len(column))
    if column.dtype.kind not in "iuf" or column.ndim > 1:
        problems.append(f"{axis}: not a number in every row")
        return nothing
    unit = column.unit or units.m
    if not unit.is_equivalent(units.m):
        problems.append(f"{axis}: {str(unit)!r} is not a unit of length")
        return nothing
    values = np.ma.filled(np.ma.asarray(column).astype(np.float64), np.nan) * unit.to(units.m)
    wrong = np.flatnonzero(~np.isfinite(values))
    if len(wrong):
        problems.append(f"{axis}: not a finite number in row {_few(wrong + 1)}")
    elif np.abs(values).max() > FARTHEST:
        problems.append(f"{axis}: farther than {FARTHEST / 1000:.0f} km from the centre of the array, which is at 0")
    return np.asarray(values, dtype=np.float64)


def _few(values: Sequence[int] | NDArray[np.integer]) -> str:
    shown = ", ".join(str(v) for v in values[:5])
    return f"{shown} and {len(values) - 5} more" if len(values) > 5 else shown


__all__ = ["COLUMNS", "SUFFIXES", "Layout", "read_layout"]
