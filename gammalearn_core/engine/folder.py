"""`RunFolder`: where the files of a run are, and how they are written."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextlib import suppress
from datetime import UTC
from datetime import datetime
from pathlib import Path
from typing import IO
from typing import Any

from gammalearn_core.errors import DataError
from gammalearn_core.errors import Problem
from gammalearn_core.errors import SettingsError


class RunFolder:
    """The folder of one run. Reports get it and only read what is not theirs.

    Attributes
    ----------
    path : Path
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock: IO[str] | None = None

    @property
    def id(self) -> str:
        """``<UTC>-<first 8 digits of the settings' hash>``."""
        return self.path.name

    @property
    def settings(self) -> Path:
        """The settings file as it was."""
        return self.path / "settings.py"

    @property
    def experiment_json(self) -> Path:
        """The settings with every default filled in."""
        return self.path / "experiment.json"

    @property
    def specs_json(self) -> Path:
        """What the network sees and predicts."""
        return self.path / "specs.json"

    @property
    def run_json(self) -> Path:
        """What the run was made of, and how it went."""
        return self.path / "run.json"

    @property
    def metrics_jsonl(self) -> Path:
        """Losses and metrics, a line an epoch."""
        return self.path / "metrics.jsonl"

    @property
    def metrics_json(self) -> Path:
        """Final numbers with their definitions."""
        return self.path / "metrics.json"

    @property
    def log(self) -> Path:
        """Messages with times."""
        return self.path / "log.txt"

    @property
    def tensorboard(self) -> Path:
        """Events for TensorBoard."""
        return self.path / "tensorboard"

    @property
    def checkpoints(self) -> Path:
        """``last.pt`` and ``best.pt``."""
        return self.path / "checkpoints"

    @property
    def predictions(self) -> Path:
        """DL2 files of the test split."""
        return self.path / "predictions"

    @property
    def figures(self) -> Path:
        """Figures of reports."""
        return self.path / "figures"

    def read_json(self, path: Path) -> Any:
        """A JSON file of the run; None if it is not there.

        Raises
        ------
        DataError
            It is damaged.
        """
        try:
            return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
        except ValueError as error:
            raise DataError(f"{path} is damaged ({error}); --fresh starts another run") from error

    def write_json(self, path: Path, value: object) -> None:
        """Write a JSON file so that it is whole or not there. NaN becomes null, which JSON can say."""
        write_text(path, json.dumps(_finite(value), indent=2, allow_nan=False, ensure_ascii=False) + "\n")

    def history(self) -> list[dict[str, Any]]:
        """Lines of ``metrics.jsonl``, one an epoch; a line that was cut off by a crash is left out."""
        if not self.metrics_jsonl.is_file():
            return []
        lines = []
        for line in self.metrics_jsonl.read_text(encoding="utf-8").splitlines():
            try:
                lines.append(json.loads(line))
            except json.JSONDecodeError:
                continue
        return lines

    def append_metrics(self, line: dict[str, Any]) -> None:
        """Add a line to ``metrics.jsonl``, which stays as it was if that fails."""
        before = self.metrics_jsonl.read_text(encoding="utf-8") if self.metrics_jsonl.is_file() else ""
        write_text(self.metrics_jsonl, before + _json_line(line))

    def keep_history(self, epochs: int) -> None:
        """Drop lines of ``metrics.jsonl`` after an epoch, which a run that goes on will write again."""
        lines = [line for line in self.history() if line["epoch"] <= epochs]
        write_text(self.metrics_jsonl, "".join(map(_json_line, lines)))

    def lock(self) -> None:
        """Keep other processes out until this one ends.

        Raises
        ------
        SettingsError
            Another process is making this run.
        """
        stream = (self.path / ".lock").open("a+")
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            stream.seek(0)
            other = stream.read().strip()
            stream.close()
            what = f"another process{f' ({other})' if other else ''} is making this run"
            raise SettingsError([Problem(str(self.path), what, "wait for it, or start another with --fresh")]) from None
        except OSError:
            # Some network file systems cannot lock; a run is then the user's to keep apart.
            stream.close()
            return
        self._lock = stream
        # The lock ends with the process that has it, whatever the file says.
        with suppress(OSError):
            stream.truncate(0)
            stream.write(f"{os.getpid()}\n")
            stream.flush()

    def unlock(self) -> None:
        """Let other processes in."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None


@contextmanager
def choosing(logdir: Path, name: str, sha256: str) -> Iterator[None]:
    """Let one process at a time look for the run of these settings and lock it, so that two do not start it twice.

    Raises
    ------
    SettingsError
        Nothing can be written there.
    """
    parent = logdir / name
    try:
        parent.mkdir(parents=True, exist_ok=True)
        stream = (parent / f".{sha256[:8]}.lock").open("w")
    except OSError as error:
        what = f"no run folder can be made in {parent}: {error.strerror}"
        raise SettingsError([Problem("--logdir", what)]) from error
    with stream:
        with suppress(OSError):
            fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def new_run_folder(logdir: Path, name: str, sha256: str) -> RunFolder:
    """A new, empty run folder.

    Raises
    ------
    SettingsError
        Nothing can be written there.
    """
    try:
        return _new_folder(logdir / name, sha256)
    except OSError as error:
        what = f"no run folder can be made in {logdir / name}: {error.strerror}"
        raise SettingsError([Problem("--logdir", what)]) from error


def _new_folder(parent: Path, sha256: str) -> RunFolder:
    for attempt in range(1000):
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        path = parent / f"{stamp}{f'.{attempt}' if attempt else ''}-{sha256[:8]}"
        try:
            path.mkdir(parents=True)
        except FileExistsError:
            continue
        return RunFolder(path)
    raise FileExistsError(parent)


def latest_run(logdir: Path, name: str, sha256: str) -> RunFolder | None:
    """The newest run of these settings, if there is one."""
    found = [RunFolder(p.parent) for p in (logdir / name).glob(f"*-{sha256[:8]}/run.json")]
    same = [f for f in found if _hash_of(f) == sha256]
    return max(same, key=lambda f: f.id, default=None)


def _hash_of(folder: RunFolder) -> object:
    record = folder.read_json(folder.run_json)
    if not isinstance(record, dict):
        raise DataError(f"{folder.run_json} is damaged; --fresh starts another run")
    return record.get("settings_sha256")


def write_text(path: Path, text: str) -> None:
    """Write a file so that it is whole or as it was."""
    part = path.with_name(f".{path.name}.part")
    try:
        with part.open("w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(path)
    except OSError:
        part.unlink(missing_ok=True)
        raise


def _json_line(value: object) -> str:
    return json.dumps(_finite(value), allow_nan=False) + "\n"


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _finite(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(v) for v in value]
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return None
    return value


__all__ = ["RunFolder", "choosing", "latest_run", "new_run_folder", "write_text"]
