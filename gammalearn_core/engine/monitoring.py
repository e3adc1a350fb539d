"""TensorBoard's events: a full disk does not end a run, and steps that are done again are shown once.

torch's writer has a thread, which a full disk kills with a traceback, and after it every call.
"""

from __future__ import annotations

import itertools
import logging
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.event_pb2 import SessionLog
from tensorboard.summary.writer.record_writer import RecordWriter
from torch.utils.tensorboard import SummaryWriter
from torch.utils.tensorboard.writer import FileWriter

_log = logging.getLogger(__name__)
_NUMBERS = itertools.count()
INTERVAL = 10.0
"""Seconds after which TensorBoard can see what was written, at the latest."""


class _EventFile:
    """A file of events. When it cannot be written, events are lost until another one can be begun."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._records: Any = None
        self._flushed = time.monotonic()
        self.reopen()

    def get_logdir(self) -> str:
        return str(self._folder)

    def add_event(self, event: Event) -> None:
        if self._records is not None:
            self._attempt(self._records.write, event.SerializeToString())
        if time.monotonic() - self._flushed > INTERVAL:
            self.flush()

    def flush(self) -> None:
        self._flushed = time.monotonic()
        if self._records is None:
            self.reopen()
        else:
            self._attempt(self._records.flush)

    def close(self) -> None:
        if self._records is not None:
            self._attempt(self._records.close)
            self._records = None

    def reopen(self) -> None:
        self._attempt(self._begin)

    def _begin(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        name = f"events.out.tfevents.{time.time():.0f}.{os.getpid()}.{next(_NUMBERS)}"
        self._records = RecordWriter((self._folder / name).open("wb"))
        self.add_event(Event(wall_time=time.time(), file_version="brain.Event:2"))
        self.flush()

    def _attempt(self, action: Any, *arguments: object) -> None:
        try:
            action(*arguments)
        except OSError as error:
            _log.warning("TensorBoard's events are not written: %s", error.strerror)
            records, self._records = self._records, None
            with suppress(OSError):
                records.close()


class _FileWriter(FileWriter):
    def __init__(self, folder: Path) -> None:
        self.event_writer = _EventFile(folder)


class Writer(SummaryWriter):
    """torch's writer of scalars, images and the like, into a folder."""

    def _get_file_writer(self) -> Any:
        if self.file_writer is None:
            self.file_writer: Any = _FileWriter(Path(self.log_dir))
            self.all_writers: Any = {self.log_dir: self.file_writer}
        return self.file_writer

    def forget_from(self, step: int) -> None:
        """Let TensorBoard not show what earlier sessions wrote of this step and later ones."""
        event = Event(session_log=SessionLog(status=SessionLog.START))
        self._get_file_writer().add_event(event, step)


__all__ = ["INTERVAL", "Writer"]
