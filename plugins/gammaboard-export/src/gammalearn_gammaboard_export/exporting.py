"""Runs as experiments of GammaBoard: what the report and the command share."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Sequence
from pathlib import Path

from attrs import frozen

from gammalearn_core import GammalearnError
from gammalearn_core import Problem
from gammalearn_core import SettingsError
from gammalearn_gammaboard_export.finding import Found
from gammalearn_gammaboard_export.naming import free_name
from gammalearn_gammaboard_export.reading import Samples
from gammalearn_gammaboard_export.reading import read_samples
from gammalearn_gammaboard_export.writing import NOTEBOOK
from gammalearn_gammaboard_export.writing import owner_of
from gammalearn_gammaboard_export.writing import write_experiment
from gammalearn_gammaboard_export.writing import write_notebook
from gammalearn_gammaboard_export.writing.describing import described
from gammalearn_gammaboard_export.writing.describing import identity_of
from gammalearn_gammaboard_export.writing.layouts import check_layout

_EMPTY = {
    "energy": "the plots of energy resolution and effective area stay empty",
    "direction": "the plot of angular resolution stays empty",
    "impact": "the plot of impact resolution stays empty",
    "gammaness": "the plots of ROC and precision stay empty, and no event is rejected",
}


@frozen(kw_only=True)
class Exported:
    """One experiment."""

    name: str
    samples: Samples
    notes: tuple[str, ...]
    written: tuple[Path, ...]


def export(found: Sequence[Found], folder: Path, *, layout: str) -> list[Exported]:
    """Write runs beside each other, and the notebook that shows them.

    Experiments of other runs that are in the folder stay; one of the same run is replaced.

    Raises
    ------
    GammalearnError
        A run cannot be read or is not fit for the layout, or a file cannot be written.
    """
    taken = _taken(folder)
    done: list[Exported] = []
    for one in found:
        samples = read_samples(one.files)
        check_layout(layout, samples)
        description = described(one)
        identity = identity_of(one, description)
        if identity in {taken[other.name] for other in done}:
            raise SettingsError([Problem("RUN", f"{one.path} is given twice")])
        name = free_name(one.label, one.run_id, taken, identity)
        notes = (*samples.notes, *missing(samples))
        written = write_experiment(
            folder / name,
            samples,
            layout=layout,
            made={"kind": one.kind, "identity": identity},
            description=description,
            notes=notes,
        )
        taken[name] = identity
        done.append(Exported(name=name, samples=samples, notes=notes, written=tuple(written)))
    write_notebook(folder)
    return done


def _taken(folder: Path) -> dict[str, str]:
    """Whose names are taken."""
    try:
        there = {p.name: owner_of(p) for p in sorted(folder.iterdir())} if folder.is_dir() else {}
        return there | {NOTEBOOK: ""}
    except OSError as error:
        raise GammalearnError(f"{folder} cannot be read: {error.strerror or error}") from error


def missing(samples: Samples) -> Iterator[str]:
    """What GammaBoard does not show of this run, and why."""
    for kind, what in _EMPTY.items():
        if not samples.gammas.knows(kind):
            yield f"{kind} is not predicted: {what}"
    if samples.background is None and samples.gammas.knows("gammaness"):
        yield "there is no background: the plots of ROC and precision stay empty"
    if isinstance(samples.gammas.thrown, str):
        yield f"no effective area: {samples.gammas.thrown}"


__all__ = ["Exported", "export", "missing"]
