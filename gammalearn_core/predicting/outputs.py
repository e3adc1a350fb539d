"""DL2 files of predictions: their names, what they say of their making, and whether that is already done."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from typing import Literal

import h5py
from attrs import frozen

from gammalearn_core._version import __version__
from gammalearn_core.data.columns import text
from gammalearn_core.engine.checksums import sha256_of
from gammalearn_core.errors import DataError
from gammalearn_core.errors import Problem
from gammalearn_core.errors import SettingsError
from gammalearn_core.predicting.model import Model
from gammalearn_core.reproducing.recorded import RecordedRun
from gammalearn_core.results.dl2 import write_dl2_of
from gammalearn_core.results.predictions import Predictions

Layout = Literal["ctapipe", "lstchain"]
ATTRIBUTE = "GAMMALEARN PREDICTION"
"""Root attribute of an output: JSON that says what it was made of."""
SCHEMA = 1
_ENDINGS = (".dl1.h5", ".dl1.hdf5", ".h5", ".hdf5")
_COMPARED = ("run_id", "weights_sha256", "input", "cuts", "telescopes", "precision", "layout")
"""What must be the same for an output to count as done."""


@frozen(kw_only=True)
class Task:
    """A DL1 file, and the DL2 file that is to be made of it."""

    input: Path
    output: Path


def plan(files: Sequence[Path], folder: Path) -> list[Task]:
    """Outputs of files.

    Raises
    ------
    SettingsError
        A file is not there, or two would have one output.
    """
    problems = [Problem(str(path), "there is no such file") for path in files if not path.is_file()]
    by_output: dict[Path, Path] = {}
    for path in files:
        output = folder / f"{stem(path)}.dl2.h5"
        other = by_output.setdefault(output, path)
        if other != path:
            problems.append(
                Problem(str(path), f"would be written to {output}, as {other} is", "give another -o to one")
            )
    if problems:
        raise SettingsError(problems, "the files")
    return [Task(input=path, output=output) for output, path in by_output.items()]


def stem(path: Path) -> str:
    """The name without what says that it is DL1.

    Examples
    --------
    >>> stem(Path("gamma_run1.dl1.h5")), stem(Path("dl1_LST-1.Run02008.0000.h5"))
    ('gamma_run1', 'dl1_LST-1.Run02008.0000')
    """
    ending = next((e for e in _ENDINGS if path.name.lower().endswith(e) and len(path.name) > len(e)), "")
    return path.name[: len(path.name) - len(ending)]


@frozen(kw_only=True)
class Making:
    """What all outputs of a command are made with."""

    run: RecordedRun
    model: Model
    layout: Layout | None
    """None for that of each DL1 file."""

    def facts(self, path: Path) -> dict[str, Any]:
        """What an output of this file says of its making.

        Raises
        ------
        DataError
            The file cannot be read.
        """
        try:
            read = {"name": path.name, "bytes": path.stat().st_size, "sha256": sha256_of(path)}
        except OSError as error:
            raise DataError(f"{path} cannot be read: {error.strerror}") from error
        model = self.model
        telescopes = model.reader.telescopes
        return {
            "schema": SCHEMA,
            "run_id": str(self.run.record.get("run_id")),
            "experiment": str(self.run.record.get("experiment")),
            "settings_sha256": self.run.record.get("settings_sha256"),
            "weights": model.weights.which,
            "weights_sha256": model.weights.sha256,
            "input": read,
            "cuts": list(model.cuts),
            "cuts_left_out": list(model.left_out),
            "telescopes": None if telescopes is None else list(telescopes),
            "precision": model.precision,
            "layout": self.layout,
            "gammalearn_core": __version__,
        }


def write(
    task: Task, predictions: Predictions, making: Making, facts: dict[str, Any], *, started: datetime, overwrite: bool
) -> None:
    """Write the DL2 file of a DL1 file, with what it was made of. It appears when it is whole."""
    write_dl2_of(
        task.output,
        task.input,
        predictions,
        making.model.built.tasks,
        making.run.name,
        layout=making.layout,
        started=started,
        attributes={ATTRIBUTE: json.dumps(facts)},
        replace=overwrite,
    )


def is_done(output: Path, facts: dict[str, Any]) -> bool:
    """Whether an output is there and was made of the same.

    Raises
    ------
    SettingsError
        Something else is there.
    """
    if not output.exists():
        return False
    before = _facts_of(output)
    if before is None:
        raise _refusal(output, "is there already, and is not a whole output of gammalearn predict")
    others = [name for name in _COMPARED if before.get(name) != facts[name]]
    if others:
        told = ", ".join(name.replace("_", " ") for name in others)
        raise _refusal(output, f"is there already, and was made of other things: {told}")
    return True


def _facts_of(output: Path) -> dict[str, Any] | None:
    """What a file says of its making; None if it says nothing or is damaged."""
    try:
        with h5py.File(output, "r", locking=False) as h5:
            found = json.loads(str(text(h5.attrs[ATTRIBUTE])))
    except (OSError, RuntimeError, KeyError, ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _refusal(output: Path, what: str) -> SettingsError:
    return SettingsError([Problem(str(output), what, "--overwrite replaces it; or give another folder")], "the outputs")


__all__ = ["ATTRIBUTE", "Layout", "Making", "Task", "is_done", "plan", "stem", "write"]
