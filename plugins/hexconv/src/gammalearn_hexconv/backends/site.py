"""`Site`: a neighbour table with the tensors that the backends need."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor
from torch import nn

from gammalearn_hexconv.backends.frame import AxialFrame
from gammalearn_hexconv.backends.frame import axial_frame
from gammalearn_hexconv.table import NeighbourTable


class Site(nn.Module):
    """A neighbour table and its tensors, which move with the module that has it and are not in its state.

    Attributes
    ----------
    n_in, n_out, n_taps : int
    is_injective : bool
        Whether each input is at each tap of at most one output.
    is_complete : bool
        Whether no output misses an input at any tap.
    is_blind : bool
        Whether there is an output that sees no input.
    is_transposed : bool
        Whether the table is that of a transposed convolution.
    n_source_taps : int
        Taps of the convolution that is transposed, if there is one.
    source_taps : Tensor or None
        Of a transposed convolution, the tap of each of this table's; None if they are the same.
    """

    rows: Tensor
    inverse_rows: Tensor
    inverse_taps: Tensor
    seen: Tensor
    seeing: Tensor
    cells: Tensor
    out_cells: Tensor
    weights_at: Tensor
    source_taps: Tensor | None
    has_blind: bool
    """Whether an output sees no input."""

    def __init__(self, table: NeighbourTable) -> None:
        super().__init__()
        self.table = table
        # Plain numbers, because compilers do not follow arrays of numpy.
        self.n_in, self.n_out, self.n_taps = table.n_in, table.n_out, table.n_taps
        self.is_injective = table.is_injective
        self.is_complete = bool(table.counts.min() == table.n_taps)
        self.is_blind = bool(table.counts.min() == 0)
        self.is_transposed = table.adjoint_of is not None
        self.n_source_taps = table.n_taps if table.adjoint_of is None else table.adjoint_of.n_taps
        self.frame: AxialFrame | None = axial_frame(table)
        # Here, as torch.compile cannot look into cached properties.
        self.has_blind = bool(table.counts.min() == 0)
        for name, tensor in table.tensors("cpu")._asdict().items():
            self.register_buffer(name, tensor, persistent=False)
        source = table.adjoint_of
        repeated = source is not None and not source.is_injective
        taps = source.tensors("cpu").inverse_taps if source is not None and repeated else None
        self.register_buffer("source_taps", taps, persistent=False)
        if self.frame is not None:
            for name, tensor in self.frame.tensors._asdict().items():
                self.register_buffer(name, tensor, persistent=False)

    def extra_repr(self) -> str:
        return f"{self.n_in} to {self.n_out} pixels, {self.n_taps} taps"


@lru_cache(maxsize=64)
def site_of(table: NeighbourTable, device: torch.device) -> Site:
    """The table on a device; the same object each time, as long as not too many are asked for."""
    return Site(table).to(device)


__all__ = ["Site", "site_of"]
