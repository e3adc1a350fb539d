"""The part of a recorded experiment that predicts: network, transforms, targets and cuts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs

from gammalearn_core.data.source import UNLABELLED
from gammalearn_core.data.specs import InputSpec
from gammalearn_core.data.specs import OutputSpec
from gammalearn_core.errors import DataError
from gammalearn_core.errors import UnknownComponentError
from gammalearn_core.plugin.records import Loader
from gammalearn_core.plugin.registry import Registry
from gammalearn_core.reproducing.rebuild import needs_settings
from gammalearn_core.reproducing.rebuild import rebuilt
from gammalearn_core.reproducing.rebuild import refuse_untrusted
from gammalearn_core.reproducing.rebuild import run_again
from gammalearn_core.reproducing.recorded import RecordedRun
from gammalearn_core.settings.check import slots
from gammalearn_core.settings.experiment import Experiment
from gammalearn_core.settings.nested import components
from gammalearn_core.settings.nested import nested_kinds
from gammalearn_core.settings.ref import Ref

_PREDICTING = ("transforms", "network", "losses", "targets")
_CUTS = "filters"
_SOURCE = "labelled"
_LEFT_OUT: dict[str, Any] = {
    "optimizer": None,
    "balance": None,
    "schedule": None,
    "start_from": None,
    "weights": [],
    "reports": [],
    "handlers": [],
    "metrics": {},
}
"""What trains, and takes no part in predictions, with what stands for none of it."""


def experiment_of(
    run: RecordedRun, registry: Registry, files: tuple[Path, ...], *, trust_settings: bool, cuts: bool
) -> Experiment:
    """What of an experiment predicts, reading these files. Nothing of the run folder is executed if it is not trusted.

    Raises
    ------
    SettingsError
        Only the run's settings file can give a part of it, and that is not trusted.
    DataError
        ``experiment.json`` is not what a run writes.
    """
    reduced = _reduced(run, registry, cuts=cuts)
    own = needs_settings(reduced)
    if own and not trust_settings:
        raise refuse_untrusted(run, own)
    if not own:
        return rebuilt(reduced, registry, {_SOURCE: files}).experiment
    data = rebuilt(_only_data(reduced), registry, {_SOURCE: files}).experiment.data
    experiment = run_again(run, registry, {}).experiment
    left_out = {name: value for name, value in _LEFT_OUT.items() if name != "optimizer"}
    if not cuts:
        left_out[_CUTS] = []
    return attrs.evolve(experiment, data=data, optimizer=Ref("core.adamw"), **left_out)


def specs_of(run: RecordedRun) -> tuple[InputSpec, OutputSpec]:
    """What the run's loader gave, and what its network gives.

    Raises
    ------
    DataError
        ``specs.json`` is missing or damaged.
    """
    path = run.folder.specs_json
    try:
        specs = run.folder.read_json(path)
        return InputSpec.from_dict(specs["raw_inputs"]), OutputSpec.from_dict(specs["outputs"])
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError, OSError) as error:
        raise DataError(f"{path} is not what a run writes: {error!r}") from error


def other_versions(run: RecordedRun, registry: Registry, experiment: Experiment) -> list[str]:
    """What of that which predicts was another version when the run was made, a line each."""
    recorded = run.record.get("components")
    known = {c.get("component"): c for c in recorded if isinstance(c, dict)} if isinstance(recorded, list) else {}
    predicting = (slot for slot in slots(experiment) if slot[0].split("[")[0] in (*_PREDICTING, _CUTS))
    used = (id for where, kind, item in predicting for id in _ids(where, kind, item, registry))
    lines = []
    for id in (id for id in used if id in known):
        plugin, then = registry.plugin_of(id), known[id].get("version")
        if then != plugin.version:
            lines.append(f"{plugin.distribution} was {then} when the run was made, and is {plugin.version} now")
    return list(dict.fromkeys(lines))


def _ids(where: str, kind: str, item: Ref, registry: Registry) -> Iterator[str]:
    """The ids of a component and of those in its parameters."""
    declaring: object = item.target
    if isinstance(item.target, str):
        yield item.target
        declaring = next((r for r in registry.records(item.target) if r.kind == kind), None)
    for place, inner_kind, inner in components(where, item.parameters, nested_kinds(declaring)):
        yield from _ids(place, inner_kind, inner, registry)


def _reduced(run: RecordedRun, registry: Registry, *, cuts: bool) -> RecordedRun:
    """The run without what does not predict."""
    left_out = _LEFT_OUT | ({} if cuts else {_CUTS: []})
    described = {**run.described, **left_out, "data": {_SOURCE: _loader(run, registry)}}
    needed = (*_PREDICTING, *([_CUTS] if cuts else []))
    listed = run.record.get("settings_only")
    places = [str(where) for where in listed] if isinstance(listed, list) else []
    kept = [where for where in places if re.split(r"\W", where, maxsplit=1)[0] in needed]
    return attrs.evolve(run, described=described, record={**run.record, "settings_only": kept})


def _only_data(run: RecordedRun) -> RecordedRun:
    """The run with a network that is never made: only its data are looked at."""
    stand_in = {"component": "core.cnn2d", "parameters": {}}
    loss = {"component": "core.l1", "parameters": {}}
    nothing = {_CUTS: [], "transforms": [], "network": stand_in, "losses": {"energy": loss}, "targets": {}}
    return attrs.evolve(run, described={**run.described, **nothing})


def _loader(run: RecordedRun, registry: Registry) -> dict[str, Any]:
    """The run's loader if it reads files; else the core's, with the same channels."""
    known = run.described.get("data")
    sources = (
        [v for n, v in known.items() if n != "unlabelled" and isinstance(v, dict)] if isinstance(known, dict) else []
    )
    item = next(iter(sources), {})
    try:
        record = registry.find(str(item.get("component")), kind="loader")
    except UnknownComponentError:
        record = None
    parameters = item.get("parameters")
    given = dict(parameters) if isinstance(parameters, dict) else {}
    if isinstance(record, Loader) and record.paths:
        return {**item, "parameters": {record.paths: [], **given}}
    inputs, _ = specs_of(run)
    channels = next(iter(inputs.cameras.values())).channels
    columns = given.get("columns", [])
    return {
        "component": "core.dl1",
        "parameters": {"paths": [], "level": inputs.level, "channels": list(channels), "columns": columns},
    }


def _labelled(sources: object) -> dict[str, Any]:
    """The first source that has labels."""
    known = sources if isinstance(sources, dict) else {}
    return next((item for name, item in known.items() if name != UNLABELLED and isinstance(item, dict)), {})


__all__ = ["experiment_of", "other_versions", "specs_of"]
