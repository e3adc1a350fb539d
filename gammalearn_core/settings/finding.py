"""Looking up the records of components, and of those in their parameters. Imports nothing heavy."""

from __future__ import annotations

from collections.abc import Iterator

from attrs import define
from attrs import field

from gammalearn_core.errors import Problem
from gammalearn_core.errors import UnknownComponentError
from gammalearn_core.plugin.records import Component
from gammalearn_core.plugin.registry import Registry
from gammalearn_core.settings.nested import check_nested
from gammalearn_core.settings.nested import components
from gammalearn_core.settings.nested import nested_kinds
from gammalearn_core.settings.ref import Ref


@define
class Finder:
    """Finds the records of components, and of those in their parameters, by where they stand."""

    registry: Registry
    records: dict[str, Component] = field(factory=dict)
    nested: dict[str, tuple[str, Component]] = field(factory=dict)
    """Those in parameters, with their ids."""

    def find(self, where: str, kind: str, item: Ref, hint: str) -> Iterator[Problem]:
        """Find a component of the settings."""
        try:
            record = self.registry.find(item.target, kind=kind) if isinstance(item.target, str) else None
        except UnknownComponentError as error:
            yield Problem(where, str(error), hint)
            return
        if record is not None:
            self.records[where] = record
        yield from self._within(where, item, record)

    def _within(self, where: str, item: Ref, record: Component | None) -> Iterator[Problem]:
        """Find components in the parameters of one."""
        declaring = item.target if record is None else record
        yield from check_nested(where, item.label, declaring, item.parameters)
        for place, kind, inner in components(where, item.parameters, nested_kinds(declaring)):
            try:
                found = self.registry.find(inner.target, kind=kind) if isinstance(inner.target, str) else None
            except UnknownComponentError as error:
                yield Problem(place, str(error))
                continue
            if found is not None:
                self.nested[place] = (inner.label, found)
            yield from self._within(place, inner, found)


__all__ = ["Finder"]
