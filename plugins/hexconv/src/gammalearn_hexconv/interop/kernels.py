"""Weights of HexagDLy and of masked square kernels, and back.

HexagDLy stores pixels in columns of a grid, of which every other one is shifted by half a pixel, and a kernel as one
rectangle for each distance of columns. `hexagdly_places` says where the pixels of a lattice are in such a grid.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import isqrt

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gammalearn_hexconv.lattice import HexLattice
from gammalearn_hexconv.lattice.taps import hexagon


def hexagdly_places(lattice: HexLattice) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Give row and column of each pixel in the smallest grid of HexagDLy, (n_pixels,) each.

    Raises
    ------
    ValueError
        The lattice is not hexagonal.
    """
    if lattice.kind != "hexagonal" or lattice.axial is None:
        raise ValueError(f"HexagDLy is for hexagonal pixels, these are {lattice.kind}")
    column = lattice.axial[:, 0] - lattice.axial[:, 0].min()
    row = -lattice.axial[:, 1] - (column + 1) // 2
    return row - row.min(), column


def from_hexagdly(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Give the state of a `HexConv2d` from that of a ``hexagdly.Conv2d``.

    Parameters
    ----------
    state : mapping of str to Tensor
        ``kernel0``, ``kernel1`` and so on, one more than the radius, and maybe ``bias_tensor``.

    Raises
    ------
    ValueError
        There are no such kernels.
    """
    radius = sum(name.startswith("kernel") for name in state) - 1
    if radius < 1 or f"kernel{radius}" not in state:
        raise ValueError(
            f"expected the state of a hexagdly.Conv2d with kernel0, kernel1 and so on, got {sorted(state)}"
        )
    taps = [state[f"kernel{distance}"][:, :, row, side] for distance, row, side in _rectangles(radius)]
    found = {"weight": torch.stack(taps, dim=2)}
    return found | ({"bias": state["bias_tensor"]} if "bias_tensor" in state else {})


def to_hexagdly(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Give the state of a ``hexagdly.Conv2d`` from that of a `HexConv2d` without groups.

    Raises
    ------
    ValueError
        The weights are not those of a hexagonal kernel.
    """
    weight = state["weight"]
    radius = _radius(weight.shape[2])
    found = {
        f"kernel{distance}": weight.new_zeros(*weight.shape[:2], 2 * radius + 1 - distance, min(distance, 1) + 1)
        for distance in range(radius + 1)
    }
    for tap, (distance, row, side) in enumerate(_rectangles(radius)):
        found[f"kernel{distance}"][:, :, row, side] = weight[:, :, tap]
    return found | ({"bias_tensor": state["bias"]} if "bias" in state else {})


def from_square(weight: Tensor) -> Tensor:
    """Give the weights of a hexagonal kernel from those of a square one whose other corners are masked.

    Parameters
    ----------
    weight : Tensor, (out_channels, in_channels, 2 * radius + 1, 2 * radius + 1)
        On an index matrix, as ``MaskedConv2d`` of IndexedConv has them.

    Returns
    -------
    Tensor, (out_channels, in_channels, n_taps)
    """
    size = weight.shape[-1]
    if weight.ndim != 4 or weight.shape[2] != size or size % 2 == 0:
        raise ValueError(f"expected weights of a square kernel of an odd side, got {tuple(weight.shape)}")
    i, j = _places(size // 2)
    return weight[:, :, i, j]


def to_square(weight: Tensor) -> Tensor:
    """Give the weights of a square kernel from those of a hexagonal one, with zeros in the other corners.

    Raises
    ------
    ValueError
        The weights are not those of a hexagonal kernel.
    """
    radius = _radius(weight.shape[2])
    i, j = _places(radius)
    square = weight.new_zeros(*weight.shape[:2], 2 * radius + 1, 2 * radius + 1)
    square[:, :, i, j] = weight
    return square


def _places(radius: int) -> tuple[Tensor, Tensor]:
    steps = hexagon(radius)
    return torch.from_numpy(steps[:, 0] + radius), torch.from_numpy(radius - steps[:, 1])


def _radius(n_taps: int) -> int:
    radius = (isqrt(12 * n_taps - 3) - 3) // 6
    if radius < 1 or 1 + 3 * radius * (radius + 1) != n_taps:
        raise ValueError(f"a hexagonal kernel has 7, 19, 37 or so taps, not {n_taps}")
    return radius


def _rectangles(radius: int) -> list[tuple[int, int, int]]:
    """Distance of columns, row and side of each tap."""
    found = []
    for i, r in hexagon(radius).tolist():
        first = max(-radius, i - radius)
        found.append((abs(i), -r - first, int(i > 0)))
    return found


__all__ = ["from_hexagdly", "from_square", "hexagdly_places", "to_hexagdly", "to_square"]
