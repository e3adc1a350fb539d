"""The components of an experiment: what is called, how, and how they are described."""

from __future__ import annotations

import hashlib
import inspect
import logging
import math
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import attrs
from attrs import define
from attrs import field

from gammalearn_core.engine.makers import ComponentMaker
from gammalearn_core.engine.makers import NestedError
from gammalearn_core.engine.parameters import defaults
from gammalearn_core.engine.parameters import signature_of
from gammalearn_core.errors import GammalearnError
from gammalearn_core.errors import Problem
from gammalearn_core.errors import SettingsError
from gammalearn_core.errors import place_of
from gammalearn_core.plugin.names import LOCAL
from gammalearn_core.plugin.records import RECORDS
from gammalearn_core.plugin.records import Component
from gammalearn_core.plugin.records import Loader
from gammalearn_core.plugin.registry import Registry
from gammalearn_core.settings.nested import nested_kinds
from gammalearn_core.settings.nested import replaced
from gammalearn_core.settings.ref import Ref

_log = logging.getLogger(__name__)

SUPPLIED: Mapping[str, tuple[tuple[str, ...], int]] = {
    "loader": ((), 0),
    "filter": ((), 0),
    "weight": ((), 0),
    "transform": (("inputs", "tasks", "takes"), 0),
    "target": ((), 0),
    "network": (("inputs", "outputs"), 0),
    "loss": (("task",), 0),
    "balance": (("tasks",), 0),
    "optimizer": ((), 1),
    "schedule": (("total_steps",), 1),
    "metric": (("task",), 0),
    "handler": ((), 1),
    "report": ((), 1),
}
"""What the core supplies when it calls a target: keywords, and the number of arguments in front."""


@define(kw_only=True)
class Part:
    """One component of an experiment, imported but not yet called."""

    where: str
    ref: Ref
    kind: str
    role: str
    record: Component | None
    """None for a callable that stands in the settings."""
    target: Callable[..., Any]
    files: list[Path] = field(factory=list)
    """Files that a loader's ``paths`` name."""
    nested: dict[str, Part] = field(factory=dict)
    """Components in its parameters, by where they stand."""

    @property
    def nested_kinds(self) -> Mapping[str, str]:
        """Parameters that hold components, and of which kind."""
        return nested_kinds(self.target if self.record is None else self.record)

    @property
    def parameters(self) -> dict[str, Any]:
        """Parameters of the call, with paths resolved, and with what makes them in place of components."""
        given = self._replaced(self.ref.parameters, ComponentMaker)
        if isinstance(self.record, Loader) and self.record.paths in given:
            given[self.record.paths] = list(self.files)
        return given

    @property
    def resolved(self) -> dict[str, Any]:
        """Parameters as the settings give them, with every default filled in."""
        keywords, positional = SUPPLIED[self.role]
        return defaults(self.ref, self.target, keywords, positional)

    def _replaced(self, parameters: Mapping[str, object], new: Callable[[Part], object]) -> dict[str, Any]:
        return replaced(self.where, parameters, self.nested_kinds, lambda place: new(self.nested[place]))

    def all_nested(self) -> Iterator[Part]:
        """Components in its parameters, in theirs, and so on."""
        for part in self.nested.values():
            yield part
            yield from part.all_nested()

    def fact(self, name: str) -> Any:
        """A fact of the record; for a callable, the attribute of that name, or the default of the kind."""
        if self.record is not None:
            return getattr(self.record, name)
        declared = getattr(self.target, name, None)
        default = next(a.default for a in attrs.fields(RECORDS[self.kind]) if a.name == name)
        return default if declared is None else declared

    def takes(self, keyword: str) -> bool:
        """Whether the target has a parameter of this name."""
        signature = signature_of(self.target)
        return signature is not None and keyword in signature.parameters

    def make(self, *arguments: object, optional: Mapping[str, object] | None = None, **keywords: object) -> Any:
        """Call the target; ``optional`` keywords are given only if it has parameters for them.

        Raises
        ------
        SettingsError
            It refuses its parameters or its inputs. Errors about data pass through.
        """
        try:
            wanted = {name: value for name, value in (optional or {}).items() if self.takes(name)}
            return self.target(*arguments, **keywords, **wanted, **self.parameters)
        except NestedError:
            raise
        except SettingsError as error:
            problems = [
                Problem(f"{self.where} {self.ref.label}, {p.where}", p.what, p.hint, p.kind) for p in error.problems
            ]
            raise SettingsError(problems) from error
        except GammalearnError:
            raise
        except Exception as error:
            _log.debug("%s %s", self.where, self.ref.label, exc_info=True)
            foreseen = isinstance(error, ValueError)
            what = str(error) if foreseen else f"{type(error).__name__}: {error}{place_of(error)}"
            raise SettingsError([Problem(f"{self.where} {self.ref.label}", what)]) from error

    def describe(self, registry: Registry) -> dict[str, Any]:
        """The component as plain data, as it is kept with a run."""
        if isinstance(self.ref.target, str):
            plugin = registry.plugin_of(self.ref.target)
            head: dict[str, Any] = {
                "component": registry.current_id(self.ref.target),
                "distribution": plugin.distribution,
                "version": plugin.version,
            }
            if isinstance(self.record, Loader) and self.record.free:
                head["free"] = list(self.record.free)
            if plugin.name == LOCAL:
                head["source_sha256"] = source_sha256(self.target)
        else:
            head = _describe_callable(self.ref.target)
        described = self._replaced(self.resolved, lambda part: part.describe(registry))
        return head | {"parameters": plain(described)}


def _describe_callable(target: Callable[..., object]) -> dict[str, Any]:
    if isinstance(target, partial):
        inner = _describe_callable(target.func)
        return inner | {"partial": {"arguments": plain(target.args), "keywords": plain(target.keywords)}}
    name = f"{getattr(target, '__module__', '?')}:{getattr(target, '__qualname__', type(target).__qualname__)}"
    return {"callable": name, "source_sha256": source_sha256(target)}


def source_sha256(target: Callable[..., object]) -> str | None:
    """Checksum of the file that a callable of the user's is defined in; None for installed packages."""
    try:
        file = inspect.getsourcefile(inspect.unwrap(target))
    except TypeError:
        return None
    package = str(getattr(target, "__module__", "")).partition(".")[0]
    try:
        installed = "site-packages" in str(getattr(find_spec(package), "origin", ""))
    except (ImportError, ValueError):
        installed = False
    return None if file is None or installed else hashlib.sha256(Path(file).read_bytes()).hexdigest()


def plain(value: object) -> Any:
    """A parameter as JSON can hold it: refs and callables by name, paths as text, infinity as ``{"float": "inf"}``."""
    if isinstance(value, float) and not math.isfinite(value):
        return {"float": str(value)}
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, Ref):
        target = value.target if isinstance(value.target, str) else _describe_callable(value.target)["callable"]
        unnamed = {"arguments": plain(value.arguments)} if value.arguments else {}
        return {"ref": target, **unnamed, "parameters": plain(dict(value.parameters))}
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(v) for v in (sorted(value, key=repr) if isinstance(value, (set, frozenset)) else value)]
    if isinstance(value, Path):
        return value.as_posix()
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    return _describe_callable(value)["callable"] if callable(value) else repr(value)


__all__ = ["SUPPLIED", "Part", "plain", "source_sha256"]
