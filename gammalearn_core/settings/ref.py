"""References to components, as settings files write them."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
from types import MappingProxyType

from attrs import field
from attrs import frozen

from gammalearn_core.errors import Problem
from gammalearn_core.errors import SettingsError
from gammalearn_core.plugin.names import suggest

EVENTS = (
    "STARTED",
    "EPOCH_STARTED",
    "GET_BATCH_STARTED",
    "GET_BATCH_COMPLETED",
    "ITERATION_STARTED",
    "ITERATION_COMPLETED",
    "DATALOADER_STOP_ITERATION",
    "EPOCH_COMPLETED",
    "COMPLETED",
    "INTERRUPT",
    "TERMINATE",
    "TERMINATE_SINGLE_EPOCH",
    "EXCEPTION_RAISED",
)
"""Names of ``ignite.engine.Events``, written out because importing ignite takes seconds; a test compares them."""
ENGINES = ("trainer", "validator", "tester")


def _frozen(parameters: Mapping[str, object]) -> Mapping[str, object]:
    return MappingProxyType(dict(parameters))


def _tuple(arguments: Iterable[object]) -> tuple[object, ...]:
    return tuple(arguments)


@frozen(repr=False)
class Ref:
    """A component and its parameters; made by `ref`. Imports nothing, compares by value and pickles."""

    target: str | Callable[..., object]
    """A component's id, ``plugin.component``, or any callable."""
    parameters: Mapping[str, object] = field(factory=dict, converter=_frozen, hash=False)
    arguments: tuple[object, ...] = field(default=(), converter=_tuple, hash=False)
    """Parameters that are given without their names."""

    @property
    def label(self) -> str:
        """How messages name it: the id, or the callable's qualified name."""
        if isinstance(self.target, str):
            return self.target
        return getattr(self.target, "__qualname__", type(self.target).__name__)

    def __repr__(self) -> str:
        target = repr(self.target) if isinstance(self.target, str) else self.label
        named = (f"{name}={value!r}" for name, value in self.parameters.items())
        return f"ref({', '.join([target, *map(repr, self.arguments), *named])})"

    def __reduce__(self) -> tuple[object, ...]:
        return (type(self), (self.target, dict(self.parameters), self.arguments))


def ref(target: str | Callable[..., object], /, *arguments: object, **parameters: object) -> Ref:
    """Name a component, with the parameters that it is to be called with.

    Parameters
    ----------
    target : str or callable
        An id such as ``"hexconv.resnet"``, or a callable of your own. Positional only, so that a component may
        have a parameter named ``target``.
    *arguments
        The component's first parameters, without their names. Those that the core supplies do not count.
    **parameters
        Passed to the component. They may hold further refs.

    Examples
    --------
    >>> ref("core.intensity", minimum=50).parameters["minimum"]
    50
    >>> ref("core.cut", "hillas_intensity > 50")
    ref('core.cut', 'hillas_intensity > 50')
    >>> ref("core.l1") == ref("core.l1")
    True
    """
    if not isinstance(target, str) and not callable(target):
        hint = "write ref('plugin.component') or ref(a_callable)"
        raise SettingsError([Problem("ref", f"expected an id or a callable, got {target!r}", hint)])
    return Ref(target, parameters, arguments)


@frozen
class On:
    """A handler and when it is called; made by `on`."""

    event: str
    handler: Ref
    every: int | None = None
    engine: str | None = None


def on(event: str, handler: Ref | Callable[..., object], *, every: int | None = None, engine: str | None = None) -> On:
    """Attach a handler to an ignite event.

    Parameters
    ----------
    event : str
        A name of ``ignite.engine.Events``, such as ``"EPOCH_COMPLETED"``.
    handler : Ref or callable
        What makes the handler: ``create(experiment, **params)`` returning a function of the engine.
    every : int, optional
        Call it only every so many events.
    engine : {"trainer", "validator", "tester"}, optional
        The engine whose event is meant; the one that the handler's record names, unless it is said here.

    Examples
    --------
    >>> on("EPOCH_COMPLETED", ref("core.tensorboard"), every=2).every
    2
    """
    problems = []
    name = str(getattr(event, "name", event))
    if name not in EVENTS:
        problems.append(Problem("on", f"ignite has no event {name!r}", suggest(name.upper(), EVENTS)))
    if getattr(event, "filter", None) is not None:
        problems.append(Problem("on", f"{name} is given with a filter, which would be lost", "write every=…"))
    if engine is not None and engine not in ENGINES:
        problems.append(Problem("on", f"no engine is named {engine!r}", f"one of {', '.join(ENGINES)}"))
    if every is not None and (not isinstance(every, int) or isinstance(every, bool) or every < 1):
        problems.append(Problem("on", f"every must be a whole number above 0, got {every!r}"))
    if not isinstance(handler, Ref) and not callable(handler):
        problems.append(Problem("on", f"expected ref(…) or a callable as handler, got {handler!r}"))
    if problems:
        raise SettingsError(problems)
    return On(name, handler if isinstance(handler, Ref) else Ref(handler), every, engine)


__all__ = ["ENGINES", "EVENTS", "On", "Ref", "on", "ref"]
