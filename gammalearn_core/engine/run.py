"""A run from end to end: check, build, train, test, report."""

from __future__ import annotations

import errno
import logging
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from attrs import frozen

from gammalearn_core.data.specs import InputSpec
from gammalearn_core.data.specs import OutputSpec
from gammalearn_core.engine import checkpoint
from gammalearn_core.engine.build import Built
from gammalearn_core.engine.build import build
from gammalearn_core.engine.distributed import World
from gammalearn_core.engine.distributed import joined
from gammalearn_core.engine.distributed import lost_contact
from gammalearn_core.engine.distributed import told_once
from gammalearn_core.engine.ending import write_results
from gammalearn_core.engine.folder import RunFolder
from gammalearn_core.engine.folder import write_text
from gammalearn_core.engine.loop import Loop
from gammalearn_core.engine.messages import Held
from gammalearn_core.engine.messages import held
from gammalearn_core.engine.messages import messages
from gammalearn_core.engine.opening import open_run
from gammalearn_core.engine.prepare import describe_split
from gammalearn_core.engine.prepare import fit_transforms
from gammalearn_core.engine.prepare import prepare
from gammalearn_core.engine.progress import TrainingProgress
from gammalearn_core.engine.progress import console
from gammalearn_core.engine.progress import silent_console
from gammalearn_core.engine.provenance import copy_modules
from gammalearn_core.engine.provenance import describe_experiment
from gammalearn_core.engine.provenance import describe_measured
from gammalearn_core.engine.provenance import now
from gammalearn_core.engine.provenance import repository_patch
from gammalearn_core.engine.provenance.paths import nameless
from gammalearn_core.engine.running import RunningExperiment
from gammalearn_core.engine.signals import StopRequest
from gammalearn_core.engine.state import check_loadable
from gammalearn_core.engine.state import restore_weights
from gammalearn_core.errors import EXIT_DONE
from gammalearn_core.errors import GammalearnError
from gammalearn_core.errors import RunFailedError
from gammalearn_core.errors import SettingsError
from gammalearn_core.errors import StoppedError
from gammalearn_core.errors import place_of
from gammalearn_core.plugin.registry import Registry
from gammalearn_core.settings.check import check
from gammalearn_core.settings.load import SettingsFile

