"""From refs to parts: every component of an experiment imported and its parameters checked."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attrs import frozen

from gammalearn_core.engine.components import SUPPLIED
from gammalearn_core.engine.components import Part
from gammalearn_core.engine.makers import ComponentMaker
from gammalearn_core.engine.parameters import check_parameters
from gammalearn_core.engine.parameters import name_arguments
from gammalearn_core.engine.parameters import signature_of
from gammalearn_core.errors import Problem
from gammalearn_core.errors import UnknownComponentError
from gammalearn_core.plugin.records import Component
from gammalearn_core.plugin.records import Loader
from gammalearn_core.plugin.registry import Registry
from gammalearn_core.settings.check import resolve_paths
from gammalearn_core.settings.check import slots
from gammalearn_core.settings.elsewhere import as_given
from gammalearn_core.settings.experiment import Experiment
from gammalearn_core.settings.nested import check_nested
from gammalearn_core.settings.nested import components
from gammalearn_core.settings.nested import nested_kinds
from gammalearn_core.settings.nested import places
from gammalearn_core.settings.nested import replaced
from gammalearn_core.settings.ref import Ref

_ROLES = {"balance": "balance", "schedule": "schedule", "weights": "weight"}
"""Settings whose components are called as others of their kind are not."""


def import_parts(experiment: Experiment, registry: Registry, folder: Path) -> tuple[dict[str, Part], list[Problem]]:
    """All components that can be imported, by where they stand, and the problems of their parameters."""
    importer = _Importer(registry, folder, [])
    parts: dict[str, Part] = {}
    for where, kind, item in slots(experiment):
        part = importer.part(where, kind, item, _ROLES.get(where.partition("[")[0], kind))
        if part is not None:
            parts[where] = part
    return parts, importer.problems


@frozen
class _Importer:
    """Imports components, those in the parameters of others too, and collects what is wrong."""

    registry: Registry
    folder: Path
    problems: list[Problem]

    def part(self, where: str, kind: str, item: Ref, role: str) -> Part | None:
        """One component; None if it cannot be imported."""
        try:
            record, target = _resolve(item, kind, self.registry)
        except UnknownComponentError as error:
            self.problems.append(Problem(where, str(error)))
            return None
        keywords, positional = SUPPLIED[role]
        named, found = name_arguments(where, item, target, keywords=keywords, positional=positional)
        files = []
        if isinstance(record, Loader) and record.paths in named.parameters:
            files = resolve_paths(named.parameters[record.paths], self.folder)[0]
            named = as_given(named, record.paths)
        declaring = target if record is None else record
        kinds = nested_kinds(declaring)
        named = _with_default_components(named, target, kinds)
        self.problems.extend(check_nested(where, named.label, declaring, named.parameters))
        nested = self._nested(where, named.parameters, kinds)
        given = replaced(where, named.parameters, kinds, lambda place: _maker(nested.get(place)))
        meant = Ref(named.target, given, named.arguments)
        self.problems.extend(found or check_parameters(where, meant, target, keywords=keywords, positional=positional))
        return Part(
            where=where, ref=named, kind=kind, role=role, record=record, target=target, files=files, nested=nested
        )

    def _nested(self, where: str, parameters: Mapping[str, object], kinds: Mapping[str, str]) -> dict[str, Part]:
        found = {
            place: self.part(place, kind, item, kind) for place, kind, item in components(where, parameters, kinds)
        }
        return {place: part for place, part in found.items() if part is not None}


def _resolve(item: Ref, kind: str, registry: Registry) -> tuple[Component | None, Callable[..., Any]]:
    if isinstance(item.target, str):
        return registry.find(item.target, kind=kind), registry.load(item.target, kind=kind)
    return None, item.target


def _with_default_components(item: Ref, target: Callable[..., object], kinds: Mapping[str, str]) -> Ref:
    """The ref with those parameters, too, whose defaults are components."""
    signature = signature_of(target) if kinds else None
    known = dict(signature.parameters) if signature is not None else {}
    missing = {n: known[n].default for n in kinds if n in known and n not in item.parameters}
    brought = {n: value for n, value in missing.items() if value is not known[n].empty}
    brought = {n: value for n, value in brought.items() if any(places("", {n: value}, kinds))}
    return Ref(item.target, {**brought, **item.parameters}, item.arguments) if brought else item


def _maker(part: Part | None) -> ComponentMaker:
    return STAND_IN if part is None else ComponentMaker(part)


STAND_IN = ComponentMaker(Part(where="", ref=Ref("unknown"), kind="network", role="network", record=None, target=Ref))
"""Stands for a component, while the types of parameters are checked and nothing is made."""

__all__ = ["STAND_IN", "import_parts"]
