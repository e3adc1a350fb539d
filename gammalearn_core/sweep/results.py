"""What the trials of a study have come to: a table, ``trials.csv`` and a picture."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from attrs import frozen
from optuna.trial import FrozenTrial
from optuna.trial import TrialState
from rich.console import Console
from rich.table import Table

from gammalearn_core.engine.folder import write_text
from gammalearn_core.sweep.space import short
from gammalearn_core.sweep.study import Study

STATES = {
    TrialState.COMPLETE: "finished",
    TrialState.PRUNED: "pruned",
    TrialState.RUNNING: "running",
    TrialState.FAIL: "failed",
}
"""What users are told of Optuna's states, in the order of the table."""
_WIDTH = 1000
"""Characters of a line, more than are needed, so that a folder can be copied whole."""


_FEW = 10


@frozen(kw_only=True)
class Row:
    """A trial; what it does not have yet is None or empty."""

    number: int
    state: str
    values: dict[str, str]
    value: float | None
    """The best of its epochs."""
    epoch: int | None
    epochs: int | None
    folder: str
    error: str


class Results:
    """Shows and writes the trials of a study."""

    def __init__(self, study: Study, metric: str) -> None:
        self._study, self._metric = study, metric

    def rows(self) -> list[Row]:
        """All trials, the best first; then those that were pruned, that run, and that have failed."""
        return [_row(trial) for trial in sorted(self._study.trials(), key=self._rank)]

    def best(self) -> Row | None:
        """The best trial of those that are finished."""
        rows = self.rows()
        return rows[0] if rows and rows[0].state == STATES[TrialState.COMPLETE] else None

    def best_few(self) -> str:
        """The best trials, without their folders."""
        return _text(self._table(self.rows()[:_FEW], ()))

    def all(self) -> str:
        """All trials."""
        return _text(self._table(self.rows(), ("run folder",)))

    def _table(self, rows: Sequence[Row], last: Sequence[str]) -> Table:
        keys = list(dict.fromkeys(key for row in rows for key in row.values))
        table = Table(box=None, pad_edge=False)
        for name in ("trial", "state", *keys, self._metric, "epoch", *last):
            table.add_column(name, justify="right" if name in ("trial", self._metric, "epoch") else "left")
        for row in rows:
            value = "" if row.value is None else f"{row.value:.4g}"
            epoch = "" if row.epoch is None else f"{row.epoch}"
            settings = [short(row.values.get(key, "")) for key in keys]
            table.add_row(str(row.number), row.state, *settings, value, epoch, *([row.folder] if last else []))
        return table

    def write(self) -> list[Path]:
        """Write the table and, if there is anything to see, the picture."""
        from gammalearn_core.sweep import figure

        table = self.write_table()
        with self._study.alone():
            return [table, *figure.draw(self._study, self._metric)]

    def write_table(self) -> Path:
        """Write ``trials.csv``, in the order of the trials, with all digits."""
        rows = sorted(self.rows(), key=lambda row: row.number)
        keys = list(dict.fromkeys(key for row in rows for key in row.values))
        stream = io.StringIO()
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["trial", "state", *keys, self._metric, "epoch", "epochs", "run_folder", "error"])
        for row in rows:
            values = [row.values.get(key, "") for key in keys]
            writer.writerow([row.number, row.state, *values, row.value, row.epoch, row.epochs, row.folder, row.error])
        path = self._study.path / "trials.csv"
        with self._study.alone():
            write_text(path, stream.getvalue())
        return path

    def _rank(self, trial: FrozenTrial) -> tuple[int, float, int]:
        value = trial.user_attrs.get("value")
        sign = 1.0 if self._study.minimises else -1.0
        return list(STATES).index(trial.state), 0.0 if value is None else sign * value, trial.number


def _text(table: Table) -> str:
    stream = io.StringIO()
    Console(file=stream, width=_WIDTH, markup=False, emoji=False, highlight=False).print(table)
    return "".join(f"{line.rstrip()}\n" for line in stream.getvalue().splitlines())


def _row(trial: FrozenTrial) -> Row:
    facts = trial.user_attrs
    return Row(
        number=trial.number,
        state=STATES[trial.state],
        values={key: value if isinstance(value, str) else repr(value) for key, value in trial.params.items()},
        value=facts.get("value"),
        epoch=facts.get("epoch"),
        epochs=facts.get("epochs"),
        folder=facts.get("folder", ""),
        error=facts.get("error", ""),
    )


__all__ = ["STATES", "Results", "Row"]
