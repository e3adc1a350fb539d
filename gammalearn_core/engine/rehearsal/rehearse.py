"""From check to report with a few events, in a folder that is thrown away."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType

import torch
from attrs import evolve

from gammalearn_core.engine.build import build
from gammalearn_core.engine.folder import new_run_folder
from gammalearn_core.engine.progress import console
from gammalearn_core.engine.provenance import describe_experiment
from gammalearn_core.engine.provenance import describe_run
from gammalearn_core.engine.provenance import settings_sha256
from gammalearn_core.engine.rehearsal.page import Page
from gammalearn_core.engine.rehearsal.sizes import check_writable
from gammalearn_core.engine.rehearsal.stages import Stages
from gammalearn_core.engine.rehearsal.talking import debug_messages
from gammalearn_core.engine.rehearsal.talking import kept_in
from gammalearn_core.engine.rehearsal.telling import tell_troubles
from gammalearn_core.engine.rehearsal.troubles import Troubles
from gammalearn_core.errors import EXIT_DONE
from gammalearn_core.errors import SettingsError
from gammalearn_core.plugin.registry import Registry
from gammalearn_core.settings.check import check
from gammalearn_core.settings.load import SettingsFile

_NO_CHECKSUM = "not computed in a rehearsal"
"""Of data files, which may be large."""


def rehearse(file: SettingsFile, registry: Registry, *, logdir: Path) -> int:
    """Go through a whole run with a few batches, print what was seen, and leave nothing behind.

    The settings are those of the run, but for ``read_ahead=0``, so that an error in reading shows where it arose.

    Parameters
    ----------
    file : SettingsFile
    registry : Registry
    logdir : Path
        Where a run would go: only asked for its free space.

    Returns
    -------
    int
        0, or the exit code of the first thing that failed.

    Raises
    ------
    SettingsError
        The experiment cannot be built.
    """
    if not _is_first_process():
        return EXIT_DONE
    start = time.perf_counter()
    page, troubles = Page(), Troubles()
    torch.use_deterministic_algorithms(True, warn_only=True)
    if file.experiment.threads:
        torch.set_num_threads(file.experiment.threads)
    prefix = "gammalearn-rehearsal-"
    with _interruptible(), TemporaryDirectory(prefix=prefix, ignore_cleanup_errors=True) as scratch:
        with debug_messages(console(), troubles):
            check_writable(logdir, troubles)
            _rehearse(file, registry, page, troubles, scratch=Path(scratch), logdir=logdir)
        tell_troubles(page, troubles.found, seconds=time.perf_counter() - start)
    return troubles.exit_code


def _rehearse(
    file: SettingsFile, registry: Registry, page: Page, troubles: Troubles, *, scratch: Path, logdir: Path
) -> None:
    base, ahead = file.path.resolve().parent, file.experiment.read_ahead > 0
    file = evolve(file, experiment=evolve(file.experiment, read_ahead=0))
    runs = logdir / file.experiment.name
    try:
        built = build(file.experiment, registry, base, check(file.experiment, registry, base), runs=runs)
    except SettingsError as error:
        raise SettingsError(error.problems, str(file.path)) from error.__cause__
    try:
        description = describe_experiment(built)
        sha256 = settings_sha256(description)
        folder = new_run_folder(scratch, file.experiment.name, sha256)
        data = [{"path": p.name, "bytes": p.stat().st_size, "sha256": _NO_CHECKSUM} for p in built.files]
        record = describe_run(file, built, folder.id, sha256, data)
        stages = Stages(file=file, folder=folder, logdir=logdir, ahead=ahead, page=page, troubles=troubles)
        with kept_in(folder.log):
            stages.go_through(built, description, record)
    finally:
        built.source.close()


def _is_first_process() -> bool:
    """Whether this process, of those that were started together, is the one that rehearses."""
    return int(os.environ.get("RANK") or os.environ.get("SLURM_PROCID") or 0) == 0


@contextmanager
def _interruptible() -> Iterator[None]:
    """Let SIGTERM end a rehearsal as Ctrl-C does, so that nothing is left behind."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    received: list[int] = []

    def interrupt(number: int, frame: FrameType | None) -> None:
        received.append(number)
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    except Exception as error:
        if received:  # Compiled code turns an interrupt into an error of its own.
            raise KeyboardInterrupt from error
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


__all__ = ["rehearse"]
