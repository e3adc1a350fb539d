"""A run from end to end: check, build, train, test, report."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from gammalearn_core.data.specs import InputSpec
from gammalearn_core.data.specs import OutputSpec
from gammalearn_core.engine import checkpoint
from gammalearn_core.engine.build import Built
from gammalearn_core.engine.build import build
from gammalearn_core.engine.ending import write_results
from gammalearn_core.engine.folder import RunFolder
from gammalearn_core.engine.folder import latest_run
from gammalearn_core.engine.folder import new_run_folder
from gammalearn_core.engine.folder import write_text
from gammalearn_core.engine.loop import Loop
from gammalearn_core.engine.messages import Held
from gammalearn_core.engine.messages import held
from gammalearn_core.engine.messages import messages
from gammalearn_core.engine.prepare import describe_split
from gammalearn_core.engine.prepare import fit_transforms
from gammalearn_core.engine.prepare import prepare
from gammalearn_core.engine.progress import TrainingProgress
from gammalearn_core.engine.progress import console
from gammalearn_core.engine.provenance import describe_experiment
from gammalearn_core.engine.provenance import describe_file
from gammalearn_core.engine.provenance import describe_run
from gammalearn_core.engine.provenance import now
from gammalearn_core.engine.provenance import repository_patch
from gammalearn_core.engine.provenance import settings_sha256
from gammalearn_core.engine.running import RunningExperiment
from gammalearn_core.engine.signals import StopRequest
from gammalearn_core.engine.state import check_loadable
from gammalearn_core.engine.state import restore_weights
from gammalearn_core.errors import EXIT_DONE
from gammalearn_core.errors import DataError
from gammalearn_core.errors import GammalearnError
from gammalearn_core.errors import RunFailedError
from gammalearn_core.errors import SettingsError
from gammalearn_core.errors import StoppedError
from gammalearn_core.errors import place_of
from gammalearn_core.plugin.registry import Registry
from gammalearn_core.settings.check import check
from gammalearn_core.settings.load import SettingsFile

_log = logging.getLogger(__name__)

_SESSION = ("started", "finished", "status", "error", "code", "plugins", "environment")
"""What ``run.json`` keeps of earlier sessions of a run."""


def run(file: SettingsFile, registry: Registry, *, logdir: Path, fresh: bool = False) -> int:
    """Run an experiment, or go on with the newest unfinished run of the same settings.

    Parameters
    ----------
    file : SettingsFile
    registry : Registry
    logdir : Path
        Run folders are ``<logdir>/<experiment name>/<run id>``.
    fresh : bool
        Start another run in any case.

    Returns
    -------
    int
        0. Errors are raised: `SettingsError`, `DataError`, `NonFiniteLossError`, `StoppedError`.
    """
    torch.use_deterministic_algorithms(True, warn_only=True)
    if file.experiment.threads:
        torch.set_num_threads(file.experiment.threads)
    with held() as early:
        return _built_and_run(file, registry, early, logdir=logdir, fresh=fresh)


def _built_and_run(file: SettingsFile, registry: Registry, early: Held, *, logdir: Path, fresh: bool) -> int:
    folder_of_settings = file.path.resolve().parent
    try:
        built = build(
            file.experiment, registry, folder_of_settings, check(file.experiment, registry, folder_of_settings)
        )
    except SettingsError as error:
        raise SettingsError(error.problems, str(file.path)) from error.__cause__
    try:
        description = describe_experiment(built)
        sha256 = settings_sha256(description)
        data = [describe_file(path, folder_of_settings) for path in built.files]
        folder = None if fresh else latest_run(logdir, file.experiment.name, sha256)
        if folder is not None and (folder.checkpoints / checkpoint.LAST).is_file():
            _refuse_other_data(folder, data)
        if folder is not None and folder.read_json(folder.run_json)["status"] == "finished":
            print(f"{folder.path} has finished already; --fresh starts another run")
            return EXIT_DONE
        folder = folder or new_run_folder(logdir, file.experiment.name, sha256)
        folder.lock()
        try:
            _run(file, built, folder, description, describe_run(file, built, folder.id, sha256, data), early)
        except SettingsError as error:
            raise SettingsError(error.problems, error.file or str(file.path)) from error.__cause__
        finally:
            folder.unlock()
    finally:
        built.source.close()
    print(f"done: {folder.path}")
    return EXIT_DONE


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


def _warn_of_copies(data: list[dict[str, Any]]) -> None:
    """Tell of files that are the same under two names: their events count twice."""
    first: dict[str, str] = {}
    for file in data:
        other = first.setdefault(file["sha256"], file["path"])
        if other != file["path"]:
            _log.warning("%s and %s are the same file: its events count twice", other, file["path"])


def _run(
    file: SettingsFile,
    built: Built,
    folder: RunFolder,
    description: dict[str, Any],
    record: dict[str, Any],
    early: Held,
) -> None:
    shown = console()
    with messages(folder, shown), StopRequest() as stop, _status(folder, record):
        _log.info("run folder %s", folder.path)
        early.tell()
        _warn_of_copies(record["data"])
        running = prepare(built, folder, stop)
        try:
            _write_settings(file, running, description)
            record |= describe_split(running)
            folder.write_json(folder.run_json, record)
            loop = Loop(running, TrainingProgress(shown, file.experiment.epochs))
            try:
                check_loadable(running)
                if not loop.restore():
                    fit_transforms(running)
                loop.train()
            finally:
                loop.shown.close()
            record["weights_sha256"] = checkpoint.weights_sha256(running.network.state_dict())
            record["best_epoch"] = _load_best(running)
            record["best_weights_sha256"] = checkpoint.weights_sha256(running.network.state_dict())
            folder.write_json(folder.run_json, record)
            record["outputs"] = write_results(running, loop, record["best_epoch"])
        finally:
            running.close()


@contextmanager
def _status(folder: RunFolder, record: dict[str, Any]) -> Iterator[None]:
    """``run.json`` is there before training and says at the end how it went, whatever happens."""
    earlier = folder.read_json(folder.run_json)
    if earlier:
        record |= {"earlier": [*earlier.get("earlier", []), {n: earlier[n] for n in _SESSION}]}
        if any(earlier[n] != record[n] for n in ("plugins", "environment")):
            _log.warning("versions have changed since this run began; run.json keeps those of each session")
    try:
        folder.write_json(folder.run_json, record)
        yield
        if not (folder.run_json.is_file() and folder.settings.is_file()):
            raise RunFailedError(f"the run folder {folder.path} has been moved or deleted while the run went on")
        record["status"] = "finished"
    except BaseException as error:
        stopped = isinstance(error, (StoppedError, KeyboardInterrupt))
        record |= {"status": "stopped" if stopped else "failed", "error": _summary(error)}
        _log.debug("%s", traceback.format_exc())
        if isinstance(error, GammalearnError) or not isinstance(error, (Exception, SystemExit)):
            raise
        raise RunFailedError(f"{_summary(error)}{place_of(error)}; the traceback is in {folder.log}") from error
    finally:
        record["finished"] = now()
        try:
            folder.write_json(folder.run_json, record)
        except OSError as error:
            what = f"{folder.run_json} cannot be written: {error.strerror}"
            raise RunFailedError(f"{what}. What was written before is whole; the same command goes on") from error


def _write_settings(file: SettingsFile, running: RunningExperiment, description: dict[str, Any]) -> None:
    folder, built = running.folder, running.built
    folder.settings.write_bytes(file.source)
    folder.write_json(folder.experiment_json, description)
    specs: dict[str, InputSpec | OutputSpec] = {
        "raw_inputs": built.source.inputs,
        "inputs": built.inputs,
        "outputs": built.outputs,
    }
    folder.write_json(folder.specs_json, {"schema": 1} | {name: spec.to_dict() for name, spec in specs.items()})
    patch = repository_patch(file.path.resolve().parent)
    if patch:
        write_text(folder.path / "code.patch", patch)
    else:
        (folder.path / "code.patch").unlink(missing_ok=True)


def _load_best(running: RunningExperiment) -> int:
    """Take the weights of the best epoch, and give its number; 0 if there is none, and the last ones stay."""
    path = running.folder.checkpoints / checkpoint.BEST
    if not path.is_file():
        return 0
    state = checkpoint.load(path, running.device)
    restore_weights(running, state)
    return int(state["best_epoch"])


def _summary(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


__all__ = ["run"]
