"""`NeighbourTable`: which inputs each output sees."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING
from typing import Literal
from typing import NamedTuple

import numpy as np
from attrs import field
from attrs import frozen
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch

Rows = NDArray[np.int32]


def _rows(values: object) -> Rows:
    rows = np.asarray(values).astype(np.int64)
    if rows.ndim != 2 or not rows.size:
        raise ValueError(f"expected a neighbour table of the shape (n_out, n_taps), got {rows.shape}")
    return _read_only(rows)


def _read_only(values: NDArray[np.int64]) -> Rows:
    if len(values) and np.abs(values).max() > np.iinfo(np.int32).max:
        raise ValueError("rows of a neighbour table must fit into 32 bits")
    array = np.ascontiguousarray(values, dtype=np.int32)
    array.setflags(write=False)
    return array


class Inverse(NamedTuple):
    """The outputs that see each input."""

    rows: Rows
    """(n_in, n_columns); -1 where there is none."""
    taps: Rows
    """Tap at which the outputs of each column see the input, (n_columns,)."""


class TableTensors(NamedTuple):
    """A table as tensors of int32 on one device."""

    rows: torch.Tensor
    """(n_out, n_taps); -1 where there is none."""
    inverse_rows: torch.Tensor
    """(n_in, n_columns); -1 where there is none."""
    inverse_taps: torch.Tensor
    """(n_columns,)."""
    seen: torch.Tensor
    """`rows`, flat, with ``n_in`` where there is none: the row of zeros that is appended to the input."""
    seeing: torch.Tensor
    """`inverse_rows`, flat, with ``n_out`` where there is none."""


@frozen(eq=False)
class Stencil:
    """The kernel on a lattice that a table is of: input ``rows[o, k]`` is at ``centres[o] + dilation * steps[k]``."""

    kind: Literal["hexagonal", "square"]
    points: NDArray[np.int64]
    """Axial coordinates of the inputs, (n_in, 2)."""
    centres: NDArray[np.int64]
    """Axial coordinates of the outputs on the input's lattice, multiples of the stride apart, (n_out, 2)."""
    steps: NDArray[np.int64]
    """Axial steps of the kernel, (n_taps, 2)."""
    stride: int
    dilation: int


@frozen(eq=False, slots=False)
class NeighbourTable:
    """Which inputs each output of a convolution or pooling sees.

    Parameters
    ----------
    rows : array_like of int, (n_out, n_taps)
        Row of the input that each output sees at each tap; -1 where there is none.
    n_in : int
        Number of inputs.
    stencil : Stencil, optional
        What made the table, if that was a kernel on a lattice: with it, dense convolutions can be used.
    adjoint_of : NeighbourTable, optional
        The table that this one is `transposed` of.

    Raises
    ------
    ValueError
        A row is below -1 or not below ``n_in``, or there are none.

    Examples
    --------
    >>> table = NeighbourTable([(0, 1), (1, 2), (2, -1)], n_in=3)
    >>> table.n_out, table.n_taps
    (3, 2)
    >>> table.inverse.rows.tolist(), table.inverse.taps.tolist()
    ([[0, -1], [1, 0], [2, 1]], [0, 1])
    """

    rows: Rows = field(converter=_rows)
    n_in: int
    stencil: Stencil | None = field(default=None, kw_only=True, repr=False)
    adjoint_of: NeighbourTable | None = field(default=None, kw_only=True, repr=False)

    def __attrs_post_init__(self) -> None:
        if self.rows.min() < -1 or self.rows.max() >= self.n_in:
            raise ValueError(
                f"rows of a neighbour table must be from -1 to {self.n_in - 1} for {self.n_in} inputs, "
                f"got {self.rows.min()} to {self.rows.max()}"
            )

    @property
    def n_out(self) -> int:
        """Number of outputs."""
        return len(self.rows)

    @property
    def n_taps(self) -> int:
        """Number of taps."""
        return int(self.rows.shape[1])

    @cached_property
    def counts(self) -> NDArray[np.int64]:
        """Number of inputs that each output sees, (n_out,)."""
        return np.asarray((self.rows >= 0).sum(axis=1))

    @property
    def is_injective(self) -> bool:
        """Whether each input is at each tap of at most one output."""
        return len(self.inverse.taps) == self.n_taps

    @cached_property
    def inverse(self) -> Inverse:
        """The outputs that see each input.

        Column c holds those that see it at tap ``taps[c]``. There is one column a tap, in order, if no input is at one
        tap of two outputs, as on every lattice; else as many as are needed.
        """
        output, tap = np.nonzero(self.rows >= 0)
        pixel = self.rows[output, tap].astype(np.int64)
        order = np.lexsort((output, pixel, tap))
        output, tap, pixel = output[order], tap[order], pixel[order]
        slot = _counted(tap * self.n_in + pixel)
        depth = np.ones(self.n_taps, dtype=np.int64)
        np.maximum.at(depth, tap, slot + 1)
        first = np.concatenate([[0], np.cumsum(depth)])
        rows = np.full((self.n_in, first[-1]), -1, dtype=np.int64)
        rows[pixel, first[tap] + slot] = output
        return Inverse(_read_only(rows), _read_only(np.repeat(np.arange(self.n_taps), depth)))

    @cached_property
    def transposed(self) -> NeighbourTable:
        """The table of `inverse`, whose inputs are the outputs of this one.

        With the weights of `inverse.taps`, it is that of the transposed convolution.
        """
        if self.adjoint_of is not None and self.adjoint_of.is_injective:
            return self.adjoint_of
        return NeighbourTable(self.inverse.rows, self.n_out, adjoint_of=self)

    def tensors(self, device: torch.device | str = "cpu") -> TableTensors:
        """The table on a device; made once for each."""
        import torch

        key = str(torch.device(device))
        if key not in self._tensors:
            absent = _absent(self.rows, self.n_in), _absent(self.inverse.rows, self.n_out)
            arrays = (self.rows, *self.inverse, *absent)
            self._tensors[key] = TableTensors(*(torch.from_numpy(a.copy()).to(device) for a in arrays))
        return self._tensors[key]

    @cached_property
    def _tensors(self) -> dict[str, TableTensors]:
        return {}

    def __deepcopy__(self, memo: object) -> NeighbourTable:
        return self

    def __reduce__(self) -> tuple[object, ...]:
        return _table, (np.array(self.rows), self.n_in, self.stencil, self.adjoint_of)


def _table(rows: Rows, n_in: int, stencil: Stencil | None, adjoint_of: NeighbourTable | None) -> NeighbourTable:
    return NeighbourTable(rows, n_in, stencil=stencil, adjoint_of=adjoint_of)


def _counted(keys: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many equal keys are before each; equal keys are together."""
    start = np.flatnonzero(np.concatenate([[True], keys[1:] != keys[:-1]])) if len(keys) else np.zeros(0, np.int64)
    return np.arange(len(keys)) - np.repeat(start, np.diff(np.concatenate([start, [len(keys)]])))


def _absent(rows: Rows, row: int) -> Rows:
    return np.where(rows < 0, np.int32(row), rows).reshape(-1)


__all__ = ["Inverse", "NeighbourTable", "Stencil", "TableTensors"]