_log = logging.getLogger(__name__)


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
        0. Errors are raised: `SettingsError`, `DataError`, `NonFiniteLossError`, `StoppedError`. Of several processes,
        the first raises what all have in common.
    """
    since = time.monotonic()
    torch.use_deterministic_algorithms(True, warn_only=True)
    if file.experiment.threads:
        torch.set_num_threads(file.experiment.threads)
    with joined() as world, told_once(world), held() as early:
        built = world.together(lambda: _build(file, registry, logdir))
        try:
            return _built_and_run(file, built, _Session(world, early, since), logdir=logdir, fresh=fresh)
        finally:
            built.source.close()


@frozen
class _Session:
    """One process of a command."""

    world: World
    early: Held
    since: float
    """When it began, by `time.monotonic`."""


def _build(file: SettingsFile, registry: Registry, logdir: Path) -> Built:
    base, experiment = file.path.resolve().parent, file.experiment
    static = check(experiment, registry, base)
    try:
        return build(experiment, registry, base, static, runs=logdir / experiment.name)
    except SettingsError as error:
        raise SettingsError(error.problems, str(file.path)) from error.__cause__


def _built_and_run(file: SettingsFile, built: Built, session: _Session, *, logdir: Path, fresh: bool) -> int:
    description = describe_experiment(built)
    opened: list[tuple[RunFolder, dict[str, Any]]] = []

    def open_here() -> bool:
        found = open_run(file, built, description, logdir=logdir, fresh=fresh)
        opened.extend([found] if found else [])
        return found is not None

    if not session.world.first_does(open_here):
        return EXIT_DONE
    with _folder(opened) as (folder, record):
        try:
            _run(file, built, folder, description, record, session)
        except SettingsError as error:
            raise SettingsError(error.problems, error.file or str(file.path)) from error.__cause__
    if session.world.first:
        print(f"done: {folder.path}")
    return EXIT_DONE


@contextmanager
def _folder(opened: list[tuple[RunFolder, dict[str, Any]]]) -> Iterator[tuple[RunFolder, dict[str, Any]]]:
    """The run folder and its record; in the other processes a folder that is thrown away, so that anything can write.

    What handlers of other processes write is lost, and nothing is written twice.
    """
    if not opened:
        with TemporaryDirectory(prefix="gammalearn-", ignore_cleanup_errors=True) as path:
            yield RunFolder(Path(path)), {"data": []}
        return
    folder, record = opened[0]
    try:
        yield folder, record
    finally:
        folder.unlock()


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
    session: _Session,
) -> None:
    world, settings = session.world, file.experiment
    shown = console() if world.first else silent_console()
    stop = StopRequest(settings.max_time, since=session.since)
    with messages(folder, shown), stop, _status(folder, record, world):
        session.early.tell()
        _log.info("run folder %s", folder.path)
        _warn_of_copies(record["data"])
        _warn_of_versions(record)
        running = prepare(built, folder, stop, world)
        try:
            write_settings(file, running, description)
            if built.start is not None:
                built.start.keep(folder)
            record |= describe_split(running)
            folder.write_json(folder.run_json, record)
            loop = Loop(running, TrainingProgress(shown, settings.epochs, running.device))
            try:
                check_loadable(running)
                if not loop.restore():
                    fit_transforms(running)
                record["measured"] = describe_measured(built)
                folder.write_json(folder.run_json, record)
                loop.train()
            finally:
                loop.shown.close()
            record["weights_sha256"] = checkpoint.weights_sha256(running.network.state_dict())
            record["best_epoch"] = load_best(running)
            record["best_weights_sha256"] = checkpoint.weights_sha256(running.predicting.state_dict())
            folder.write_json(folder.run_json, record)
            record["outputs"] = write_results(running, loop, record["best_epoch"])
        finally:
            running.close()


def _warn_of_versions(record: dict[str, Any]) -> None:
    """Tell if a run goes on with other versions than those it began with."""
    if record.get("earlier") and any(record["earlier"][-1][n] != record[n] for n in ("plugins", "environment")):
        _log.warning("versions have changed since this run began; run.json keeps those of each session")


@contextmanager
def _status(folder: RunFolder, record: dict[str, Any], world: World) -> Iterator[None]:
    """``run.json`` says at the end how it went, whatever happens."""
    try:
        folder.write_json(folder.run_json, record)
        yield
        if not (folder.run_json.is_file() and folder.settings.is_file()):
            raise RunFailedError(f"the run folder {folder.path} has been moved or deleted while the run went on")
        record["status"] = "finished"
    except BaseException as error:
        stopped = isinstance(error, (StoppedError, KeyboardInterrupt))
        record |= {"status": "stopped" if stopped else "failed", "error": nameless(_summary(error))}
        _log.debug("%s", traceback.format_exc())
        if isinstance(error, GammalearnError) or not isinstance(error, (Exception, SystemExit)):
            raise
        raise RunFailedError(_unforeseen(error, folder, world)) from error
    finally:
        record["finished"] = now()
        _write_status(folder, record)


def _write_status(folder: RunFolder, record: dict[str, Any]) -> None:
    """Write ``run.json``; a run that failed or was stopped says that, not that this cannot be written."""
    try:
        folder.write_json(folder.run_json, record)
    except OSError as error:
        what = f"{folder.run_json} cannot be written: {error.strerror}"
        if record["status"] == "finished":
            raise RunFailedError(f"{what}. When it can be written, the same command goes on") from error
        _log.warning("%s", what)


def _unforeseen(error: BaseException, folder: RunFolder, world: World) -> str:
    """What to say of an error that is not one of ours."""
    if lost_contact(error, world):
        return f"another process of this run has ended, and tells why if it could ({_summary(error)})"
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"the disk of {folder.path} is full. When there is room, the same command goes on"
    if not world.first:
        return f"{_summary(error)}\n{traceback.format_exc()}"
    return f"{_summary(error)}{place_of(error)}; the traceback is in {folder.log}"


def write_settings(file: SettingsFile, running: RunningExperiment, description: dict[str, Any]) -> None:
    """Keep what a run is made of in its folder: the settings file and what it means, specs, and changed code."""
    folder, built = running.folder, running.built
    folder.settings.write_bytes(file.source)
    folder.write_json(folder.experiment_json, description)
    specs: dict[str, InputSpec | OutputSpec] = {
        "raw_inputs": built.source.inputs,
        "inputs": built.inputs,
        "outputs": built.outputs,
    }
    folder.write_json(folder.specs_json, {"schema": 1} | {name: spec.to_dict() for name, spec in specs.items()})
    copy_modules(built.registry, file.path.resolve().parent, folder.path)
    patch = repository_patch(file.path.resolve().parent)
    if patch:
        write_text(folder.path / "code.patch", patch)
    else:
        (folder.path / "code.patch").unlink(missing_ok=True)


def load_best(running: RunningExperiment) -> int:
    """Take the weights of the best epoch, and give its number; 0 if there is none, and the last ones stay."""
    path = running.folder.checkpoints / checkpoint.BEST
    state = running.world.first_does(lambda: checkpoint.load(path) if path.is_file() else None)
    if state is None:
        return 0
    restore_weights(running, state)
    return int(state["best_epoch"])


def _summary(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


__all__ = ["load_best", "run", "write_settings"]
