"""Weights of IndexedConv, read and written unchanged.

The weights of a layer are the same here and there, ``(out_channels, in_channels, n_taps)`` in one order of taps.
IndexedConv also keeps which pixels each output sees, as ``indices_`` and ``mask_``; here that is the lattice's affair.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch import nn

from gammalearn_hexconv.table import NeighbourTable

if TYPE_CHECKING:
    from indexedconv.engine import IndexedConv

    from gammalearn_hexconv.modules.base import HexLayer
    from gammalearn_hexconv.modules.conv import HexConv2d


class IndicesWarning(UserWarning):
    """Weights come from a layer whose pixels are others."""


def take_indices(state: dict[str, Tensor], prefix: str, table: NeighbourTable) -> None:
    """Take ``indices_`` and ``mask_`` out of a state, and warn if they are of other pixels than the table's.

    The order of pixels does not matter: only which sees which.
    """
    indices, mask = (state.pop(f"{prefix}{name}", None) for name in ("indices_", "mask_"))
    if indices is None:
        return
    rows = indices if mask is None else torch.where(mask > 0, indices, -1)
    if not _same(rows.t().cpu().numpy(), table):
        warnings.warn(
            f"the weights of {prefix.removesuffix('.') or 'this layer'} come from an IndexedConv layer with other "
            f"pixels: its indices_ are not those from {table.n_in} to {table.n_out} pixels here, in whatever order. "
            "The weights are taken as they are; check the camera, its orientation and the stride",
            IndicesWarning,
            stacklevel=2,
        )


def _same(rows: NDArray[np.int64], table: NeighbourTable) -> bool:
    if rows.shape != table.rows.shape or rows.max() >= table.n_in:
        return False
    return same_up_to_order(NeighbourTable(rows, table.n_in), table)


def same_up_to_order(one: NeighbourTable, other: NeighbourTable) -> bool:
    """Whether one table becomes the other if its inputs and outputs are put in another order.

    Inputs and outputs are told apart by what they see and are seen by, further and further away. Tables that cannot be
    told apart in this way count as the same.
    """
    if (one.n_in, one.n_out, one.n_taps) != (other.n_in, other.n_out, other.n_taps):
        return False
    if np.array_equal(one.rows, other.rows):
        return True
    if not (one.is_injective and other.is_injective):
        return False
    seen = np.concatenate([one.rows, _moved(other.rows, one.n_in)])
    seeing = np.concatenate([one.inverse.rows, _moved(other.inverse.rows, one.n_out)])
    inputs = np.zeros(2 * one.n_in, dtype=np.int64)
    known = 0
    while (found := int(inputs.max()) + 1) > known:
        known = found
        outputs = _told_apart(inputs, seen)
        inputs = _told_apart(outputs, seeing, inputs)
    return _alike(inputs, one.n_in) and _alike(outputs, one.n_out)


def _moved(rows: NDArray[np.int32], by: int) -> NDArray[np.int32]:
    return np.where(rows < 0, -1, rows + by).astype(np.int32)


def _told_apart(
    kinds: NDArray[np.int64], rows: NDArray[np.int32], own: NDArray[np.int64] | None = None
) -> NDArray[np.int64]:
    signs = np.append(kinds, -1)[rows]
    signs = signs if own is None else np.column_stack([own, signs])
    # Sums with large odd factors instead of whole rows, which are slow to sort.
    factors = np.random.default_rng(0).integers(1 << 62, size=signs.shape[1], dtype=np.int64) | 1
    return np.unique(signs @ factors, return_inverse=True)[1].reshape(-1)


def _alike(kinds: NDArray[np.int64], n: int) -> bool:
    size = int(kinds.max()) + 1
    return bool((np.bincount(kinds[:n], minlength=size) == np.bincount(kinds[n:], minlength=size)).all())


def indexedconv_state_dict(model: nn.Module) -> dict[str, Tensor]:
    """Give the state of a model with ``indices_`` and ``mask_`` of every layer over neighbours, as IndexedConv has it.

    Outputs are in the order of this model's lattices.
    """
    from gammalearn_hexconv.modules.base import HexLayer

    state = dict(model.state_dict())
    for name, module in model.named_modules():
        if isinstance(module, HexLayer):
            prefix = f"{name}." if name else ""
            state |= {f"{prefix}{key}": value for key, value in _indices(module).items()}
    return state


def _indices(layer: HexLayer) -> dict[str, Tensor]:
    rows = torch.from_numpy(layer.table.rows.T.astype(np.int64))
    dtype = next((parameter.dtype for parameter in layer.parameters()), torch.get_default_dtype())
    return {"indices_": rows.clamp(min=0), "mask_": (rows >= 0).to(dtype)}


def to_indexedconv(layer: HexConv2d) -> IndexedConv:
    """Give the layer of IndexedConv that computes the same, with a copy of the weights.

    Raises
    ------
    ValueError
        The layer has groups, which IndexedConv has not.
    """
    from indexedconv.engine import IndexedConv

    if layer.groups > 1:
        raise ValueError(f"IndexedConv has no groups, but the layer has {layer.groups}")
    indices = layer.site.rows.t().long()
    other = IndexedConv(layer.in_channels, layer.out_channels, indices, bias=layer.bias is not None)
    other.to(layer.weight)
    other.load_state_dict(indexedconv_state_dict(layer))
    return other


__all__ = ["IndicesWarning", "indexedconv_state_dict", "same_up_to_order", "take_indices", "to_indexedconv"]
