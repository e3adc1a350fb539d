"""`Experiment`: all the settings of one experiment, checked when it is made."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar
from typing import TypeVar

import attrs
from attrs import NOTHING
from attrs import field
from attrs import frozen

from gammalearn_core.errors import Problem
from gammalearn_core.errors import SettingsError
from gammalearn_core.plugin.names import suggest
from gammalearn_core.settings import fields
from gammalearn_core.settings.ref import On
from gammalearn_core.settings.ref import Ref
from gammalearn_core.settings.search import Space
from gammalearn_core.settings.start import Start
from gammalearn_core.settings.start import WeightsOf

Component = Ref | Callable[..., object]
_T = TypeVar("_T")


def _as_ref(value: Component) -> Ref:
    return value if isinstance(value, Ref) else Ref(value)


def _as_optional_ref(value: Component | None) -> Ref | None:
    return None if value is None else _as_ref(value)


def _as_refs(values: Sequence[Component]) -> tuple[Ref, ...]:
    return tuple(_as_ref(v) for v in values)


def _as_named_refs(values: Mapping[str, Component]) -> dict[str, Ref]:
    return {name: _as_ref(v) for name, v in values.items()}


def _as_sources(value: Component | Mapping[str, Component]) -> dict[str, Ref]:
    return _as_named_refs(value) if isinstance(value, Mapping) else {"labelled": _as_ref(value)}


def _as_handlers(values: Sequence[Component | On]) -> tuple[Ref | On, ...]:
    return tuple(v if isinstance(v, On) else _as_ref(v) for v in values)


def _as_metrics(values: Mapping[str, Sequence[Component]]) -> dict[str, tuple[Ref, ...]]:
    return {task: _as_refs(refs) for task, refs in values.items()}


def _as_search(value: Mapping[str, Space]) -> dict[str, Space]:
    return dict(value)


def _as_start(value: str | Path | WeightsOf | Sequence[str | Path | WeightsOf] | None) -> Start | None:
    if isinstance(value, (list, tuple)):
        several = tuple(v if isinstance(v, WeightsOf) else WeightsOf(v) for v in value)
        return several if len(several) > 1 else several[0]
    return value if value is None or isinstance(value, WeightsOf) else WeightsOf(value)  # type: ignore[arg-type]


def _as_optional_float(value: float | None) -> float | None:
    return None if value is None else float(value)


def _setting(check: fields.Checker) -> dict[str, object]:
    return {"check": check}


@frozen(kw_only=True, eq=False)
class Experiment:
    """The whole process of training, validating and testing one network with one set of hyper-parameters.

    All wrong settings are reported together.

    Raises
    ------
    SettingsError
        A setting is unknown, missing or of the wrong type.

    Examples
    --------
    >>> from gammalearn_core import Experiment, ref
    >>> experiment = Experiment(
    ...     name="energy",
    ...     data=ref("core.dl1", paths=["gamma.dl1.h5"]),
    ...     network=ref("hexconv.resnet"),
    ...     losses={"energy": ref("core.l1")},
    ... )
    >>> experiment.epochs
    10
    """

    name: str = field(metadata=_setting(fields.name))
    """Name of the experiment; its runs are in the folder of this name."""
    data: Mapping[str, Ref] = field(converter=_as_sources, metadata=_setting(fields.data))
    """The loader, or several by name: events tell them apart by the column ``domain``, and those of the source
    ``unlabelled`` have no truth. Sources called ``train``, ``validation`` and ``test`` are these splits."""
    network: Ref = field(converter=_as_ref, metadata=_setting(fields.component))
    """The network."""
    losses: Mapping[str, Ref] = field(converter=_as_named_refs, metadata=_setting(fields.named_components))
    """What is learned: a loss for each task."""
    targets: Mapping[str, Ref] = field(
        factory=dict, converter=_as_named_refs, metadata=_setting(fields.named_components)
    )
    """The target of each task; a task that is not named here is the core's target of the same name."""
    optimizer: Ref = field(default=Ref("core.adamw"), converter=_as_ref, metadata=_setting(fields.component))
    """The optimizer, a component or a torch class."""
    schedule: Ref | None = field(default=None, converter=_as_optional_ref, metadata=_setting(fields.component))
    """The learning-rate schedule."""
    balance: Ref | None = field(default=None, converter=_as_optional_ref, metadata=_setting(fields.component))
    """What joins the losses of several tasks; without it they are added."""
    filters: Sequence[Ref] = field(default=(), converter=_as_refs, metadata=_setting(fields.components))
    """Cuts on images and events, made before any image is read."""
    weights: Sequence[Ref] = field(default=(), converter=_as_refs, metadata=_setting(fields.components))
    """Weights of events in the losses of all tasks, multiplied with each other."""
    transforms: Sequence[Ref] = field(default=(), converter=_as_refs, metadata=_setting(fields.components))
    """What is done to each batch before the network sees it, in this order."""
    metrics: Mapping[str, Sequence[Ref]] = field(factory=dict, converter=_as_metrics, metadata=_setting(fields.metrics))
    """Metrics by task; a task that is not named here has those that its target declares."""
    handlers: Sequence[Ref | On] = field(default=(), converter=_as_handlers, metadata=_setting(fields.handlers))
    """What happens when an engine fires an event."""
    reports: Sequence[Ref] = field(
        default=(Ref("core.html"),), converter=_as_refs, metadata=_setting(fields.components)
    )
    """What is written at the end."""
    epochs: int = field(default=10, metadata=_setting(fields.whole(1)))
    """Passes over the training split."""
    batch_size: int = field(default=64, metadata=_setting(fields.whole(1)))
    """Samples a step, of all processes together: telescope images (mono) or events (subarray level)."""
    accumulate: int = field(default=1, metadata=_setting(fields.whole(1)))
    """Parts in which a step's samples pass the network, one after the other, to save memory."""
    precision: str = field(default="fp32", metadata=_setting(fields.one_of("fp32", "bf16")))
    """``bf16`` computes in bfloat16 where torch's autocast finds it safe; weights stay in single precision."""
    clip_norm: float | None = field(default=None, converter=_as_optional_float, metadata=_setting(fields.positive))
    """Largest norm of the gradient of all parameters together; a longer one is shortened to it."""
    ema: float | None = field(default=None, converter=_as_optional_float, metadata=_setting(fields.fraction))
    """Decay of a moving average of the weights, with which validation, test and prediction are made."""
    compile: bool = field(default=False, metadata=_setting(fields.yes_or_no))
    """Whether torch compiles the network."""
    start_from: Start | None = field(default=None, converter=_as_start, metadata=_setting(fields.start))
    """The run that the network's first weights come from, or `weights_of` for some of them; or a list of these."""
    validation: float = field(default=0.2, converter=float, metadata=_setting(fields.fraction))
    """Share of the showers for validation."""
    test: float = field(default=0.2, converter=float, metadata=_setting(fields.fraction))
    """Share of the showers for the final test."""
    seed: int = field(default=0, metadata=_setting(fields.whole(0)))
    """Seed of the weights, of the order of events and of random transforms. The split does not depend on it."""
    device: str = field(default="auto", metadata=_setting(fields.text))
    """``auto``, ``cpu``, ``cuda`` or ``cuda:N``."""
    threads: int = field(default=0, metadata=_setting(fields.whole(0, 1024)))
    """Threads of torch; 0 leaves torch's choice. Bit-identical weights need 1."""
    read_ahead: int = field(default=2, metadata=_setting(fields.whole(0, 1000)))
    """Batches that a thread reads while the network trains; with 0 each is read when it is needed."""
    max_time: str | None = field(default=None, metadata=_setting(fields.duration))
    """Time after which a run stops so that it can go on: ``"[days-]hours:minutes:seconds"``."""
    checkpoint_minutes: float = field(default=10.0, converter=float, metadata=_setting(fields.positive))
    """Minutes between two checkpoints within an epoch."""
    search: Mapping[str, Space] = field(factory=dict, converter=_as_search, metadata=_setting(fields.search))
    """Settings that ``gammalearn sweep`` varies, as ``--set`` names them, and what they may be."""
    requires: Sequence[str] = field(default=(), converter=tuple, metadata=_setting(fields.texts))
    """Distributions that must be installed, as requirements: ``"gammalearn-hexconv>=0.1"``."""

    FREE: ClassVar[tuple[str, ...]] = ("read_ahead", "max_time", "checkpoint_minutes", "search", "requires")
    """Settings that change nothing in what is learned: a run goes on when they change."""

    def __new__(cls, *args: object, **settings: object) -> Experiment:
        """Report every problem of the settings at once, before attrs sees them."""
        problems = list(_problems(cls, args, settings))
        if problems:
            raise SettingsError(problems)
        return super().__new__(cls)

    def __getnewargs_ex__(self) -> tuple[tuple[()], dict[str, object]]:
        return (), {f.name: getattr(self, f.name) for f in attrs.fields(type(self))}

    @property
    def tasks(self) -> tuple[str, ...]:
        """Names of the tasks, in the order of `losses`."""
        return tuple(self.losses)

    def target_of(self, task: str) -> Ref:
        """The target of a task."""
        return self.targets.get(task, Ref(f"core.{task}"))


