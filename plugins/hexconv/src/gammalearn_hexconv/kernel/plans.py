"""Plans: neighbour tables, checked and put into the order in which the kernel reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gammalearn_hexconv.kernel.library import PlanStruct
from gammalearn_hexconv.kernel.remembering import Remembering

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

SMALL_CLASS = 48
"""A class of fewer pixels is merged into one with more taps, where zeros stand for those that it lacks."""


class Plan:
    """Which input pixels the output pixels see, as the kernel wants to know it; see hexconv.h.

    Parameters
    ----------
    rows : ndarray of int32, (outputs, columns)
        The input pixels that each output pixel sees, -1 where there is none.
    taps : ndarray of int32, (columns,)
        The tap of each column.
    members : sequence of (ndarray, ndarray)
        For each class its output pixels, and the columns that it uses.
    """

    def __init__(
        self,
        rows: NDArray[np.int32],
        taps: NDArray[np.int32],
        members: Sequence[tuple[NDArray[np.intp], NDArray[np.intp]]],
    ) -> None:
        self.n_outputs, self.n_columns = rows.shape
        self.largest = int(rows.max(initial=-1))
        self.n_taps = int(taps.max(initial=-1)) + 1
        self._arrays: list[NDArray[Any]] = [
            np.array([len(pixels) for pixels, _ in members], dtype=np.int64),
            np.array([len(columns) for _, columns in members], dtype=np.int64),
            np.concatenate([taps[columns] for _, columns in members], dtype=np.int32),
            np.concatenate([pixels for pixels, _ in members], dtype=np.int32),
            np.concatenate([rows[np.ix_(pixels, columns)].T.ravel() for pixels, columns in members], dtype=np.int32),
        ]
        self.struct = PlanStruct(len(members), *(array.ctypes.data for array in self._arrays))

    def check_inputs(self, pixels: int, name: str) -> None:
        """Raise a ValueError unless images of so many pixels have all those that the table names."""
        if self.largest >= pixels:
            raise ValueError(f"{name} has the pixel {self.largest}, and the images have {pixels} pixels, from 0 on")


def _checked(rows: NDArray[np.int32], name: str) -> None:
    if rows.size and int(rows.min()) < -1:
        raise ValueError(f"{name} has {int(rows.min())}: a pixel is 0 or more, and -1 where there is none")
    if not rows.shape[0] or not rows.shape[1]:
        raise ValueError(f"{name} must have pixels and taps, its shape is {rows.shape}")


def forward_plan(rows: NDArray[np.int32]) -> Plan:
    """Plan what a neighbour table says, all outputs alike.

    Raises
    ------
    ValueError
        The table is empty or has indices below -1.
    """
    _checked(rows, "rows")
    n_outputs, n_taps = rows.shape
    return Plan(rows, np.arange(n_taps, dtype=np.int32), [(np.arange(n_outputs), np.arange(n_taps))])


def inverse_plan(rows: NDArray[np.int32], taps: NDArray[np.int32]) -> Plan:
    """Plan what an inverse table says, with the pixels grouped by the columns that they use.

    Raises
    ------
    ValueError
        The table is empty or has indices below -1, or the taps do not suit it.
    """
    _checked(rows, "inv_rows")
    if taps.shape != (rows.shape[1],) or int(taps.min()) < 0:
        raise ValueError(f"inv_taps must name a tap for each of the {rows.shape[1]} columns, it is {taps.tolist()}")
    seen = rows >= 0
    if seen.mean() > 0.8:  # what grouping could save is less than the tiles that it would leave half empty
        return Plan(rows, taps, [(np.arange(len(rows)), np.arange(rows.shape[1]))])
    return Plan(rows, taps, _classes(seen))


def _classes(seen: NDArray[np.bool_]) -> list[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Group pixels by the columns that they use; the fewest pixels join the smallest group that uses theirs too."""
    patterns, which = np.unique(seen, axis=0, return_inverse=True)
    members = [np.flatnonzero(which.ravel() == i) for i in range(len(patterns))]
    for i in sorted(range(len(patterns)), key=lambda i: int(patterns[i].sum())):
        hosts = [j for j in range(len(patterns)) if j != i and len(members[j]) and (patterns[j] >= patterns[i]).all()]
        if hosts and len(members[i]) < SMALL_CLASS:
            host = min(hosts, key=lambda j: int(patterns[j].sum()))
            members[host] = np.union1d(members[host], members[i])
            members[i] = members[i][:0]
    return [(pixels, np.flatnonzero(pattern)) for pixels, pattern in zip(members, patterns, strict=True) if len(pixels)]


def _pair(rows: NDArray[np.int32], inv_rows: NDArray[np.int32], inv_taps: NDArray[np.int32]) -> bool:
    """Check that an inverse table is that of a table: each entry of one is an entry of the other."""
    _checked(rows, "rows")
    pixels, columns = np.nonzero(inv_rows >= 0)
    outputs, taps = inv_rows[pixels, columns], inv_taps[columns]
    if int(inv_taps.max(initial=0)) >= rows.shape[1] or int(inv_rows.max()) >= rows.shape[0]:
        raise ValueError(f"the inverse table names outputs or taps beyond those of rows, whose shape is {rows.shape}")
    if len(pixels) != np.count_nonzero(rows >= 0) or not np.array_equal(rows[outputs, taps], pixels):
        raise ValueError("inv_rows and inv_taps are not the inverse of rows: they list other pairs of pixels")
    return True


def _scale(rows: NDArray[np.int32]) -> Tensor:
    return torch.from_numpy((1 / np.maximum((rows >= 0).sum(axis=1), 1)).astype(np.float32))


_forward = Remembering(forward_plan)
_inverse = Remembering(inverse_plan)
_pairs = Remembering(_pair)
_inverse_counts = Remembering(_scale)


def forward(rows: Tensor) -> Plan:
    """Give the plan of a neighbour table."""
    return _forward(rows)


def inverse_counts(rows: Tensor) -> Tensor:
    """Give one over the number of pixels that each output sees, and 1 where it sees none, float32 (outputs,)."""
    return _inverse_counts(rows)


def inverse(inv_rows: Tensor, inv_taps: Tensor) -> Plan:
    """Give the plan of an inverse table."""
    return _inverse(inv_rows, inv_taps)


def check_pair(rows: Tensor, inv_rows: Tensor, inv_taps: Tensor) -> None:
    """Raise a ValueError unless the second table is the inverse of the first."""
    _pairs(rows, inv_rows, inv_taps)


__all__ = ["Plan", "check_pair", "forward", "forward_plan", "inverse", "inverse_counts", "inverse_plan"]
