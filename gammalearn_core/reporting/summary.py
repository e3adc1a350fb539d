"""The paragraph that a report begins with."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from gammalearn_core.reporting.facts import Run
from gammalearn_core.reporting.facts import by_primary
from gammalearn_core.reporting.facts import primary
from gammalearn_core.reporting.numbers import whole
from gammalearn_core.reporting.quantities import component


def summary(run: Run) -> str:
    """One paragraph: what was learned from what, by which network, and what was tested."""
    return " ".join(filter(None, (_learned(run), _trained(run), _tested(run))))


def _learned(run: Run) -> str:
    losses = run.experiment.get("losses") or {}
    tasks = [f"{task} ({component(loss)})" if component(loss) else task for task, loss in losses.items()]
    network = component(run.experiment.get("network")) or "network"
    cameras = list(((run.specs.get("raw_inputs") or {}).get("cameras")) or {})
    kinds = ", ".join(f"{whole(n)} {primary(p)}" for p, n in by_primary(run.splits.get("train") or {}).items())
    source = run.counted("train") + (f" of {_joined(cameras)}" if cameras else "") + (f" ({kinds})" if kinds else "")
    return f"The network {network} learned {_joined(tasks) or 'nothing'} from {source}."


def _trained(run: Run) -> str:
    done = max((int(line["epoch"]) for line in run.history), default=0)
    if not done:
        return "No epoch was completed."
    planned = int(run.experiment.get("epochs") or done)
    epochs = f"{done} of at most {planned} epochs" if done < planned else _plural(done, "epoch")
    seconds = [float(line["seconds"]) for line in run.history if line.get("seconds") is not None]
    pace = f", {_duration(statistics.median(seconds))} each" if seconds else ""
    return f"Training took {epochs}{pace}."


def _tested(run: Run) -> str:
    kind = "validation" if run.samples.get("validation") else "training"
    if run.best_epoch is not None:
        lowest = f"The {kind} loss was lowest after epoch {run.best_epoch}"
        weights = "the weights of that epoch"
    elif run.history:
        lowest, weights = f"The {kind} loss was never finite", "the last weights"
    else:
        lowest, weights = "", "the weights"
    if not run.samples.get("test"):
        ending = "there is no test split, so nothing was tested"
    else:
        ending = f"{weights} were tested on {run.counted('test')}"
    return f"{lowest}; {ending}." if lowest else f"{ending[0].upper()}{ending[1:]}."


def _joined(words: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))


def _plural(n: int, noun: str) -> str:
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def _duration(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.2g} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


__all__ = ["summary"]
