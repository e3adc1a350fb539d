"""A learning-rate range test: the rate grows from step to step, and the loss tells where training works."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch

from gammalearn_core.engine.build import Built
from gammalearn_core.engine.build import build
from gammalearn_core.engine.distributed import World
from gammalearn_core.engine.distributed import joined
from gammalearn_core.engine.folder import RunFolder
from gammalearn_core.engine.folder import write_text
from gammalearn_core.engine.lr_curve import FEWEST
from gammalearn_core.engine.lr_curve import RULE
from gammalearn_core.engine.lr_curve import Curve
from gammalearn_core.engine.lr_curve import Fall
from gammalearn_core.engine.lr_curve import draw
from gammalearn_core.engine.lr_steps import RangeTest
from gammalearn_core.engine.messages import held
from gammalearn_core.engine.messages import messages
from gammalearn_core.engine.prepare import fit_transforms
from gammalearn_core.engine.prepare import prepare
from gammalearn_core.engine.progress import console
from gammalearn_core.engine.running import RunningExperiment
from gammalearn_core.engine.signals import StopRequest
from gammalearn_core.errors import EXIT_CHECK_FAILED
from gammalearn_core.errors import EXIT_DONE
from gammalearn_core.errors import GammalearnError
from gammalearn_core.errors import Problem
from gammalearn_core.errors import RunFailedError
from gammalearn_core.errors import SettingsError
from gammalearn_core.errors import StoppedError
from gammalearn_core.errors import place_of
from gammalearn_core.plugin.registry import Registry
from gammalearn_core.settings.check import check
from gammalearn_core.settings.load import SettingsFile

_MARK = "gammalearn lr-find"
"""Near the beginning of each file that the command writes, so that it replaces no other."""


def lr_find(file: SettingsFile, registry: Registry, *, start: float, end: float, steps: int, output: Path) -> int:
    """Train some steps at growing learning rates, and tell where the loss falls. There is no run folder.

    Parameters
    ----------
    file : SettingsFile
    registry : Registry
    start, end : float
        The first and the last learning rate.
    steps : int
        Steps from one to the other; beyond the end of an epoch, the next one begins.
    output : Path
        Folder of ``<settings>.lr_find.png`` and ``<settings>.lr_find.json``.

    Returns
    -------
    int
        0, or 1 if the loss does not fall. Errors are raised as by `gammalearn_core.engine.run.run`.
    """
    _check_range(start, end, steps)
    plot, table = _outputs(output, file.path.stem)
    torch.use_deterministic_algorithms(True, warn_only=True)
    if file.experiment.threads:
        torch.set_num_threads(file.experiment.threads)
    rates = np.geomspace(start, end, steps)
    with _running(file, registry) as running:
        test = RangeTest(running=running, rates=rates)
        curve = test.run()
    if len(curve.losses) < FEWEST:
        print(f"no learning rate is suggested: {test.ending}. So few steps tell nothing: try a lower --start")
        return EXIT_CHECK_FAILED
    fall = curve.fall
    draw(curve, fall).savefig(plot, dpi=150, metadata={"Software": _MARK})
    write_text(table, json.dumps(_described(curve, fall), indent=1) + "\n")
    print("\n".join(_told(curve, fall, test)))
    print(f"the curve is in {plot} and {table}")
    return EXIT_DONE if fall else EXIT_CHECK_FAILED


@contextmanager
def _running(file: SettingsFile, registry: Registry) -> Iterator[RunningExperiment]:
    """The experiment, ready to be trained without its schedule, in a folder that is thrown away."""
    with held() as early, TemporaryDirectory(prefix="gammalearn-lr-find-") as temporary:
        folder = RunFolder(Path(temporary))
        try:
            built = _built(file, registry)
            with messages(folder, console()), StopRequest(file.experiment.max_time) as stop:
                early.tell()
                running = prepare(built, folder, stop, World())
                try:
                    fit_transforms(running)
                    yield running
                finally:
                    running.close()
        except SettingsError as error:
            raise SettingsError(error.problems, error.file or str(file.path)) from error.__cause__
        except StoppedError as error:
            why = str(error).partition(";")[0]
            raise StoppedError(f"{why}; the same command begins the test again") from error
        except GammalearnError:
            raise
        except Exception as error:
            raise RunFailedError(f"{type(error).__name__}: {error}{place_of(error)}") from error


def _built(file: SettingsFile, registry: Registry) -> Built:
    folder = file.path.resolve().parent
    built = build(file.experiment, registry, folder, check(file.experiment, registry, folder))
    built.parts.pop("schedule", None)
    return built


def _check_range(start: float, end: float, steps: int) -> None:
    problems = []
    if not 0 < start < end < math.inf:
        what = f"the rate cannot grow from {start:g} to {end:g}"
        problems.append(Problem("--start, --end", what, "give two numbers above 0, the smaller one first"))
    if steps < FEWEST:
        problems.append(Problem("--steps", f"{steps} tell nothing", f"give {FEWEST} at least"))
    with joined() as world:
        if world.size > 1:
            what = f"{world.size} processes were started, and this needs one"
            problems.append(Problem("lr-find", what, "call it without torchrun or srun"))
    if problems:
        raise SettingsError(problems, "the learning-rate test")


def _outputs(folder: Path, stem: str) -> tuple[Path, Path]:
    """Where the plot and the curve go.

    Raises
    ------
    SettingsError
        They cannot be written, or would replace files of another kind.
    """
    paths = folder / f"{stem}.lr_find.png", folder / f"{stem}.lr_find.json"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=folder, prefix=".lr_find-"):
            pass
        others = [path for path in paths if path.exists() and _MARK.encode() not in path.read_bytes()[:4096]]
    except OSError as error:
        what = f"nothing can be written in {folder}: {error.strerror}"
        raise SettingsError([Problem("--output", what)]) from error
    if others:
        what = f"{others[0]} is not of this command, and is not replaced"
        raise SettingsError([Problem("--output", what, "move it, or give another folder")])
    return paths


def _described(curve: Curve, fall: Fall | None) -> dict[str, Any]:
    """The curve for other programs, without more digits than it has."""
    found = None if fall is None else {"learning_rate": fall.rate, "falls": [fall.lowest, fall.highest]}
    return {
        "kind": _MARK,
        "schema": 1,
        "rule": RULE,
        "found": found,
        "loss_before": curve.before,
        "learning_rate": curve.rates.tolist(),
        "loss": curve.losses.tolist(),
        "smoothed": curve.smoothed.tolist(),
    }


def _told(curve: Curve, fall: Fall | None, test: RangeTest) -> Iterator[str]:
    ended = f"; {test.ending}" if test.ending else ""
    if fall is None:
        where = f"between {curve.rates[0]:.2g} and {curve.rates[-1]:.2g}"
        yield f"no learning rate is suggested: the loss does not fall beyond its scatter {where}{ended}"
        yield "try other --start and --end, more --steps, or a larger batch_size"
        return
    yield f"learning rate {fall.rate:.2g}, by the {RULE}"
    by = f"from {curve.before:.4g} to {fall.least:.4g}"
    yield f"the loss falls {by} between {fall.lowest:.2g} and {fall.highest:.2g}{ended}"
    if len(set(test.shares)) > 1:
        yield f"by group of parameters: {', '.join(f'{fall.rate * share:.2g}' for share in test.shares)}"
    if curve.still_falling and not test.ending:
        yield "the loss is least at the highest rates: try a larger --end"
    if test.running.built.parts["optimizer"].takes("lr"):
        yield f"to use it: --set optimizer.lr={fall.rate:.2g}"


__all__ = ["lr_find"]
