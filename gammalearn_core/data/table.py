"""`EventTable`: the columns of a data set, each read when it is first named."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
from typing import Any
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from gammalearn_core.errors import DataError
from gammalearn_core.plugin.names import suggest

Column = NDArray[Any]


class Columns(Protocol):
    """Columns by name: an `EventTable`, or a dictionary of arrays."""

    def __getitem__(self, name: str, /) -> Any:
        """A column."""

    def __contains__(self, name: object, /) -> bool:
        """Whether there is a column of this name."""


class EventTable:
    """One row a sample: a telescope image (mono) or an event of the subarray.

    Parameters
    ----------
    columns : mapping of str to array or callable
        Arrays of one length, or functions that read one when the column is first named.
    length : int
        Number of rows.
    offsets : array of int, (length + 1,), optional
        At subarray level: the images of event ``i`` are rows ``offsets[i]`` to ``offsets[i + 1]`` of `images`.
    images : EventTable, optional
        At subarray level: one row an image.

    Examples
    --------
    >>> table = EventTable({"true_energy": lambda: np.array([0.1, 1.0, 10.0])}, 3)
    >>> table.take(table["true_energy"] > 0.5)["true_energy"].tolist()
    [1.0, 10.0]
    """

    def __init__(
        self,
        columns: Mapping[str, Column | Callable[[], Column]],
        length: int,
        *,
        offsets: NDArray[np.int64] | None = None,
        images: EventTable | None = None,
    ) -> None:
        self._columns = dict(columns)
        self._length = length
        self._offsets = offsets
        self._images = images

    def __getitem__(self, name: str) -> Column:
        """A column; read now if it has not been yet.

        Raises
        ------
        DataError
            There is no such column.
        """
        value = self._columns[name] = self._read(name)
        return value

    def _read(self, name: str) -> Column:
        """A column that is not kept, if it has not been read yet: what is made of it will be."""
        try:
            value = self._columns[name]
        except KeyError:
            hint = suggest(name, self._columns)
            raise DataError(f"the data have no column {name!r}" + (f", {hint}" if hint else "")) from None
        return value() if callable(value) else value

    def __contains__(self, name: object) -> bool:
        return name in self._columns

    def known(self, name: str) -> bool:
        """Whether a column is there and has been read."""
        return name in self._columns and not callable(self._columns[name])

    def __len__(self) -> int:
        return self._length

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns."""
        return tuple(self._columns)

    @property
    def images(self) -> EventTable:
        """One row an image. At telescope level that is the table itself."""
        return self if self._images is None else self._images

    @property
    def offsets(self) -> NDArray[np.int64]:
        """First image of each event, and the number of images: ``(len(self) + 1,)``."""
        return np.arange(self._length + 1) if self._offsets is None else self._offsets

    @property
    def multiplicity(self) -> NDArray[np.int64]:
        """Images of each row."""
        return np.diff(self.offsets)

    def image_rows(self, rows: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Rows of `images` that belong to these events, one event after the other, and where each begins among them."""
        if self._offsets is None:
            return rows, np.arange(len(rows) + 1)
        counts = self._offsets[rows + 1] - self._offsets[rows]
        offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        return np.repeat(self._offsets[rows] - offsets[:-1], counts) + np.arange(offsets[-1]), offsets

    def take(self, rows: NDArray[np.int64] | NDArray[np.bool_]) -> EventTable:
        """The table of these rows, by number or by mask; columns stay unread until they are named."""
        numbers = (np.flatnonzero(rows) if rows.dtype == bool else rows).astype(np.int64)
        if len(numbers) == self._length and (numbers[1:] > numbers[:-1]).all():
            return self
        columns = {name: self._taken(name, numbers) for name in self._columns}
        if self._images is None:
            return EventTable(columns, len(numbers))
        image_rows, offsets = self.image_rows(numbers)
        return EventTable(columns, len(numbers), offsets=offsets, images=self._images.take(image_rows))

    def with_columns(
        self, columns: Mapping[str, Column | Callable[[], Column]], *, images: EventTable | None = None
    ) -> EventTable:
        """The table with columns added or replaced, and with another table of the same images if one is given."""
        images = self._images if images is None else images
        return EventTable({**self._columns, **columns}, self._length, offsets=self._offsets, images=images)

    def _taken(self, name: str, rows: NDArray[np.int64]) -> Callable[[], Column]:
        return lambda: self._read(name)[rows]


def concatenate(tables: list[EventTable]) -> EventTable:
    """One table after the other, with the columns that all of them have."""
    names = [n for n in tables[0].names if all(n in t for t in tables)]
    columns = {n: (lambda n=n: np.concatenate([t._read(n) for t in tables])) for n in names}
    length = sum(len(t) for t in tables)
    if all(t.images is t for t in tables):
        return EventTable(columns, length)
    offsets = np.concatenate([[0], np.cumsum(np.concatenate([t.multiplicity for t in tables]))]).astype(np.int64)
    return EventTable(columns, length, offsets=offsets, images=concatenate([t.images for t in tables]))


__all__ = ["Column", "Columns", "EventTable", "concatenate"]
