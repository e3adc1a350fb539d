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
    """A neighbour table and its tensors, which move with the module that has it and are not in its state."""

    rows: Tensor
    inverse_rows: Tensor
    inverse_taps: Tensor
    seen: Tensor
    seeing: Tensor
    cells: Tensor
    out_cells: Tensor
    weights_at: Tensor
    has_blind: bool
    """Whether an output sees no input."""

    def __init__(self, table: NeighbourTable) -> None:
        super().__init__()
        self.table = table
        self.frame: AxialFrame | None = axial_frame(table)
        # Here, as torch.compile cannot look into cached properties.
        self.has_blind = bool(table.counts.min() == 0)
        for name, tensor in table.tensors("cpu")._asdict().items():
            self.register_buffer(name, tensor, persistent=False)
        if self.frame is not None:
            for name, tensor in self.frame.tensors._asdict().items():
                self.register_buffer(name, tensor, persistent=False)

    def extra_repr(self) -> str:
        return f"{self.table.n_in} to {self.table.n_out}, {self.table.n_taps} taps"


@lru_cache(maxsize=64)
def site_of(table: NeighbourTable, device: torch.device) -> Site:
    """The table on a device; the same object each time, as long as not too many are asked for."""
    return Site(table).to(device)


__all__ = ["Site", "site_of"]
