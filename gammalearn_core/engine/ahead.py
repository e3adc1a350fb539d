"""Reading while the network trains: a thread is some batches ahead. The order does not depend on it."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from queue import Full
from queue import Queue
from threading import Event
from threading import Thread
from typing import Generic
from typing import TypeVar

from attrs import frozen

_Part = TypeVar("_Part")
_Batch = TypeVar("_Batch")
_PATIENCE = 0.1
"""Seconds after which a thread that waits for room looks whether it is still wanted."""


@frozen
class _Failed:
    """What went wrong in the thread."""

    error: BaseException


class _End:
    """There is no more."""


def read_ahead(parts: Iterable[_Part], read: Callable[[_Part], _Batch], *, ahead: int) -> Iterator[_Batch]:
    """What ``read`` gives for each part, in their order.

    Parameters
    ----------
    parts : iterable
    read : callable
        Called by one thread only, and not after the iterator is closed.
    ahead : int
        Batches that are read before they are asked for; with 0 each is read when it is asked for.

    Raises
    ------
    Exception
        What ``parts`` or ``read`` raise, where the batch would have been.
    """
    if not ahead:
        return (read(part) for part in parts)
    return _from_thread(_Reader(parts, read, ahead))


def _from_thread(reader: _Reader[_Part, _Batch]) -> Iterator[_Batch]:
    reader.start()
    try:
        while not isinstance(item := reader.queue.get(), _End):
            if isinstance(item, _Failed):
                raise item.error
            yield item
    finally:
        reader.stop()


class _Reader(Generic[_Part, _Batch]):
    """The thread and its queue."""

    def __init__(self, parts: Iterable[_Part], read: Callable[[_Part], _Batch], ahead: int) -> None:
        self.queue: Queue[_Batch | _Failed | _End] = Queue(ahead)
        self._parts = parts
        self._read = read
        self._stopped = Event()
        self._thread = Thread(target=self._work, name="gammalearn-reading", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Wait until the thread has ended; it finishes the batch that it is at."""
        self._stopped.set()
        self._thread.join()

    def _work(self) -> None:
        try:
            for part in self._parts:
                if self._stopped.is_set() or not self._put(self._read(part)):
                    return
            self._put(_End())
        except BaseException as error:
            self._put(_Failed(error))

    def _put(self, item: _Batch | _Failed | _End) -> bool:
        """Put something in the queue when there is room; False if it is not wanted any more."""
        while not self._stopped.is_set():
            try:
                self.queue.put(item, timeout=_PATIENCE)
            except Full:
                continue
            return True
        return False


__all__ = ["read_ahead"]
