"""The end of a run: metrics, DL2 and reports are written, and what was written is read back."""

from __future__ import annotations

from pathlib import Path

from gammalearn_core.engine.ending import write_results
from gammalearn_core.engine.rehearsal.small import SmallRun
from gammalearn_core.engine.rehearsal.troubles import Troubles
from gammalearn_core.engine.run import load_best
from gammalearn_core.inspecting.describing import describe


def write_and_read_back(small: SmallRun, troubles: Troubles) -> list[Path]:
    """Files of the run folder that a run would end with; what fails is noted, and does not keep the rest away."""
    running = small.running
    folder = running.folder
    outputs = write_results(running, small.loop, load_best(running), failed=troubles.add_error)
    if "writer" in vars(running):
        running.writer.flush()
    written = [folder.path / output["path"] for output in outputs]
    for path in written:
        if path.is_relative_to(folder.predictions) and path.suffix == ".h5":
            _read_back(path, troubles)
    logged = [p for p in sorted(folder.tensorboard.rglob("*")) if p.is_file()]
    return [folder.metrics_jsonl, folder.metrics_json, *logged, *written]


def _read_back(path: Path, troubles: Troubles) -> None:
    """Read every chunk of a DL2 file."""
    info = describe(path, everything=True)
    where = f"predictions/{path.name}"
    for problem in info.problems:
        if problem.severity == "error":
            troubles.add(where, f"cannot be used as it was written: {problem.what}")
    if not info.predictions and info.usable:
        troubles.add(where, "holds no predictions")


__all__ = ["write_and_read_back"]
