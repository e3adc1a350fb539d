"""Which run folder a command works on: the newest unfinished one of the same settings, or a new one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gammalearn_core.engine.build import Built
from gammalearn_core.engine.folder import RunFolder
from gammalearn_core.engine.folder import choosing
from gammalearn_core.engine.folder import latest_run
from gammalearn_core.engine.folder import new_run_folder
from gammalearn_core.engine.provenance import describe_data
from gammalearn_core.engine.provenance import describe_run
from gammalearn_core.engine.provenance import settings_sha256
from gammalearn_core.errors import DataError
from gammalearn_core.errors import RunFailedError
from gammalearn_core.settings.load import SettingsFile

_SESSION = ("started", "finished", "status", "error", "code", "plugins", "environment")
"""What ``run.json`` keeps of earlier sessions of a run."""


def open_run(
    file: SettingsFile, built: Built, description: dict[str, Any], *, logdir: Path, fresh: bool
) -> tuple[RunFolder, dict[str, Any]] | None:
    """A run folder that is locked, and its ``run.json``, which is written; None if the run has finished already.

    Raises
    ------
    SettingsError
        Nothing can be written there, or another process is making this run.
    DataError
        The data have changed since the run began.
    """
    name, sha256 = file.experiment.name, settings_sha256(description)
    base = file.path.resolve().parent
    data = describe_data(built, base)
    with choosing(logdir, name, sha256):
        folder = None if fresh else latest_run(logdir, name, sha256)
        if folder is not None and folder.read_json(folder.run_json)["status"] == "finished":
            _refuse_other_data(folder, data)
            print(f"{folder.path} has finished already; --fresh starts another run")
            return None
        folder = folder or new_run_folder(logdir, name, sha256)
        folder.lock()
        try:
            if any(folder.checkpoints.glob("*.pt")):
                _refuse_other_data(folder, data)
            record = describe_run(file, built, folder.id, sha256, data, run_folder=folder.path)
            earlier = folder.read_json(folder.run_json)
            if earlier:
                record |= {"earlier": [*earlier.get("earlier", []), {n: earlier[n] for n in _SESSION}]}
            _write(folder, record)
        except BaseException:
            folder.unlock()
            raise
    return folder, record


def _write(folder: RunFolder, record: dict[str, Any]) -> None:
    try:
        folder.write_json(folder.run_json, record)
    except OSError as error:
        raise RunFailedError(f"{folder.run_json} cannot be written: {error.strerror}") from error


def _refuse_other_data(folder: RunFolder, data: list[dict[str, Any]]) -> None:
    """Raise if the files are not those that the run began with."""
    before = {f["path"]: f["sha256"] for f in folder.read_json(folder.run_json)["data"]}
    now_there = {f["path"]: f["sha256"] for f in data}
    changes = [f"{path} is new" for path in now_there if path not in before]
    changes += [f"{path} is gone" for path in before if path not in now_there]
    changes += [f"{path} has other content" for path in before if now_there.get(path, before[path]) != before[path]]
    if changes:
        raise DataError(
            f"the data have changed since {folder.path} began: {'; '.join(changes)}. --fresh starts another run"
        )


__all__ = ["open_run"]
