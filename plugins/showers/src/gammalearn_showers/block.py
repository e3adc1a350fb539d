"""`Block`: what the simulator gives for a few hundred showers."""

from __future__ import annotations

import attrs
import numpy as np
from numpy.typing import NDArray


@attrs.frozen(eq=False)
class Showers:
    """The truth of all showers thrown in a block, one row each.

    Parameters
    ----------
    number : array of int64
        Number of the shower in its production, from 0.
    energy : array of float64
        In TeV.
    alt, az : array of float64
        Where the primary comes from, in rad; azimuth from north to east, 0 to 2 pi.
    core_x, core_y : array of float64
        Where its axis meets the ground, north and west of the array's centre, in m.
    h_first_int : array of float64
        Height of the first interaction above sea level, in m.
    x_max : array of float64
        Slant depth of the maximum of charged particles, in g/cm2.
    triggered : array of bool
        Whether the array triggered.
    """

    number: NDArray[np.int64]
    energy: NDArray[np.float64]
    alt: NDArray[np.float64]
    az: NDArray[np.float64]
    core_x: NDArray[np.float64]
    core_y: NDArray[np.float64]
    h_first_int: NDArray[np.float64]
    x_max: NDArray[np.float64]
    triggered: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.number)


@attrs.frozen(eq=False)
class Images:
    """Images of one type of telescope, one row each: of telescopes that triggered in showers the array triggered on.

    Rows are in the order of showers, then of telescopes.

    Parameters
    ----------
    shower : array of int64, (images,)
        Row of the shower in `Showers`.
    telescope : array of int64, (images,)
        Row of the telescope in `Subarray`.
    charge : array of float32, (images, pixels)
        In p.e., night sky subtracted.
    peak_time : array of float32, (images, pixels)
        In ns from the start of the read-out window.
    true_image : array of int32, (images, pixels)
        Photo-electrons of the shower alone.
    impact : array of float64, (images,)
        Distance of the telescope from the shower axis, in m.
    """

    shower: NDArray[np.int64]
    telescope: NDArray[np.int64]
    charge: NDArray[np.float32]
    peak_time: NDArray[np.float32]
    true_image: NDArray[np.int32]
    impact: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.shower)


@attrs.frozen(eq=False)
class Block:
    """Showers of a block, and their images by place of the telescope type in ``Subarray.types``."""

    showers: Showers
    images: tuple[Images, ...]


__all__ = ["Block", "Images", "Showers"]
