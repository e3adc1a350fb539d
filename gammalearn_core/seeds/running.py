"""Runs of one experiment with one seed after the other; each is an ordinary run."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs

from gammalearn_core.engine.build import build
from gammalearn_core.engine.folder import RunFolder
from gammalearn_core.engine.folder import latest_run
from gammalearn_core.engine.provenance import describe_experiment
from gammalearn_core.engine.provenance import settings_sha256
from gammalearn_core.engine.run import run
from gammalearn_core.errors import EXIT_DONE
from gammalearn_core.errors import EXIT_NON_FINITE
from gammalearn_core.errors import NonFiniteLossError
from gammalearn_core.errors import Problem
from gammalearn_core.errors import RunFailedError
from gammalearn_core.errors import SettingsError
from gammalearn_core.plugin.registry import Registry
from gammalearn_core.seeds.spread import spreads
from gammalearn_core.seeds.spread import table
from gammalearn_core.settings.check import check
from gammalearn_core.settings.load import SettingsFile

FILE = "seeds.json"
_COUNTED = "/n"
"""What ends so counts samples, and is not shown."""


def run_seeds(file: SettingsFile, registry: Registry, *, logdir: Path, count: int, fresh: bool = False) -> int:
    """Run an experiment with its seed and those that follow, and tell how much the results differ.

    The same call goes on where one was stopped: runs that have finished are not done again. A run whose loss becomes
    infinite is told and left out.

    Parameters
    ----------
    file : SettingsFile
    registry : Registry
    logdir : Path
        Run folders are ``<logdir>/<experiment name>/<run id>``; ``seeds.json`` is beside them.
    count : int
        Number of seeds.
    fresh : bool
        Start other runs, even of seeds that have finished.

    Returns
    -------
    int
        0; 3 if the loss of some run became infinite.

    Raises
    ------
    SettingsError
        There is no seed to run with, or several processes are to train together.
    """
    _check(count)
    done: dict[int, RunFolder] = {}
    lost: dict[int, str] = {}
    for number, seed in enumerate(range(file.experiment.seed, file.experiment.seed + count), start=1):
        print(f"seed {seed} ({number} of {count})")
        seeded = with_seed(file, seed)
        try:
            run(seeded, registry, logdir=logdir, fresh=fresh)
            done[seed] = _folder(seeded, registry, logdir)
        except NonFiniteLossError as error:
            lost[seed] = str(error)
            print(f"seed {seed} is left out: {error}")
        _write(logdir / file.experiment.name, file, done, lost)
    _tell(logdir / file.experiment.name, done)
    return EXIT_NON_FINITE if lost else EXIT_DONE


def _check(count: int) -> None:
    if count < 1:
        raise SettingsError([Problem("--seeds", f"must be 1 or more, got {count}")])
    if any(os.environ.get(name, "1") != "1" for name in ("WORLD_SIZE", "SLURM_STEP_NUM_TASKS")):
        what = "several processes that train one network together do one run at a time"
        raise SettingsError([Problem("--seeds", what, "start each with --set seed=N")])


def with_seed(file: SettingsFile, seed: int) -> SettingsFile:
    """The settings with another seed, as ``--set seed=…`` would give them; with their own they are as they were."""
    if seed == file.experiment.seed:
        return file
    overrides = (*file.overrides, f"seed={seed}")
    return attrs.evolve(file, experiment=attrs.evolve(file.experiment, seed=seed), overrides=overrides)


def _folder(file: SettingsFile, registry: Registry, logdir: Path) -> RunFolder:
    """The folder of the run that has finished last with these settings."""
    name, base = file.experiment.name, file.path.resolve().parent
    built = build(file.experiment, registry, base, check(file.experiment, registry, base), runs=logdir / name)
    try:
        sha256 = settings_sha256(describe_experiment(built))
    finally:
        built.source.close()
    found = latest_run(logdir, name, sha256)
    if found is None:
        raise RunFailedError(f"no run folder is left in {logdir / name}")
    return found


def _metrics(done: Mapping[int, RunFolder]) -> list[dict[str, Any]]:
    return [folder.read_json(folder.metrics_json) or {} for folder in done.values()]


def _write(parent: Path, file: SettingsFile, done: Mapping[int, RunFolder], lost: Mapping[int, str]) -> None:
    """What is known after each run; the file is whole or as it was."""
    found = spreads(_metrics(done))
    values = {
        "schema": 1,
        "experiment": file.experiment.name,
        "overrides": list(file.overrides),
        "seeds": list(done),
        "runs": [folder.id for folder in done.values()],
        "lost": {str(seed): why for seed, why in lost.items()},
        "definitions": {"spread": "standard deviation of a single run, by n - 1", "low, high": "least and largest"},
        "splits": {split: {name: s.to_dict() for name, s in numbers.items()} for split, numbers in found.items()},
    }
    RunFolder(parent).write_json(parent / FILE, values)


def _tell(parent: Path, done: Mapping[int, RunFolder]) -> None:
    for split, numbers in spreads(_metrics(done)).items():
        print(f"{split} split, {len(done)} seeds")
        for line in table({name: s for name, s in numbers.items() if not name.endswith(_COUNTED)}):
            print(line)
    print(f"done: {parent / FILE}")


__all__ = ["FILE", "run_seeds", "with_seed"]
