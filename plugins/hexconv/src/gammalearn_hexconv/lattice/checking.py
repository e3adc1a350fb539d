"""Numbers and names that kernels are made of."""

from __future__ import annotations

from gammalearn_hexconv.lattice.coarsening import Stride
from gammalearn_hexconv.lattice.taps import Kernel


def check_stride(stride: Stride, kernel: Kernel) -> None:
    """Refuse strides and kernels that are none.

    Raises
    ------
    ValueError
        With the first that is wrong.
    """
    if stride != "sqrt7":
        if isinstance(stride, str):
            raise ValueError(f"stride must be a whole number above 0 or 'sqrt7', got {stride!r}")
        check_whole(stride=stride)
    if kernel not in ("neighbours", "rhombus"):
        raise ValueError(f"kernel must be 'neighbours' or 'rhombus', got {kernel!r}")


def check_whole(**values: int) -> None:
    """Refuse numbers that are not whole and above 0.

    Raises
    ------
    ValueError
        With the name of the first such number.
    """
    for name, value in values.items():
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise ValueError(f"{name} must be a whole number above 0, got {value!r}")


__all__ = ["check_stride", "check_whole"]
