"""Handlers: each is called at least once, and one that fails does not keep the others from their turn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from attrs import define
from ignite.engine import Engine

from gammalearn_core.engine.build import Built
from gammalearn_core.engine.components import Part
from gammalearn_core.engine.parameters import signature_of
from gammalearn_core.engine.rehearsal.standing import StandIn
from gammalearn_core.engine.rehearsal.troubles import Troubles
from gammalearn_core.engine.running import RunningExperiment
from gammalearn_core.errors import Problem
from gammalearn_core.errors import RunFailedError
from gammalearn_core.errors import SettingsError
from gammalearn_core.settings.ref import On

_REHEARSAL = "REHEARSAL"
"""An event of our own, on which handlers are called whose turn has not come."""


class Counted(StandIn):
    """A handler whose calls are counted. After its first failure, which is noted, it is left alone."""

    def __init__(self, handler: Callable[..., Any], calls: Calls, troubles: Troubles) -> None:
        super().__init__(handler)
        self._calls = calls
        self._troubles = troubles
        # ignite asks for the signature to know whether a handler wants the engine.
        self.__signature__ = signature_of(handler)

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        self._calls.count += 1
        if self._calls.failed:
            return None
        try:
            return self._component(*arguments, **keywords)
        except (Exception, SystemExit) as error:
            if isinstance(error, MadeUpError):
                return None
            self._calls.failed = True
            self._troubles.add_error(self._calls.label, error)
            return None


class MadeUpError(RunFailedError):
    """Given to handlers of ``EXCEPTION_RAISED``, which may raise it again."""


@define(kw_only=True)
class Calls:
    """What became of one handler of the settings."""

    label: str
    engine: str
    event: str
    every: int | None
    total: int
    """Times that its event comes in the whole run; 0 if never."""
    handler: Counted | None = None
    """None if there is none: it attaches itself, or could not be made."""
    count: int = 0
    failed: bool = False
    directly: bool = False
    """Whether it was called for the rehearsal's sake only."""

    @property
    def when(self) -> str:
        """The event in words."""
        return f"{self.event} of the {self.engine}" + (f", every {self.every}" if self.every else "")

    @property
    def never(self) -> bool:
        """Whether its turn does not come in the whole run."""
        return self.total < (self.every or 1)


def count_handlers(built: Built, steps: int, splits: dict[str, int], troubles: Troubles) -> list[Calls]:
    """Have the handlers of an experiment count their calls, once they are made.

    Parameters
    ----------
    built : Built
        Its parts are changed.
    steps : int
        Of a training epoch of the whole run.
    splits : dict of str to int
        Samples of each split.
    troubles : Troubles
        Takes what handlers raise, also when they are made.
    """
    found = []
    for index, item in enumerate(built.experiment.handlers):
        part = built.parts[f"handlers[{index}]"]
        calls = _calls(part, item, built, steps, splits)
        part.target = _Creating(part.target, calls, troubles)
        found.append(calls)
    return found


def _calls(part: Part, item: object, built: Built, steps: int, splits: dict[str, int]) -> Calls:
    when = item if isinstance(item, On) else None
    engine = (when.engine if when else None) or part.fact("engine")
    event = when.event if when else part.fact("event")
    return Calls(
        label=f"{part.where} {part.ref.label}",
        engine=engine,
        event=event,
        every=when.every if when else None,
        total=_total(engine, event, built, steps, splits),
    )


def _total(engine: str, event: str, built: Built, steps: int, splits: dict[str, int]) -> int:
    """Times that an event comes in a whole run that ends as planned."""
    settings = built.experiment
    if engine == "trainer":
        runs, epochs, length = 1, settings.epochs, steps
    else:
        samples = splits["validation" if engine == "validator" else "test"]
        length = -(-samples // settings.batch_size)
        runs = (settings.epochs if engine == "validator" else 1) if samples else 0
        epochs = runs
    by_event = {"STARTED": runs, "COMPLETED": runs, "EPOCH_STARTED": epochs, "EPOCH_COMPLETED": epochs}
    counted = event.startswith(("ITERATION_", "GET_BATCH_"))
    return epochs * length if counted else by_event.get(event, runs)


class _Creating(StandIn):
    """What makes a handler; the handler that it gives counts its calls."""

    def __init__(self, create: Callable[..., Any], calls: Calls, troubles: Troubles) -> None:
        super().__init__(create)
        self._calls = calls
        self._troubles = troubles
        self.__signature__ = signature_of(create)

    def __call__(self, *arguments: Any, **keywords: Any) -> Counted | None:
        try:
            handler = self._component(*arguments, **keywords)
            if handler is not None and not callable(handler):
                raise SettingsError([Problem(self._calls.label, f"gives {handler!r}, not a function of the engine")])
        except (Exception, SystemExit) as error:
            self._calls.failed = True
            self._troubles.add_error(self._calls.label, error)
            return None
        if handler is not None:
            self._calls.handler = Counted(handler, self._calls, self._troubles)
        return self._calls.handler


def call_the_rest(running: RunningExperiment, handlers: list[Calls]) -> None:
    """Call each handler whose turn has not come, once, with its engine as it is at the end.

    One whose engine never runs is left out: it would find nothing there, and is not called in the run either.
    """
    for calls in handlers:
        engine = running.engines[calls.engine]
        if calls.handler is not None and not calls.count and calls.total:
            calls.directly = True
            _call(engine, calls.event, calls.handler)


def _call(engine: Engine, event: str, handler: Counted) -> None:
    """Call a handler as ignite does."""
    engine.register_events(_REHEARSAL)
    more = [MadeUpError("made up by the rehearsal")] if event == "EXCEPTION_RAISED" else []
    with engine.add_event_handler(_REHEARSAL, handler, *more):
        engine.fire_event(_REHEARSAL)


__all__ = ["Calls", "Counted", "call_the_rest", "count_handlers"]
