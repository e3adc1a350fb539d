"""Building an experiment: sources, cuts, transforms, network and losses, all problems told together."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from attrs import define
from attrs import field
from torch import nn

from gammalearn_core.data.codec import TargetCodec
from gammalearn_core.data.order import derived_seed
from gammalearn_core.data.selection import Cut
from gammalearn_core.data.selection import sparing
from gammalearn_core.data.source import Combined
from gammalearn_core.data.source import EventSource
from gammalearn_core.data.specs import InputSpec
from gammalearn_core.data.specs import OutputSpec
from gammalearn_core.data.specs import TaskSpec
from gammalearn_core.data.truth import Task
from gammalearn_core.data.truth import check_columns
from gammalearn_core.data.weights import Weight
from gammalearn_core.engine.components import Part
from gammalearn_core.engine.first_weights import FirstWeights
from gammalearn_core.engine.fitting import load_start
from gammalearn_core.engine.importing import import_parts
from gammalearn_core.engine.lattices import check_lattice
from gammalearn_core.engine.needed_columns import missing_columns
from gammalearn_core.engine.start import start_weights
from gammalearn_core.errors import DataError
from gammalearn_core.errors import Problem
from gammalearn_core.errors import SettingsError
from gammalearn_core.plugin.names import suggest
from gammalearn_core.plugin.records import Target
from gammalearn_core.plugin.registry import Registry
from gammalearn_core.results.dl2.tables import algorithm_name
from gammalearn_core.settings.experiment import Experiment
from gammalearn_core.settings.ref import Ref
from gammalearn_core.settings.start import Start


@define(kw_only=True)
class Built:
    """Everything that a run is made of, before data are cut and split."""

    experiment: Experiment
    registry: Registry
    parts: dict[str, Part]
    source: EventSource
    cuts: list[Cut]
    weights: list[Weight]
    tasks: dict[str, Task]
    transforms: list[tuple[Part, Any]]
    inputs: InputSpec
    """What the network sees, after all transforms."""
    outputs: OutputSpec
    network: nn.Module
    losses: dict[str, Any]
    balance: nn.Module | None
    metrics: dict[str, list[tuple[str, Any]]] = field(factory=dict)
    """By task: id and metric."""
    metric_parts: dict[str, list[Part]] = field(factory=dict)
    start: FirstWeights | None = None
    """Weights of other runs, which the network has begun with."""

    @property
    def files(self) -> list[Path]:
        """All input files, in the order of the column ``file``."""
        return [f for part in self.parts.values() if part.kind == "loader" for f in part.files]

    @property
    def stereo(self) -> bool:
        """Whether the network takes whole batches."""
        return bool(self.parts["network"].fact("stereo"))


def check_build(experiment: Experiment, registry: Registry, folder: Path, static: list[Problem]) -> list[Problem]:
    """The static problems and, if there are none, those that show when everything is built; no image is read."""
    try:
        build(experiment, registry, folder, static).source.close()
    except SettingsError as error:
        return list(error.problems)
    return []


def build(
    experiment: Experiment,
    registry: Registry,
    folder: Path,
    static: list[Problem],
    *,
    runs: Path | None = None,
    source: EventSource | None = None,
) -> Built:
    """Import and make everything.

    Parameters
    ----------
    experiment : Experiment
    registry : Registry
    folder : Path
        The folder of the settings file, which relative paths are relative to.
    static : list of Problem
        What is known to be wrong.
    runs : Path, optional
        Earlier runs of the experiment, which have kept the weights that they began with.
    source : EventSource, optional
        The events, if they are open already; they stay open whatever happens.

    Raises
    ------
    SettingsError
        With every problem of the settings and parameters; if there is none, with those of the data.
    """
    parts, problems = import_parts(experiment, registry, folder)
    known = {p.where for p in static}
    problems = [*static, *(p for p in problems if p.where not in known)]
    if problems:
        raise SettingsError(problems)
    opened = source or _source(parts, experiment)
    try:
        builder = _Builder(experiment, registry, parts, opened)
        return builder.build(lambda start: start_weights(start, folder, runs=runs))
    except BaseException:
        if source is None:
            opened.close()
        raise


def _source(parts: dict[str, Part], experiment: Experiment) -> EventSource:
    loaders = {p.where: p for p in parts.values() if p.kind == "loader"}
    sources: dict[str, EventSource] = {}
    try:
        for name, part in zip(experiment.data, loaders.values(), strict=True):
            sources[name] = _opened(part)
        if len(sources) == 1:
            return next(iter(sources.values()))
        return Combined(sources, {n: len(p.files) for n, p in zip(sources, loaders.values(), strict=True)})
    except BaseException as error:
        for source in sources.values():
            source.close()
        if isinstance(error, DataError):
            raise SettingsError([Problem("data", str(error), kind="data")]) from error
        raise


def _opened(part: Part) -> EventSource:
    source: EventSource = part.make()
    absent = [n for n in ("events", "inputs", "blocks", "capacity", "read", "close") if not hasattr(source, n)]
    if absent:
        what = f"gives a {type(source).__name__}, which has no {', '.join(absent)}: it is not an event source"
        raise SettingsError([Problem(f"{part.where} {part.ref.label}", what)])
    return source


class _Builder:
    """Makes components one after the other and collects what goes wrong."""

    def __init__(self, experiment: Experiment, registry: Registry, parts: dict[str, Part], source: EventSource) -> None:
        self.experiment = experiment
        self.registry = registry
        self.parts = parts
        self.source = source
        self.problems: list[Problem] = []

    def build(self, read_start: Callable[[Start], FirstWeights]) -> Built:
        """Make everything, or raise with all problems."""
        tasks = self._tasks()
        cuts, weights = self._cuts(), self._weights()
        specs = {name: _task_spec(task) for name, task in tasks.items()}
        inputs, transforms = self._transforms(specs)
        self._check_inputs(inputs)
        start = self._start(read_start)
        self._stop_if_wrong()
        self._check_names(tasks)
        losses = {name: self._make(f"losses[{name!r}]", task=spec) for name, spec in specs.items()}
        self._stop_if_wrong()
        outputs = OutputSpec(tasks={n: _sized(spec, losses[n]) for n, spec in specs.items()})
        torch.manual_seed(derived_seed(self.experiment.seed, "weights"))
        network = self._make("network", inputs=inputs, outputs=outputs)
        balance = self._make("balance", tasks=outputs.tasks) if "balance" in self.parts else None
        chosen = {name: self._metric_parts(spec, tasks[name].record) for name, spec in specs.items()}
        metrics = {name: self._metrics(specs[name], parts) for name, parts in chosen.items()}
        self._stop_if_wrong()
        if start is not None:
            load_start(network, start)
        return Built(
            experiment=self.experiment,
            registry=self.registry,
            parts=self.parts,
            source=self.source,
            cuts=cuts,
            weights=weights,
            tasks=tasks,
            transforms=transforms,
            inputs=inputs,
            outputs=outputs,
            network=network,
            losses=losses,
            balance=balance,
            metrics=metrics,
            metric_parts=chosen,
            start=start,
        )

    def _start(self, read: Callable[[Start], FirstWeights]) -> FirstWeights | None:
        try:
            return read(self.experiment.start_from) if self.experiment.start_from else None
        except SettingsError as error:
            self.problems += error.problems
            return None

    def _make(self, where: str, **keywords: object) -> Any:
        return self._made(self.parts[where], **keywords)

    def _made(self, part: Part, **keywords: Any) -> Any:
        """What a part gives, or None and a problem."""
        try:
            return part.make(**keywords)
        except SettingsError as error:
            self.problems += error.problems
            return None
        except DataError as error:
            self.problems.append(Problem(part.where, str(error), kind="data"))
            return None

    def _stop_if_wrong(self) -> None:
        if self.problems:
            raise SettingsError(self.problems)

    def _tasks(self) -> dict[str, Task]:
        tasks = {}
        for name in self.experiment.tasks:
            part = self.parts[f"targets[{name!r}]"]
            codec: TargetCodec | None = self._make(part.where)
            if codec is None:
                continue
            record = part.record if isinstance(part.record, Target) else _local_target(part)
            tasks[name] = Task(name=name, id=part.ref.label, record=record, codec=codec)
            self.problems += check_columns(self.source.events, tasks[name])
        return tasks

    def _cuts(self) -> list[Cut]:
        made = [(p, self._reading(p)) for p in self.parts.values() if p.role == "filter"]
        return [(p.ref.label, p.fact("scope"), _cut(p, function)) for p, function in made if function is not None]

    def _weights(self) -> list[Weight]:
        made = [(p, self._reading(p)) for p in self.parts.values() if p.role == "weight"]
        return [(p.ref.label, function) for p, function in made if function is not None]

    def _reading(self, part: Part) -> Any:
        """A filter or weight, with problems of the columns that it reads."""
        function = self._make(part.where)
        self.problems += missing_columns(part, function, self.source.events)
        return function

    def _transforms(self, tasks: dict[str, TaskSpec]) -> tuple[InputSpec, list[tuple[Part, Any]]]:
        inputs, made = self.source.inputs, []
        wanted = {"tasks": tasks, "takes": tuple(self.parts["network"].fact("takes"))}
        for part in (p for p in self.parts.values() if p.kind == "transform"):
            transform = self._make(part.where, inputs=inputs, optional=wanted)
            if transform is not None and not isinstance(getattr(transform, "outputs", None), InputSpec):
                what = f"gives a {type(transform).__name__} without .outputs, the InputSpec of what it leaves"
                self.problems.append(Problem(f"{part.where} {part.ref.label}", what))
            elif transform is not None:
                inputs = transform.outputs
                made.append((part, transform))
        return inputs, made

    def _check_inputs(self, inputs: InputSpec) -> None:
        part = self.parts["network"]
        # If a transform could not be made, the images are not what the network would get.
        whole = not any(p.where.startswith("transforms[") for p in self.problems)
        where, lattice = f"network {part.ref.label}", part.fact("lattice") if whole else "any"
        self.problems += check_lattice(where, lattice, inputs)
        for inner in part.all_nested():
            seen = [n for n in inner.fact("takes") if n.startswith("true_")] if inner.kind == "network" else []
            self.problems += [_sees_truth(f"{inner.where} {inner.ref.label}", name) for name in seen]
        for name in part.fact("takes"):
            if name.startswith("true_"):
                self.problems.append(_sees_truth(where, name))
            elif name not in self.source.events:
                hint = suggest(name, self.source.events.names)
                self.problems.append(Problem(where, f"takes the column {name!r}, which the data do not have", hint))

    def _check_names(self, tasks: dict[str, Task]) -> None:
        """Tasks are also told apart by the names of their algorithms in DL2."""
        by_name: dict[str, str] = {}
        for name in tasks:
            other = by_name.setdefault(algorithm_name(name), name)
            if other != name:
                what = f"the tasks {other!r} and {name!r} would both be {algorithm_name(name)} in DL2"
                self.problems.append(Problem(f"losses[{name!r}]", what, "rename one"))

    def _metric_parts(self, task: TaskSpec, record: Target) -> list[Part]:
        """Metrics of a task: those of the settings, or those that its target names."""
        where = f"metrics[{task.name!r}]"
        if task.name in self.experiment.metrics:
            return [p for w, p in self.parts.items() if w.startswith(f"{where}[")]
        return [self._default_metric(where, id) for id in record.metrics]

    def _metrics(self, task: TaskSpec, parts: list[Part]) -> list[tuple[str, Any]]:
        made = ((p.ref.label, self._made(p, optional={"task": task})) for p in parts)
        return [(id, metric) for id, metric in made if metric is not None]

    def _default_metric(self, where: str, id: str) -> Part:
        record, target = self.registry.find(id, kind="metric"), self.registry.load(id, kind="metric")
        return Part(where=where, ref=Ref(id), kind="metric", role="metric", record=record, target=target)


def _sees_truth(where: str, column: str) -> Problem:
    return Problem(where, f"asks for {column!r}, simulated truth that no network may see")


def _cut(part: Part, function: Any) -> Any:
    """A filter as it is made; one on truth leaves sources without truth alone."""
    return sparing(function, part.ref.label) if getattr(function, "truth", part.fact("truth")) else function


def _local_target(part: Part) -> Target:
    """The record of a target class that stands in the settings, from its attributes."""
    names = ("columns", "geometry", "applies_to", "dl2", "metrics")
    facts = {n: getattr(part.target, n) for n in names if hasattr(part.target, n)}
    if "columns" not in facts:
        what = "a target class must say which columns hold its truth: columns = ('true_energy',)"
        raise SettingsError([Problem(f"{part.where} {part.ref.label}", what)])
    return Target(name="local", target="gammalearn_settings:local", summary=part.ref.label, **facts)


def _task_spec(task: Task) -> TaskSpec:
    codec = task.codec
    return TaskSpec(
        name=task.name, target=task.id, size=codec.size, geometry=task.record.geometry, classes=tuple(codec.classes)
    )


def _sized(spec: TaskSpec, loss: object) -> TaskSpec:
    """The task with the size that its loss asks for, if it does."""
    size = getattr(loss, "size", spec.size)
    return TaskSpec(name=spec.name, target=spec.target, size=int(size), geometry=spec.geometry, classes=spec.classes)


__all__ = ["Built", "build", "check_build"]