def _problems(cls: type[Experiment], args: tuple[object, ...], settings: dict[str, object]) -> Iterator[Problem]:
    known = {f.name: f for f in attrs.fields(cls)}
    if args:
        yield Problem("Experiment", "takes keywords only", "write Experiment(name=…, data=…, …)")
    for name in settings:
        if name not in known:
            hint = suggest(name, known) or "docs/settings.md lists the settings"
            yield Problem(name, "there is no such setting", hint)
    for name, attribute in known.items():
        if name in settings:
            if settings[name] is not None or attribute.default is not None:
                yield from attribute.metadata["check"](name, settings[name])
        elif attribute.default is NOTHING:
            yield Problem(name, "is required", attribute_hint(name))
    yield from _joint_problems(settings)


def attribute_hint(name: str) -> str:
    """What a required setting looks like."""
    return {
        "name": "name='my-experiment'",
        "data": "data=ref('core.dl1', paths=['data/gamma_*.h5'])",
        "network": "network=ref('core.cnn2d')",
        "losses": "losses={'energy': ref('core.l1')}",
    }.get(name, "")


def _joint_problems(settings: Mapping[str, object]) -> Iterator[Problem]:
    losses = settings.get("losses")
    if isinstance(losses, Mapping) and not losses:
        yield Problem("losses", "there is nothing to learn", attribute_hint("losses"))
    data = settings.get("data")
    if isinstance(data, Mapping) and set(data) == {"unlabelled"}:
        yield Problem("data", "the only source has no labels to learn from", "add a source: {'labelled': ref(…), …}")
    given = set(data) & {"train", "validation", "test"} if isinstance(data, Mapping) else set()
    if given and "train" not in given:
        what = f"there is a source {min(given)!r}, but none to train on"
        yield Problem("data", what, "call the source to train on 'train': {'train': ref(…), …}")
    shares = [0.0 if name in given else settings.get(name, 0.2) for name in ("validation", "test")]
    if all(isinstance(s, (int, float)) for s in shares) and sum(shares) >= 1:  # type: ignore[arg-type]
        yield Problem("validation, test", f"together they leave no shower to train on: {shares[0]} + {shares[1]}")
    for setting in ("targets", "metrics"):
        named = settings.get(setting, {})
        if isinstance(named, Mapping) and isinstance(losses, Mapping):
            for task in named:
                if task not in losses:
                    hint = suggest(str(task), map(str, losses)) or f"add losses={{{task!r}: ref(…)}}"
                    yield Problem(f"{setting}[{task!r}]", "there is no such task in losses", hint)


__all__ = ["Experiment"]
