"""The data side of a recorded run, as the run had it: the same events, cuts, splits and weights."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs
import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from gammalearn_core.baseline.images import CHARGE
from gammalearn_core.baseline.images import MASK
from gammalearn_core.baseline.images import TIME
from gammalearn_core.builtin.loaders.dl1.source import DL1Source
from gammalearn_core.data.selection import Selected
from gammalearn_core.data.source import Combined
from gammalearn_core.data.source import EventSource
from gammalearn_core.data.table import EventTable
from gammalearn_core.data.truth import Truth
from gammalearn_core.data.weights import event_weights
from gammalearn_core.engine.build import Built
from gammalearn_core.engine.build import build
from gammalearn_core.engine.importing import import_parts
from gammalearn_core.engine.prepare import select
from gammalearn_core.engine.provenance import events_sha256
from gammalearn_core.errors import DataError
from gammalearn_core.errors import SettingsError
from gammalearn_core.plugin.registry import Registry
from gammalearn_core.reproducing.finding import find_data
from gammalearn_core.reproducing.rebuild import needs_settings
from gammalearn_core.reproducing.rebuild import nothing_compiled
from gammalearn_core.reproducing.rebuild import rebuilt
from gammalearn_core.reproducing.rebuild import refuse_untrusted
from gammalearn_core.reproducing.rebuild import run_again
from gammalearn_core.reproducing.recorded import RecordedRun
from gammalearn_core.settings.check import check
from gammalearn_core.settings.experiment import Experiment

_LEFT_OUT: dict[str, Any] = {
    "optimizer": None,
    "balance": None,
    "schedule": None,
    "start_from": None,
    "handlers": [],
    "reports": [],
}
"""What trains a network, and has nothing to do with its events; with what stands for none of it."""
_CHANNELS = ((CHARGE, TIME, MASK), (CHARGE, MASK), (CHARGE, TIME), (CHARGE,))
"""What is asked of files, in this order, until they have it."""


@frozen(kw_only=True, eq=False)
class OpenedRun:
    """A recorded run whose events are open.

    Attributes
    ----------
    recorded : RecordedRun
    built : Built
    selected : Selected
        What passed the cuts.
    splits : mapping of str to array of int
        Rows of each split.
    truth : Truth
    weights : array of float, (n,)
        Of the events in training.
    """

    recorded: RecordedRun
    built: Built
    selected: Selected
    splits: Mapping[str, NDArray[np.int64]]
    truth: Truth
    weights: NDArray[np.float64]

    @property
    def events(self) -> EventTable:
        """All events of the run."""
        return self.selected.events

    def known(self, task: str) -> NDArray[np.bool_]:
        """Events that have truth for a task."""
        import torch

        return np.asarray(self.truth.known(task, torch.arange(len(self.events))).numpy())

    @contextmanager
    def images(self) -> Iterator[EventSource]:
        """The same events, with all that Hillas parameters need of their images."""
        source = _plain_source(self.built)
        try:
            selected = Selected(source, self.built.cuts)
            rows = np.arange(len(self.events))
            if self._events_sha256(selected.events, rows) != self._events_sha256(self.events, rows):
                raise DataError("the images are not those of the run's events")
            yield selected
        finally:
            source.close()

    @contextmanager
    def with_channel(self, name: str) -> Iterator[EventSource | None]:
        """The same events, whose images have one more channel behind the others; None if the loader has none such.

        The loader ``core.dl1`` has those that its parameter ``channels`` names.
        """
        known = next(iter(self.selected.inputs.cameras.values())).channels
        if name in known or not _all_dl1(self.built):
            yield None
            return
        source = _opened(self.built, {"channels": [*known, name]})
        try:
            yield Selected(source, self.built.cuts)
        finally:
            source.close()

    def check_events(self) -> None:
        """Refuse events that are not those of the run.

        Raises
        ------
        DataError
            A split has other events than ``run.json`` says.
        """
        known = self.recorded.record.get("splits")
        for name, rows in self.splits.items():
            facts = known.get(name) if isinstance(known, dict) else None
            then = facts.get("events_sha256") if isinstance(facts, dict) else None
            if then != self._events_sha256(self.events, rows):
                what = f"the {name} split here is not that of the run"
                why = "its cuts or its loader work differently in the versions that are installed"
                raise DataError(f"{what}, whose checksum run.json has: {why}; gammalearn reproduce --check tells more")

    def _events_sha256(self, events: EventTable, rows: NDArray[np.int64]) -> str:
        return events_sha256(events, rows, self.built.files)


@contextmanager
def opened_run(
    recorded: RecordedRun, registry: Registry, *, data_root: Path | None, trust_settings: bool
) -> Iterator[OpenedRun]:
    """The run's events. Nothing of the folder is executed, unless it is trusted and must be.

    Raises
    ------
    SettingsError
        Only the run's settings file can give a part of it, and that is not trusted.
    DataError
        The data are not found, or the events are others than the run's.
    """
    with nothing_compiled():
        experiment = _experiment(recorded, registry, data_root=data_root, trust_settings=trust_settings)
        base = recorded.folder.path.resolve()
        try:
            built = build(experiment, registry, base, check(experiment, registry, base))
        except SettingsError as error:
            raise SettingsError(error.problems, str(recorded.folder.path)) from error.__cause__
        try:
            selected, splits = select(built)
            events = selected.events
            weights = event_weights(events, splits.values(), built.weights) if built.weights else np.ones(len(events))
            opened = OpenedRun(
                recorded=recorded,
                built=built,
                selected=selected,
                splits=splits,
                truth=Truth(events, built.tasks),
                weights=weights,
            )
            opened.check_events()
            yield opened
        finally:
            built.source.close()


def _experiment(
    recorded: RecordedRun, registry: Registry, *, data_root: Path | None, trust_settings: bool
) -> Experiment:
    reduced = _reduced(recorded)
    own = needs_settings(reduced)
    if own and not trust_settings:
        raise refuse_untrusted(recorded, own)
    files = find_data(recorded, data_root=data_root)
    if own:
        kept = {name: value for name, value in _LEFT_OUT.items() if name != "optimizer"}
        return attrs.evolve(run_again(recorded, registry, files).experiment, **kept)
    return rebuilt(reduced, registry, files).experiment


def _reduced(recorded: RecordedRun) -> RecordedRun:
    """The run without what trains a network."""
    listed = recorded.record.get("settings_only") or []
    told = [str(where) for where in listed] if isinstance(listed, list) else []
    kept = [where for where in told if where.partition("[")[0].partition(".")[0] not in _LEFT_OUT]
    described = {**recorded.described, **_LEFT_OUT}
    return attrs.evolve(recorded, described=described, record={**recorded.record, "settings_only": kept})


def _plain_source(built: Built) -> EventSource:
    """The run's sources once more, with charges, times and masks as far as their files have them."""
    if not _all_dl1(built):
        return _opened(built, {})
    for channels in _CHANNELS[:-1]:
        try:
            return _opened(built, {"channels": list(channels)})
        except (DataError, SettingsError):
            continue  # The last attempt tells what else is wrong.
    return _opened(built, {"channels": list(_CHANNELS[-1])})


def _all_dl1(built: Built) -> bool:
    return all(part.target is DL1Source for part in built.parts.values() if part.kind == "loader")


def _opened(built: Built, changed: Mapping[str, Any]) -> EventSource:
    data = {
        n: attrs.evolve(item, parameters={**item.parameters, **changed}) for n, item in built.experiment.data.items()
    }
    parts, problems = import_parts(attrs.evolve(built.experiment, data=data), built.registry, Path.cwd())
    if problems:
        raise SettingsError(problems)
    loaders = [part for part in parts.values() if part.kind == "loader"]
    sources: dict[str, EventSource] = {}
    try:
        for name, part in zip(data, loaders, strict=True):
            sources[name] = part.make()
        if len(sources) == 1:
            return next(iter(sources.values()))
        return Combined(sources, {name: len(part.files) for name, part in zip(sources, loaders, strict=True)})
    except BaseException:
        for source in sources.values():
            source.close()
        raise


__all__ = ["OpenedRun", "opened_run"]
