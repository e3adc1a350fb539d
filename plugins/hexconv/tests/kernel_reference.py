"""What the compiled kernel must give: the same sums, by torch in float64, from tables made for the tests."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor


class Tables(NamedTuple):
    """Tensors of a neighbour table, as the kernel takes them."""

    rows: Tensor
    inv_rows: Tensor
    inv_taps: Tensor


def tables(rows: np.ndarray, n_in: int) -> Tables:
    """A table with its inverse, which has as many columns for a tap as a pixel is seen through it at most."""
    columns: list[tuple[int, np.ndarray]] = []
    for tap in range(rows.shape[1]):
        outputs = [np.flatnonzero(rows[:, tap] == pixel) for pixel in range(n_in)]
        for i in range(max(1, *(len(o) for o in outputs))):
            columns.append((tap, np.array([o[i] if i < len(o) else -1 for o in outputs])))
    inverse = np.stack([column for _, column in columns], axis=1)
    taps = np.array([tap for tap, _ in columns])
    return Tables(*(torch.from_numpy(np.ascontiguousarray(a, dtype=np.int32)) for a in (rows, inverse, taps)))


def on_hexagon(side: int, radius: int = 1, stride: int = 1, dilation: int = 1) -> tuple[Tables, int]:
    """Table of a rhombus of side x side hexagonal pixels, and their number."""
    steps = [(i, j) for i in range(-radius, radius + 1) for j in range(-radius, radius + 1) if abs(i - j) <= radius]
    return _on_grid(side, [(dilation * i, dilation * j) for i, j in steps], stride)


def on_square(side: int, reach: int = 1) -> tuple[Tables, int]:
    """Table of a square of pixels with a square kernel."""
    steps = [(i, j) for i in range(-reach, reach + 1) for j in range(-reach, reach + 1)]
    return _on_grid(side, steps, 1)


def _on_grid(side: int, steps: list[tuple[int, int]], stride: int) -> tuple[Tables, int]:
    i, j = (a.ravel() for a in np.mgrid[0:side:stride, 0:side:stride])
    rows = []
    for step_i, step_j in steps:
        to_i, to_j = i + step_i, j + step_j
        inside = (to_i >= 0) & (to_i < side) & (to_j >= 0) & (to_j < side)
        rows.append(np.where(inside, to_i * side + to_j, -1))
    return tables(np.stack(rows, axis=1), side * side), side * side


def at_random(n_in: int, n_out: int, taps: int, seed: int) -> tuple[Tables, int]:
    """Table where a pixel may be seen several times through a tap, and some are seen by none."""
    rows = np.random.default_rng(seed).integers(-2, n_in - 3, size=(n_out, taps))
    return tables(np.maximum(rows, -1), n_in), n_in


def seen(x: Tensor, rows: Tensor) -> Tensor:
    """The pixels that each output sees, (images, outputs, taps, channels); 0 where there is none."""
    padded = torch.cat([x, x.new_zeros(x.shape[0], 1, x.shape[2])], dim=1)
    return padded[:, rows.long()]


def conv(x: Tensor, weight: Tensor, bias: Tensor | None, rows: Tensor, groups: int = 1) -> Tensor:
    """Convolution in float64."""
    columns = seen(x.double(), rows).unflatten(3, (groups, -1))
    kernel = weight.double().unflatten(0, (groups, -1))
    y = torch.einsum("nlkgc,gock->nlgo", columns, kernel).flatten(2)
    return y if bias is None else y + bias.double()


def relative(actual: Tensor, wanted: Tensor) -> float:
    """The largest difference, over the largest value that is wanted."""
    if not wanted.numel():
        return 0.0 if actual.shape == wanted.shape else float("inf")
    wanted = wanted.detach().double()
    return float((actual.detach().double() - wanted).abs().max() / wanted.abs().max().clamp(min=1e-30))
