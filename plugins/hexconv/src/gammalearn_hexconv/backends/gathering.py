"""`Gathering`: the rows that a table gathers, forwards and backwards."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from gammalearn_hexconv.backends.site import Site
from gammalearn_hexconv.backends.weights import swapped
from gammalearn_hexconv.table import NeighbourTable


class Gathering(NamedTuple):
    """A table's tensors, forwards and backwards."""

    table: NeighbourTable
    seen: Tensor
    """Flat rows of the inputs, ``n_in`` where there is none."""
    seeing: Tensor
    """Flat rows of the outputs, of the inverse table, ``n_out`` where there is none."""
    taps: Tensor | None
    """Tap of each column of the inverse table; None if there is one a tap, in order."""

    @classmethod
    def of(cls, site: Site) -> Gathering:
        """Those of a site."""
        return cls(site.table, site.seen, site.seeing, None if site.is_injective else site.inverse_taps)

    @property
    def backwards(self) -> Gathering:
        """Those of the transposed table."""
        table = self.table.transposed
        if self.taps is None:
            return Gathering(table, self.seeing, self.seen, None)
        tensors = table.tensors(self.seen.device)
        taps = None if table.is_injective else tensors.inverse_taps
        return Gathering(table, tensors.seen, tensors.seeing, taps)

    def weights_back(self, weight: Tensor, groups: int) -> Tensor:
        """Weights of the transposed convolution at the columns of the inverse table."""
        back = swapped(weight, groups)
        return back if self.taps is None else back.index_select(2, self.taps)


__all__ = ["Gathering"]
