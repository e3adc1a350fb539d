"""What a plug-in says of each thing that it provides, without importing it.

Records are frozen and hold only strings, numbers and tuples. ``target`` is an import string; nothing behind it is
imported until a run needs it. The fields beyond name, target and summary are *facts*: they let
``gammalearn check`` refuse a wrong experiment before anything heavy is imported or any file is opened.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from collections.abc import Mapping
from functools import partial
from types import MappingProxyType
from typing import Any
from typing import ClassVar
from typing import Literal

import attrs
from attrs import field
from attrs import frozen

from gammalearn_core.plugin.names import IDENTIFIER

_Validator = Callable[[Any, "attrs.Attribute[str]", Any], None]
_IMPORT = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*")
NESTED_KINDS = ("network",)
"""Kinds of components that may stand in parameters of a component."""


def _name(record: object, attribute: attrs.Attribute[str], value: object) -> None:
    if not isinstance(value, str) or not IDENTIFIER.fullmatch(value):
        raise ValueError(f"name must be lower case letters, digits and underscores, got {value!r}")


def _import_string(record: Component, attribute: attrs.Attribute[str], value: object) -> None:
    if not isinstance(value, str) or not _IMPORT.fullmatch(value):
        raise ValueError(f"{attribute.name} of {record.name!r} must read 'package.module:Name', got {value!r}")


def _summary(record: Component, attribute: attrs.Attribute[str], value: object) -> None:
    if not isinstance(value, str) or not value or "\n" in value or len(value) > 80 or value.endswith("."):
        raise ValueError(f"summary of {record.name!r} must be one line of at most 80 characters without a full stop")


def _not_empty(record: Component, attribute: attrs.Attribute[tuple[str, ...]], value: object) -> None:
    if not isinstance(value, tuple) or not value:
        raise ValueError(f"{attribute.name} of {record.name!r} must name at least one, got {value!r}")


def _one_of(*choices: str) -> _Validator:
    def check(record: Component, attribute: attrs.Attribute[str], value: object) -> None:
        if value not in choices:
            raise ValueError(f"{attribute.name} of {record.name!r} must be one of {choices}, got {value!r}")

    return check


def _nested(record: Component, attribute: attrs.Attribute[Mapping[str, str]], value: object) -> None:
    if not is_nested(value):
        kinds = " or ".join(map(repr, NESTED_KINDS))
        raise ValueError(f"nested of {record.name!r} must name a kind for each parameter, {kinds}, got {_shown(value)}")


def is_nested(value: object) -> bool:
    """Whether this says which parameters hold components: ``{parameter: kind}``."""
    return isinstance(value, Mapping) and all(
        isinstance(name, str) and name.isidentifier() and kind in NESTED_KINDS for name, kind in value.items()
    )


def _shown(value: object) -> str:
    return repr(dict(value) if isinstance(value, Mapping) else value)


def _read_only(value: object) -> object:
    return MappingProxyType(dict(value)) if isinstance(value, Mapping) else value


def _tuple(value: object) -> object:
    return (value,) if isinstance(value, str) else tuple(value) if isinstance(value, (list, tuple, set)) else value


@frozen(kw_only=True)
class Component:
    """Fields that every record has."""

    kind: ClassVar[str] = "component"

    name: str = field(validator=_name)
    """Short name; settings files use ``plugin.name``."""
    target: str = field(validator=_import_string)
    """Import string of what is called, ``package.module:Name``."""
    summary: str = field(validator=_summary)
    """One line for ``gammalearn plugins``."""
    since: str = ""
    """First version of the plug-in that had it."""
    replaces: tuple[str, ...] = field(default=(), converter=_tuple)
    """Former names, which still work with a warning."""


@frozen(kw_only=True)
class Loader(Component):
    """A file format: ``target(**params)`` gives an `EventSource`."""

    kind: ClassVar[str] = "loader"

    paths: str = "paths"
    """The parameter that holds paths, which the core resolves and records; empty if it reads no files."""
    suffixes: tuple[str, ...] = field(default=(), converter=_tuple)
    """File name endings that are usual for the format; they decide nothing."""
    levels: tuple[str, ...] = field(default=("telescope",), converter=_tuple, validator=_not_empty)
    """What the parameter ``level`` may be; the first is the default."""
    hdf5: bool = False
    """Whether the files are HDF5, so that the static check can look at their signature."""
    free: tuple[str, ...] = field(default=(), converter=_tuple)
    """Parameters that change how fast it is and nothing that it gives: a run goes on when they change."""


@frozen(kw_only=True)
class Filter(Component):
    """A cut: ``target(**params)`` gives ``(EventTable) -> bool array``, true where the row is kept.

    Or a weight: ``(EventTable) -> float array``, finite and not negative, one value an event.
    """

    kind: ClassVar[str] = "filter"

    part: Literal["filter", "weight"] = field(default="filter", validator=_one_of("filter", "weight"))
    """``weight`` for what weighs events in the losses: the setting ``weights``, not ``filters``."""
    scope: Literal["image", "event"] = field(default="event", validator=_one_of("image", "event"))
    """Image cuts run before event cuts. Weights are those of events."""
    truth: bool = False
    """Whether it cuts on simulated truth. Such cuts leave a source without truth alone, and are skipped in prediction.
    What ``target`` gives may say it for itself, by an attribute of this name."""


@frozen(kw_only=True)
class Transform(Component):
    """``target(*, inputs: InputSpec, **params)`` with ``.outputs``; ``(Batch, generator) -> Batch``."""

    kind: ClassVar[str] = "transform"

    random: bool = False
    """Random transforms run in training only and draw only from the generator that they are given."""
    gives: Literal["", "grid"] = field(default="", validator=_one_of("", "grid"))
    """``grid`` if it maps pixels to a regular grid (rows, columns)."""


@frozen(kw_only=True)
class Target(Component):
    """What is learned. ``target`` is the class that encodes truth and decodes predictions (`TargetCodec`)."""

    kind: ClassVar[str] = "target"

    columns: tuple[str, ...] = field(converter=_tuple)
    """Columns of the event table that hold the truth."""
    geometry: Literal["scalar", "class", "camera_vector", "ground_vector"] = field(
        default="scalar", validator=_one_of("scalar", "class", "camera_vector", "ground_vector")
    )
    """How a rotation turns it."""
    applies_to: tuple[int, ...] = field(default=(), converter=_tuple)
    """Primary particles that have it (0 gamma, 1 electron, 101 proton); empty for all."""
    dl2: Literal["", "energy", "geometry", "classification"] = field(
        default="", validator=_one_of("", "energy", "geometry", "classification")
    )
    """The DL2 table that predictions go to; empty for none."""
    metrics: tuple[str, ...] = field(default=(), converter=_tuple)
    """Ids of the metrics that are measured if the settings do not choose."""


@frozen(kw_only=True)
class Network(Component):
    """``target(*, inputs: InputSpec, outputs: OutputSpec, **params)`` gives an ``nn.Module``."""

    kind: ClassVar[str] = "network"

    lattice: Literal["hexagonal", "pixels", "grid", "any"] = field(
        default="any", validator=_one_of("hexagonal", "pixels", "grid", "any")
    )
    """The pixels it wants: those of a hexagonal camera, those of a camera of any kind, a regular grid, or any."""
    stereo: bool = False
    """Whether ``forward`` takes a whole `Batch` of subarray events."""
    takes: tuple[str, ...] = field(default=(), converter=_tuple)
    """Extra per-image columns that ``forward`` is given (mono)."""
    nested: Mapping[str, str] = field(default=MappingProxyType({}), converter=_read_only, validator=_nested, hash=False)
    """Parameters that hold components, and of which kind these are: ``target`` is given a `Maker` for each."""

    def __reduce__(self) -> tuple[object, ...]:
        # A read-only mapping does not pickle.
        fields = {f.name: getattr(self, f.name) for f in attrs.fields(type(self))}
        return partial(type(self), **fields | {"nested": dict(self.nested)}), ()


@frozen(kw_only=True)
class Loss(Component):
    """``target(*, task: TaskSpec, **params)`` gives ``(prediction, truth) -> (n,)``, unreduced."""

    kind: ClassVar[str] = "loss"

    part: Literal["loss", "balance"] = field(default="loss", validator=_one_of("loss", "balance"))
    """``balance`` for what joins the losses of several tasks: ``target(*, tasks, **params)``."""
    geometries: tuple[str, ...] = field(default=(), converter=_tuple)
    """Geometries of targets that it fits; empty for all."""
    scope: Literal["task", "outputs"] = field(default="task", validator=_one_of("task", "outputs"))
    """``outputs`` if it is given the outputs of all tasks."""


@frozen(kw_only=True)
class Optimizer(Component):
    """``target(parameters, **params)``, or a schedule ``target(optimizer, *, total_steps, **params)``."""

    kind: ClassVar[str] = "optimizer"

    part: Literal["optimizer", "schedule"] = field(default="optimizer", validator=_one_of("optimizer", "schedule"))
    per: Literal["step", "epoch", "metric"] = field(default="step", validator=_one_of("step", "epoch", "metric"))
    """When a schedule advances; ``metric`` also hands it the validation loss."""


@frozen(kw_only=True)
class Metric(Component):
    """``target(**params)`` gives an ``ignite.metrics.Metric`` updated with ``(prediction, truth)``."""

    kind: ClassVar[str] = "metric"

    geometries: tuple[str, ...] = field(default=(), converter=_tuple)
    """Geometries of targets that it can measure; empty for all."""
    definition: str = ""
    """What the number is, with its convention, as written to ``metrics.json``."""


@frozen(kw_only=True)
class Handler(Component):
    """``target(experiment, **params)`` gives a function that ignite calls with the engine."""

    kind: ClassVar[str] = "handler"

    engine: Literal["trainer", "validator", "tester"] = field(
        default="trainer", validator=_one_of("trainer", "validator", "tester")
    )
    """The engine it is attached to unless the settings say otherwise with ``on``."""
    event: str = "EPOCH_COMPLETED"
    """The ignite event it waits for unless the settings say otherwise."""


@frozen(kw_only=True)
class Report(Component):
    """``target(run: RunFolder, **params)`` gives ``(results) -> list[Path]``."""

    kind: ClassVar[str] = "report"

    writes: tuple[str, ...] = field(default=(), converter=_tuple)
    """What it leaves in the run folder."""


@frozen(kw_only=True)
class Command(Component):
    """A subcommand of ``gammalearn``: ``target(argv)`` gives the exit code."""

    kind: ClassVar[str] = "command"


RECORDS: dict[str, type[Component]] = {
    r.kind: r for r in (Loader, Filter, Transform, Target, Network, Loss, Optimizer, Metric, Handler, Report, Command)
}

__all__ = [
    "NESTED_KINDS",
    "RECORDS",
    "Command",
    "Component",
    "Filter",
    "Handler",
    "Loader",
    "Loss",
    "Metric",
    "Network",
    "Optimizer",
    "Report",
    "Target",
    "Transform",
    "is_nested",
]
