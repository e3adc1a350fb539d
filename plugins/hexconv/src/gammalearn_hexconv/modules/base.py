"""What all layers over neighbours share."""

from __future__ import annotations

import math

from torch import Tensor
from torch import nn

from gammalearn_hexconv.backends.choosing import Backend
from gammalearn_hexconv.backends.choosing import check_backend
from gammalearn_hexconv.interop.indexedconv import take_indices
from gammalearn_hexconv.lattice import HexLattice
from gammalearn_hexconv.lattice import NeighbourTable
from gammalearn_hexconv.lattice.checking import check_whole
from gammalearn_hexconv.lattice.coarsening import Stride
from gammalearn_hexconv.lattice.taps import Kernel


class HexLayer(nn.Module):
    """A layer whose outputs see pixels and their neighbours.

    The ``indices_`` and ``mask_`` of an IndexedConv layer are taken out of a state that is loaded, with a warning if
    they are of other pixels.

    Raises
    ------
    TypeError
        The lattice is none.
    ValueError
        There is no such kernel on it, or no such backend.

    Attributes
    ----------
    table : NeighbourTable
        The pixels that each output sees.
    lattice, out_lattice : HexLattice
        Where the pixels and the outputs are; not there if a table was given.
    """

    table: NeighbourTable
    lattice: HexLattice
    out_lattice: HexLattice

    def __init__(
        self,
        lattice: HexLattice | NeighbourTable,
        radius: int,
        stride: Stride,
        dilation: int,
        backend: Backend,
        indexedconv_compat: bool,
        kernel: Kernel = "neighbours",
    ) -> None:
        super().__init__()
        check_backend(backend)
        self.radius, self.stride, self.dilation, self.kernel = radius, stride, dilation, kernel
        self.backend: Backend = backend
        self.indexedconv_compat = indexedconv_compat
        if isinstance(lattice, NeighbourTable):
            self.table = lattice
            return
        if not isinstance(lattice, HexLattice):
            raise TypeError(
                f"expected a HexLattice or a NeighbourTable, got a {type(lattice).__name__}: a camera's lattice is "
                "`HexLattice.from_camera(geometry)`"
            )
        self.lattice = lattice
        self.table = lattice.table(radius, stride, dilation, kernel=kernel, indexedconv_compat=indexedconv_compat)
        self.out_lattice = lattice.coarsen(stride, kernel=kernel, indexedconv_compat=indexedconv_compat)

    def _load_from_state_dict(self, state_dict: dict[str, Tensor], prefix: str, *others: object) -> None:
        take_indices(state_dict, prefix, self.table)
        super()._load_from_state_dict(state_dict, prefix, *others)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.extra_repr()})"

    def extra_repr(self) -> str:
        """Give what is not as by default, and the lattice."""
        text = f"{self.table.n_in} to {self.table.n_out} pixels"
        usual = {"radius": 1, "stride": 1, "dilation": 1, "kernel": "neighbours", "indexedconv_compat": False}
        changed = [f"{name}={getattr(self, name)!r}" for name, value in usual.items() if getattr(self, name) != value]
        lattice = [f"lattice={self.lattice.fingerprint}"] if hasattr(self, "lattice") else []
        return ", ".join([text, *changed, *lattice])


def check_channels(in_channels: int, out_channels: int, groups: int) -> None:
    """Refuse channels that are not whole groups.

    Raises
    ------
    ValueError
        They are not.
    """
    check_whole(in_channels=in_channels, out_channels=out_channels, groups=groups)
    if in_channels % groups or out_channels % groups:
        raise ValueError(f"{in_channels} and {out_channels} channels cannot be divided into {groups} groups")


def reset(weight: nn.Parameter, bias: nn.Parameter | None, fan_in: int) -> None:
    """Draw weights and bias as `torch.nn.Conv2d` does, from what an output sums over."""
    bound = 1 / math.sqrt(fan_in)
    nn.init.uniform_(weight, -bound, bound)
    if bias is not None:
        nn.init.uniform_(bias, -bound, bound)


__all__ = ["HexLayer", "check_channels", "reset"]
