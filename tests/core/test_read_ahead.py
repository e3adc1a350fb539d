"""Reading ahead in a thread: the same batches in the same order, and no thread is left behind."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from gammalearn_core.engine.ahead import read_ahead


def readers() -> list[threading.Thread]:
    return [t for t in threading.enumerate() if t.name == "gammalearn-reading"]


@pytest.fixture(autouse=True)
def _no_thread_is_left() -> Iterator[None]:
    yield
    assert not readers()


@pytest.mark.parametrize("ahead", [0, 1, 2, 5])
def test_the_order_does_not_depend_on_how_much_is_read_ahead(ahead: int) -> None:
    assert list(read_ahead(range(20), lambda n: n * n, ahead=ahead)) == [n * n for n in range(20)]


def test_nothing_is_read_ahead_if_that_is_wanted() -> None:
    read: list[int] = []
    items = read_ahead(range(5), lambda n: read.append(n) or n, ahead=0)  # type: ignore[func-returns-value]
    assert next(items) == 0
    assert read == [0]


def test_batches_are_read_before_they_are_asked_for_but_not_all() -> None:
    read: list[int] = []
    items = read_ahead(range(100), lambda n: read.append(n) or n, ahead=3)  # type: ignore[func-returns-value]
    assert next(items) == 0
    end = time.monotonic() + 10
    while len(read) < 5:
        assert time.monotonic() < end
        time.sleep(0.01)
    time.sleep(0.3)
    assert len(read) == 5, "one was taken, three wait, and one is held until there is room"
    items.close()  # type: ignore[attr-defined]


@pytest.mark.parametrize("ahead", [0, 2])
def test_an_error_comes_where_the_batch_would_have_been(ahead: int) -> None:
    def read(n: int) -> int:
        if n == 3:
            raise OSError("damaged")
        return n

    items = read_ahead(range(5), read, ahead=ahead)
    assert [next(items) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(OSError, match="damaged"):
        next(items)


def test_a_reader_that_is_closed_ends_its_thread() -> None:
    items = read_ahead(range(10**9), lambda n: n, ahead=2)
    next(items)
    assert len(readers()) == 1
    items.close()  # type: ignore[attr-defined]
    assert not readers()


def test_a_reader_that_was_never_asked_has_no_thread() -> None:
    read_ahead(range(3), lambda n: n, ahead=2)
    assert not readers()
