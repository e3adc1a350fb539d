"""From a run folder and DL1 files to a DL2 file for each."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import torch

from gammalearn_core.engine.messages import held
from gammalearn_core.engine.messages import messages
from gammalearn_core.engine.progress import console
from gammalearn_core.engine.signals import StopRequest
from gammalearn_core.errors import EXIT_DATA
from gammalearn_core.errors import EXIT_DONE
from gammalearn_core.errors import StoppedError
from gammalearn_core.plugin.registry import Registry
from gammalearn_core.predicting.job import Job
from gammalearn_core.predicting.job import Options
from gammalearn_core.predicting.model import load_model
from gammalearn_core.predicting.outputs import Making
from gammalearn_core.predicting.outputs import Task
from gammalearn_core.predicting.outputs import plan
from gammalearn_core.predicting.shards import Shard
from gammalearn_core.predicting.shards import share_of
from gammalearn_core.predicting.telling import Pace
from gammalearn_core.reproducing.rebuild import nothing_compiled
from gammalearn_core.reproducing.recorded import read_run

_log = logging.getLogger(__name__)


def predict(run_folder: Path, files: Sequence[Path], registry: Registry, options: Options) -> int:
    """Predict files with a trained run.

    Parameters
    ----------
    run_folder : Path
    files : sequence of Path
        DL1 files, all of them; the shard says which are taken.
    registry : Registry
    options : Options

    Returns
    -------
    int
        0, or 4 if a file could not be predicted; the others have been.

    Raises
    ------
    SettingsError
        There is no such run or file, or something else is where an output is to go.
    DataError
        The run folder is damaged.
    StoppedError
        A signal asked for it. Files that are done stay.
    """
    torch.use_deterministic_algorithms(True, warn_only=True)
    if options.threads:
        torch.set_num_threads(options.threads)
    screen = console()
    with held() as early, nothing_compiled():
        run = read_run(run_folder.expanduser().absolute(), finished=False)
        tasks = _mine(plan(files, options.output), options.shard)
        model = load_model(
            run,
            registry,
            [task.input for task in tasks] or list(files),
            computing=options.computing,
            cuts=options.cuts,
            telescopes=options.telescopes,
            trust_settings=options.trust_settings,
        )
        making = Making(run=run, model=model, layout=options.layout)
        with messages(None, screen), StopRequest() as stop, Pace(screen, len(tasks)) as pace:
            early.tell()
            _introduce(making, tasks, options.shard)
            job = Job(making, options, pace, lambda: _ask(stop))
            job.do(tasks)
    print(job.summary())
    return EXIT_DATA if job.counts.failed else EXIT_DONE


def _mine(tasks: list[Task], shard: Shard | None) -> list[Task]:
    if shard is None:
        return tasks
    sizes = {task.input: task.input.stat().st_size for task in tasks}
    mine = share_of(shard, sizes)
    return [task for task in tasks if task.input in mine]


def _introduce(making: Making, tasks: Sequence[Task], shard: Shard | None) -> None:
    model = making.model
    _log.info("%s, %s weights, on %s in %s", making.run.name, model.weights.which, model.device, model.precision)
    if model.left_out:
        _log.info("cuts on truth are not made: %s", ", ".join(model.left_out))
    if shard is not None:
        why = f" ({shard.origin} is set)" if shard.origin else ""
        _log.info("shard %s%s: %d files", shard, why, len(tasks))


def _ask(stop: StopRequest) -> None:
    if stop.reason:
        raise StoppedError(f"stopped by {stop.reason}; the same command goes on with the files that are left")


__all__ = ["Options", "predict"]
