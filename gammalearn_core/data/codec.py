"""What a target gives: the way from truth columns to numbers that a network learns, and back."""

from __future__ import annotations

from typing import Any
from typing import Protocol
from typing import runtime_checkable

from numpy.typing import NDArray

from gammalearn_core.data.table import Columns


@runtime_checkable
class TargetCodec(Protocol):
    """What a target gives: ``target(**params)``.

    It may also have ``numbers``, which tells what each of its numbers is, with its unit, and ``decoding``, which tells
    how they are decoded: both are texts for those who use an exported network. With
    ``decode_uncertainty(prediction, uncertainty, events)`` it gives uncertainties of the quantities, where a loss tells
    those of the numbers.
    """

    @property
    def size(self) -> int:
        """Numbers a sample."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of classes; empty for numbers."""

    def encode(self, events: Columns) -> NDArray[Any]:
        """Truth columns to ``(n, size)`` float, or ``(n,)`` int for classes; NaN or -1 where there is no truth."""

    def decode(self, prediction: NDArray[Any], events: Columns) -> dict[str, NDArray[Any]]:
        """The network's ``(n, size)`` numbers to DL2 quantities by name, such as ``energy`` in TeV."""


__all__ = ["TargetCodec"]
