"""Remembers what was made from tensors for as long as they say the same."""

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import Generic
from typing import TypeVar
from weakref import ref

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray
    from torch import Tensor

Made = TypeVar("Made")
Key = TypeVar("Key")
Value = TypeVar("Value")

MOST = 256
"""So many results are kept; the oldest are forgotten, and made anew when they are asked for again."""


def _version(tensor: Tensor) -> int:
    """How often torch has changed a tensor in place; -1 where torch does not count."""
    return -1 if tensor.is_inference() else tensor._version


def _keep(entries: dict[Key, Value], key: Key, value: Value) -> None:
    while len(entries) >= MOST:
        entries.pop(next(iter(entries)), None)
    entries[key] = value


class _Seen(Generic[Made]):
    """Tensors as they were when something was made from them."""

    def __init__(self, tensors: tuple[Tensor, ...], made: Made) -> None:
        self._tensors = [(ref(tensor), _version(tensor)) for tensor in tensors]
        self.made = made

    def is_still(self, tensors: tuple[Tensor, ...]) -> bool:
        for (seen, version), tensor in zip(self._tensors, tensors, strict=True):
            if seen() is not tensor or version < 0 or version != _version(tensor):
                return False
        return True


class Remembering(Generic[Made]):
    """A function of int32 tensors that computes once for each content.

    A tensor that torch has not changed since is recognized as the object that it is. For any other, such as the new
    objects that compiled code makes of the same memory, the contents are compared with a copy: so a change in place is
    seen, and memory that has become another tensor's is not mistaken.

    Parameters
    ----------
    make : callable
        Takes an array for each tensor, a copy that it may keep.

    Examples
    --------
    >>> import torch
    >>> largest = Remembering(lambda rows: int(rows.max()))
    >>> rows = torch.tensor([1, 2], dtype=torch.int32)
    >>> largest(rows), largest(rows.mul_(2))
    (2, 4)
    """

    def __init__(self, make: Callable[..., Made]) -> None:
        self._make = make
        self._objects: dict[tuple[int, ...], _Seen[Made]] = {}
        self._memory: dict[tuple[int, ...], tuple[list[NDArray[np.int32]], Made]] = {}

    def __call__(self, *tensors: Tensor) -> Made:
        key = tuple(map(id, tensors))
        seen = self._objects.get(key)
        if seen is not None and seen.is_still(tensors):
            return seen.made
        made = self._by_content(tensors)
        _keep(self._objects, key, _Seen(tensors, made))
        return made

    def _by_content(self, tensors: tuple[Tensor, ...]) -> Made:
        key = tuple(tensor.data_ptr() for tensor in tensors)
        arrays = [tensor.numpy() for tensor in tensors]
        known = self._memory.get(key)
        if known is not None and all(map(np.array_equal, known[0], arrays)):
            return known[1]
        copies = [array.copy() for array in arrays]
        made = self._make(*copies)
        _keep(self._memory, key, (copies, made))
        return made


__all__ = ["Remembering"]
