"""The report of a run as one page."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from jinja2 import Environment
from markupsafe import Markup

from gammalearn_core.builtin.reports import drawing
from gammalearn_core.builtin.reports.curves import Panel
from gammalearn_core.builtin.reports.curves import panels
from gammalearn_core.builtin.reports.energies import EnergyPanel
from gammalearn_core.builtin.reports.energies import draw_by_energy
from gammalearn_core.builtin.reports.energies import energy_panels
from gammalearn_core.engine.folder import RunFolder
from gammalearn_core.engine.folder import write_text
from gammalearn_core.reporting import facts
from gammalearn_core.reporting import numbers
from gammalearn_core.reporting.quantities import FEW
from gammalearn_core.reporting.quantities import Quantities
from gammalearn_core.reporting.quantities import component
from gammalearn_core.reporting.quantities import number
from gammalearn_core.reporting.summary import summary


class HtmlReport:
    """Writes ``report.html``, which needs no other file and no network, and the figures in it, ``figures/*.svg``.

    The same folder gives the same bytes.

    Parameters
    ----------
    run : RunFolder
    """

    def __init__(self, run: RunFolder) -> None:
        self.run = run

    def __call__(self, results: Mapping[str, Any] | None) -> list[Path]:
        """Write the report and say what was written.

        Parameters
        ----------
        results : mapping
            Content of ``metrics.json``.
        """
        told = self._read(results or {})
        quantities = Quantities(told.experiment, told.results.get("definitions") or {})
        shown = panels(told.history, quantities, best=told.best_epoch, samples=told.samples)
        drawn = {panel.file: drawing.draw(panel) for panel in shown.all}
        by_energy = energy_panels(told.results, taken=drawn)
        drawn |= {panel.file: draw_by_energy(panel) for panel in by_energy}
        written = [self.run.figures / f"{file}.svg" for file in drawn]
        self.run.figures.mkdir(exist_ok=True)
        for path, svg in zip(written, drawn.values(), strict=True):
            write_text(path, svg)
        page = self.run.path / "report.html"
        figures = {
            task: [(panel.file, _inline(panel, drawn[panel.file])) for panel in members]
            for task, members in shown.groups.items()
        }
        energies = [(panel, _inline(panel, drawn[panel.file], by="true energy")) for panel in by_energy]
        context = self._context(told, quantities, figures)
        write_text(page, _template().render(**context, never=shown.never, energies=energies))
        return [page, *sorted(written)]

    def _read(self, results: Mapping[str, Any]) -> facts.Run:
        run = self.run
        record, experiment, specs = (
            run.read_json(p) or {} for p in (run.run_json, run.experiment_json, run.specs_json)
        )
        return facts.Run(record, experiment, specs, results, run.history())

    def _context(
        self, told: facts.Run, quantities: Quantities, figures: dict[str, list[tuple[str, Markup]]]
    ) -> dict[str, Any]:
        groups = numbers.table(told.results, quantities, told.samples)
        return {
            "FEW": FEW,
            "run": told,
            "run_id": self.run.id,
            "name": str(told.record.get("experiment") or told.experiment.get("name") or self.run.path.parent.name),
            "summary": summary(told),
            "table": groups,
            "splits": numbers.measured_splits(told.results),
            "few": any(count.few for group in groups for count in group.counts),
            "epochs": _epochs(told, quantities),
            "facts": facts,
            "figures": figures,
            "settings": _text(self.run.settings),
            "experiment_json": _text(self.run.experiment_json),
            "tensorboard": self.run.tensorboard.is_dir(),
            "predictions": self._relative(self.run.predictions),
            "patch": (self.run.path / "code.patch").is_file(),
            "subtitles": {task: _subtitle(told.experiment, task) for task in [*figures, *(g.task for g in groups)]},
        }

    def _relative(self, folder: Path) -> list[str]:
        return sorted(p.relative_to(self.run.path).as_posix() for p in folder.rglob("*") if p.is_file())


def _inline(panel: Panel | EnergyPanel, svg: str, *, by: str = "epoch") -> Markup:
    # matplotlib has escaped the text in it.
    return Markup(drawing.inline(svg, label=f"{panel.label} by {by}", prefix=panel.file))


def _subtitle(experiment: Mapping[str, Any], task: str) -> str:
    """Components of a task; of all tasks, what joins their losses."""
    if not task:
        balance = component(experiment.get("balance"))
        return f"losses joined by {balance}" if balance else ""
    target, loss = ((experiment.get(kind) or {}).get(task) for kind in ("targets", "losses"))
    named = {"target": component(target), "loss": component(loss)}
    return ", ".join(f"{kind} {id}" for kind, id in named.items() if id)


def _epochs(told: facts.Run, quantities: Quantities) -> dict[str, Any]:
    """All numbers of all epochs, for those who have the page only."""
    keys = {split: [key for line in told.history for key in line.get(split) or {}] for split in ("train", "validation")}
    columns = [(split, q.key) for split, found in keys.items() for qs in quantities.by_task(found).values() for q in qs]
    rows = [
        (line["epoch"], [numbers.digits(number((line.get(split) or {}).get(key))) for split, key in columns])
        for line in told.history
    ]
    return {"columns": columns, "rows": rows}


def _text(path: Path) -> str:
    return path.read_bytes().decode("utf-8", "replace") if path.is_file() else ""


def _template() -> Any:
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    source = resources.files(__package__).joinpath("report.html.j2").read_text(encoding="utf-8")
    return environment.from_string(source)


__all__ = ["HtmlReport"]
