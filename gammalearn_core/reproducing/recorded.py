"""A run as its folder tells it. What is read here may come from strangers: nothing in it is executed."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from attrs import frozen

from gammalearn_core.engine.folder import RunFolder
from gammalearn_core.engine.provenance import SCHEMA
from gammalearn_core.engine.provenance import settings_sha256
from gammalearn_core.errors import DataError
from gammalearn_core.errors import Problem
from gammalearn_core.errors import SettingsError


@frozen(kw_only=True)
class RecordedRun:
    """A run, finished as a rule."""

    folder: RunFolder
    record: dict[str, Any]
    """``run.json``."""
    described: dict[str, Any]
    """``experiment.json``."""

    @property
    def name(self) -> str:
        """The experiment and the run id."""
        return f"{self.record.get('experiment')} {self.record.get('run_id')}"

    @property
    def source(self) -> bytes:
        """The settings file as it was."""
        return self.folder.settings.read_bytes()

    @property
    def overrides(self) -> list[str]:
        """What the command line had set."""
        given = self.record.get("overrides") or []
        return [str(text) for text in given] if isinstance(given, list) else []


def read_run(path: Path, *, finished: bool = True) -> RecordedRun:
    """What a run folder tells.

    Parameters
    ----------
    path : Path
    finished : bool
        Whether the run must have finished.

    Raises
    ------
    SettingsError
        It is no run folder, the run has not finished though it must, or its files have been changed.
    DataError
        A file of it is damaged.
    """
    folder = RunFolder(path)
    if not folder.run_json.is_file():
        hint = "a run folder is <logdir>/<experiment>/<run id>; it holds run.json"
        raise _refusal(path, "is not a run folder" if path.is_dir() else "there is no such folder", hint)
    record = _read(folder.run_json)
    if record.get("schema") != SCHEMA:
        raise _refusal(folder.run_json, f"has schema {record.get('schema')!r}; this version reads schema {SCHEMA}")
    if finished and record.get("status") != "finished":
        what = f"the run has not finished (it is {record.get('status')!r}), so that there is nothing to compare with"
        raise _refusal(path, what, "the command that began it goes on with it")
    described = _read(folder.experiment_json)
    if folder.metrics_json.is_file():
        _read(folder.metrics_json)  # now, and not after hours of training
    _check_unchanged(folder, record, described)
    return RecordedRun(folder=folder, record=record, described=described)


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise DataError(f"{path} cannot be read: there is no such file")
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        what = error.strerror if isinstance(error, OSError) else f"it is damaged ({error})"
        raise DataError(f"{path} cannot be read: {what}") from error
    if not isinstance(value, dict):
        raise DataError(f"{path} is damaged: it does not hold names and values")
    return value


def _check_unchanged(folder: RunFolder, record: dict[str, Any], described: dict[str, Any]) -> None:
    """The settings must be those that the run was made with."""
    hint = "take the folder as the run has left it"
    if not folder.settings.is_file():
        raise DataError(f"{folder.settings} cannot be read: there is no such file")
    try:
        if settings_sha256(described) != record.get("settings_sha256"):
            raise _refusal(folder.experiment_json, "has been changed since the run: its checksum is another", hint)
        known = record.get("settings_file")
        wanted = known.get("sha256") if isinstance(known, dict) else None
        if hashlib.sha256(folder.settings.read_bytes()).hexdigest() != wanted:
            raise _refusal(folder.settings, "has been changed since the run: its checksum is another", hint)
    except OSError as error:
        raise DataError(f"{folder.settings} cannot be read: {error.strerror}") from error
    except (KeyError, TypeError, RecursionError) as error:
        raise DataError(f"{folder.experiment_json} is not what a run writes") from error


def _refusal(path: Path, what: str, hint: str = "") -> SettingsError:
    return SettingsError([Problem("", what, hint)], str(path))


__all__ = ["RecordedRun", "read_run"]
