"""`EventTable`: columns that are read when they are named, and rows that are images or events."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from gammalearn_core import DataError
from gammalearn_core.api import EventTable
from gammalearn_core.data.table import concatenate


class Counting:
    """Columns that count how often each is read."""

    def __init__(self, **columns: list[float]) -> None:
        self.values = columns
        self.reads: list[str] = []

    def table(self) -> EventTable:
        length = len(next(iter(self.values.values())))
        return EventTable({name: self._reader(name) for name in self.values}, length)

    def _reader(self, name: str) -> Callable[[], NDArray[np.float64]]:
        def read() -> NDArray[np.float64]:
            self.reads.append(name)
            return np.array(self.values[name])

        return read


def subarray() -> EventTable:
    """Four events with 2, 0, 1 and 3 images."""
    images = EventTable({"tel_id": np.array([1, 2, 3, 1, 2, 3])}, 6)
    return EventTable({"event_id": np.arange(10, 14)}, 4, offsets=np.array([0, 2, 2, 3, 6]), images=images)


def rows(*numbers: int) -> NDArray[np.int64]:
    return np.array(numbers, dtype=np.int64)


def test_a_column_is_read_once_and_only_when_it_is_named() -> None:
    columns = Counting(a=[1.0, 2.0], b=[3.0, 4.0])
    table = columns.table()
    assert "a" in table
    assert table.names == ("a", "b")
    assert columns.reads == []
    assert table["a"].tolist() == table["a"].tolist() == [1.0, 2.0]
    assert columns.reads == ["a"]


def test_taking_rows_reads_nothing() -> None:
    columns = Counting(a=[1.0, 2.0], b=[3.0, 4.0])
    table = concatenate([columns.table().take(rows(1)), columns.table().take(np.array([True, False]))])
    assert columns.reads == []
    assert table["b"].tolist() == [4.0, 3.0]
    assert columns.reads == ["b", "b"]


def test_parts_take_a_column_that_the_table_has_read() -> None:
    columns = Counting(a=[1.0, 2.0])
    table = columns.table()
    assert table["a"].tolist() == [1.0, 2.0]
    assert [table.take(rows(0))["a"][0], table.take(rows(1))["a"][0]] == [1.0, 2.0]
    assert columns.reads == ["a"]


def test_what_a_part_has_read_is_kept_by_the_part_only() -> None:
    columns = Counting(a=[1.0, 2.0])
    table = columns.table()
    part = table.take(rows(1))
    assert part["a"].tolist() == part["a"].tolist() == [2.0]
    assert columns.reads == ["a"]
    assert table["a"].tolist() == [1.0, 2.0]
    assert columns.reads == ["a", "a"]


def test_all_rows_in_their_order_are_the_table_itself() -> None:
    table = Counting(a=[1.0, 2.0]).table()
    assert table.take(rows(0, 1)) is table.take(np.array([True, True])) is table
    assert table.take(rows(1, 0))["a"].tolist() == [2.0, 1.0]


def test_a_misspelt_column_is_an_error_that_suggests_the_right_one() -> None:
    with pytest.raises(DataError, match="the data have no column 'true_enery', did you mean 'true_energy'"):
        Counting(true_energy=[1.0]).table()["true_enery"]


def test_a_column_like_no_other_is_an_error_without_a_suggestion() -> None:
    with pytest.raises(DataError, match=r"the data have no column 'zzz'$"):
        Counting(true_energy=[1.0]).table()["zzz"]


def test_rows_come_in_the_order_in_which_they_are_asked_for() -> None:
    assert Counting(a=[1.0, 2.0, 3.0]).table().take(rows(2, 0, 2))["a"].tolist() == [3.0, 1.0, 3.0]


def test_at_telescope_level_each_row_is_one_image() -> None:
    table = Counting(a=[1.0, 2.0]).table()
    assert table.images is table
    assert table.offsets.tolist() == [0, 1, 2]
    assert table.multiplicity.tolist() == [1, 1]


def test_events_take_their_images_along() -> None:
    table = subarray().take(rows(3, 1, 0))
    assert table["event_id"].tolist() == [13, 11, 10]
    assert table.multiplicity.tolist() == [3, 0, 2]
    assert table.offsets.tolist() == [0, 3, 3, 5]
    assert table.images["tel_id"].tolist() == [1, 2, 3, 1, 2]


def test_a_mask_takes_what_the_row_numbers_take() -> None:
    by_mask, by_number = subarray().take(np.array([True, False, True, False])), subarray().take(rows(0, 2))
    assert by_mask["event_id"].tolist() == by_number["event_id"].tolist() == [10, 12]
    assert by_mask.images["tel_id"].tolist() == by_number.images["tel_id"].tolist() == [1, 2, 3]


def test_no_rows_are_a_table_too() -> None:
    table = subarray().take(rows())
    assert (len(table), len(table.images), table.offsets.tolist()) == (0, 0, [0])


def test_joined_tables_have_the_columns_that_all_have() -> None:
    table = concatenate([Counting(a=[1.0], b=[2.0]).table(), Counting(a=[3.0], c=[4.0]).table()])
    assert table.names == ("a",)
    assert table["a"].tolist() == [1.0, 3.0]


def test_joined_events_keep_their_images() -> None:
    table = concatenate([subarray(), subarray().take(rows(3, 2))])
    assert table["event_id"].tolist() == [10, 11, 12, 13, 13, 12]
    assert table.offsets.tolist() == [0, 2, 2, 3, 6, 9, 10]
    assert table.images["tel_id"].tolist() == [1, 2, 3, 1, 2, 3, 1, 2, 3, 3]


def test_columns_are_added_to_a_copy() -> None:
    table = subarray()
    added = table.with_columns({"x": np.arange(4.0), "event_id": np.zeros(4)})
    assert added["event_id"].tolist() == [0] * 4
    assert added.multiplicity.tolist() == table.multiplicity.tolist()
    assert "x" not in table
    assert table["event_id"].tolist() == [10, 11, 12, 13]
