"""The static check: names, kinds, facts and files, with nothing heavy imported and no event read."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version
from pathlib import Path

from gammalearn_core.errors import Problem
from gammalearn_core.plugin.names import suggest
from gammalearn_core.plugin.records import Component
from gammalearn_core.plugin.records import Filter
from gammalearn_core.plugin.records import Handler
from gammalearn_core.plugin.records import Loader
from gammalearn_core.plugin.records import Loss
from gammalearn_core.plugin.records import Metric
from gammalearn_core.plugin.records import Network
from gammalearn_core.plugin.records import Optimizer
from gammalearn_core.plugin.records import Target
from gammalearn_core.plugin.records import Transform
from gammalearn_core.plugin.registry import Registry
from gammalearn_core.settings.elsewhere import Elsewhere
from gammalearn_core.settings.experiment import Experiment
from gammalearn_core.settings.finding import Finder
from gammalearn_core.settings.ref import On
from gammalearn_core.settings.ref import Ref

HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_PARTS = {"filters": "filter", "weights": "weight", "losses": "loss"}
"""What belongs into a setting; into the others what they are called."""
OWN_PIXELS = {"hexagonal": "hexagonal pixels", "pixels": "the camera's own pixels"}
"""What networks want that take images before any mapping, by the `lattice` of their record."""


def slots(experiment: Experiment) -> Iterator[tuple[str, str, Ref]]:
    """Every component of an experiment: where it stands, the kind that belongs there, and the ref."""
    for name, source in experiment.data.items():
        yield ("data" if len(experiment.data) == 1 else f"data[{name!r}]"), "loader", source
    for plural, kind in (
        ("filters", "filter"),
        ("weights", "filter"),
        ("transforms", "transform"),
        ("reports", "report"),
    ):
        for index, item in enumerate(getattr(experiment, plural)):
            yield f"{plural}[{index}]", kind, item
    yield "network", "network", experiment.network
    for task, loss in experiment.losses.items():
        yield f"losses[{task!r}]", "loss", loss
        yield f"targets[{task!r}]", "target", experiment.target_of(task)
    for where, kind in (("balance", "loss"), ("optimizer", "optimizer"), ("schedule", "optimizer")):
        item = getattr(experiment, where)
        if item is not None:
            yield where, kind, item
    for task, metrics in experiment.metrics.items():
        for index, item in enumerate(metrics):
            yield f"metrics[{task!r}][{index}]", "metric", item
    for index, item in enumerate(experiment.handlers):
        yield f"handlers[{index}]", "handler", item.handler if isinstance(item, On) else item


def check(experiment: Experiment, registry: Registry, folder: Path) -> list[Problem]:
    """All that can be known to be wrong without importing a component.

    Parameters
    ----------
    experiment : Experiment
    registry : Registry
    folder : Path
        The folder of the settings file, which relative paths are relative to.
    """
    problems = list(_requirements(experiment.requires))
    finder = Finder(registry)
    for where, kind, item in slots(experiment):
        problems += finder.find(where, kind, item, _target_hint(where, experiment))
    records = finder.records
    problems += _parts(records)
    problems += _facts(experiment, records, finder.nested)
    for where, _, item in slots(experiment):
        record = records.get(where)
        if isinstance(record, Loader) and item.arguments:
            problems.append(_unnamed(where, record, item))
        elif isinstance(record, Loader) and record.paths:
            problems += check_paths(where, record, item, folder)
    return problems


def _unnamed(where: str, record: Loader, item: Ref) -> Problem:
    """Without its import nobody knows which parameter of a loader comes first."""
    hint = f"write {record.paths}={item.arguments[0]!r}" if record.paths else ""
    return Problem(f"{where} {item.label}", "parameters of a loader are given by name", hint)


def resolve_paths(value: object, folder: Path) -> tuple[list[Path], list[str]]:
    """Files that a ``paths`` parameter names, sorted within each pattern, and the patterns that match nothing."""
    if isinstance(value, Elsewhere):
        return list(value.files), []
    found: list[Path] = []
    missing: list[str] = []
    for pattern in [value] if isinstance(value, (str, Path)) else list(value):  # type: ignore[call-overload]
        wanted = _expanded(pattern)
        # The folder stays out of the pattern: its name may hold brackets.
        matches = (
            [str(wanted)]
            if os.path.isfile(folder / wanted)
            else sorted(glob.glob(str(wanted), root_dir=folder, recursive=True))
        )
        files = [folder / m for m in matches if os.path.isfile(folder / m)]
        found += [f for f in files if f not in found]
        if not files:
            missing.append(str(pattern))
    return found, missing


def _expanded(pattern: str | Path) -> Path:
    try:
        return Path(pattern).expanduser()
    except RuntimeError:
        # '~name/…' where nobody has that name: a file that is not there.
        return Path(pattern)


def check_paths(where: str, record: Loader, item: Ref, folder: Path) -> Iterator[Problem]:
    """Files exist and, for a loader of HDF5, begin as HDF5 does."""
    where = f"{where} {item.label}"
    value = item.parameters.get(record.paths)
    if value is None:
        yield Problem(where, f"{record.paths} is required", f"{record.paths}=['data/gamma_*.h5']")
        return
    patterns = [value] if isinstance(value, (str, Path)) else value
    if isinstance(patterns, Elsewhere):
        patterns = list(patterns.files)
    if not isinstance(patterns, (list, tuple)) or not all(isinstance(p, (str, Path)) for p in patterns):
        yield Problem(where, f"{record.paths} must be a path or a list of paths, got {value!r}")
        return
    if not patterns:
        yield Problem(where, f"{record.paths} is empty")
    files, missing = resolve_paths(patterns, folder)
    for pattern in missing:
        yield Problem(where, *_missing(pattern, folder))
    for file in files if record.hdf5 else ():
        yield from _not_hdf5(where, file)


def _missing(pattern: str, folder: Path) -> tuple[str, str]:
    path = folder / _expanded(pattern)
    if glob.has_magic(pattern):
        return f"no file matches {pattern!r}", f"relative paths start from {folder}"
    if os.path.isdir(path):
        return f"{pattern!r} is a folder", f"write '{pattern.rstrip('/')}/*.h5'"
    names = [p.name for p in path.parent.glob("*")] if os.path.isdir(path.parent) else []
    return f"there is no file {pattern!r}", suggest(path.name, names) or f"relative paths start from {folder}"


def _not_hdf5(where: str, file: Path) -> Iterator[Problem]:
    try:
        with file.open("rb") as stream:
            start = stream.read(len(HDF5_SIGNATURE))
            # The format allows a user block before the signature, of 512 bytes or a power of two above.
            offset, size = 512, file.stat().st_size
            while start != HDF5_SIGNATURE and offset < size:
                stream.seek(offset)
                start = stream.read(len(HDF5_SIGNATURE))
                offset *= 2
    except OSError as error:
        yield Problem(where, f"{file} cannot be read: {error.strerror}", kind="data")
        return
    if start != HDF5_SIGNATURE:
        yield Problem(where, f"{file} is not an HDF5 file", "is it complete, and unpacked?", kind="data")


def _requirements(requirements: Iterable[str]) -> Iterator[Problem]:
    from packaging.requirements import InvalidRequirement
    from packaging.requirements import Requirement

    for text in requirements:
        try:
            requirement = Requirement(text)
            installed = version(requirement.name)
        except InvalidRequirement as error:
            yield Problem("requires", f"{text!r} is not a requirement: {str(error).splitlines()[0]}")
        except PackageNotFoundError:
            yield Problem("requires", f"{requirement.name} is not installed", f"pip install {text!r}")
        else:
            if not requirement.specifier.contains(installed, prereleases=True):
                what = f"{requirement.name} is {installed}, wanted {requirement.specifier}"
                yield Problem("requires", what, f"pip install {text!r}")


def _parts(records: dict[str, Component]) -> Iterator[Problem]:
    """Losses where losses belong, balances where balances belong; likewise schedules and weights."""
    for where, record in records.items():
        if isinstance(record, (Filter, Loss, Optimizer)):
            part = _PARTS.get(where.partition("[")[0], where)
            if record.part != part:
                yield Problem(where, f"{record.name!r} is {_article(record.part)}, not {_article(part)}")


def _facts(
    experiment: Experiment, records: dict[str, Component], nested: dict[str, tuple[str, Component]]
) -> Iterator[Problem]:
    """Records that contradict each other."""
    network = records.get("network")
    grid = next((w for w, r in records.items() if isinstance(r, Transform) and r.gives == "grid"), None)
    networks = {"network": (experiment.network.label, network), **nested}
    for where, (label, record) in networks.items():
        if isinstance(record, Network) and record.lattice in OWN_PIXELS and grid is not None:
            what = f"{label} wants {OWN_PIXELS[record.lattice]}, but {grid} maps them to a grid"
            yield Problem(where, what, f"remove {grid}")
    if isinstance(network, Network):
        yield from _levels(experiment, records, network)
    for task in experiment.tasks:
        target = records.get(f"targets[{task!r}]")
        if not isinstance(target, Target):
            continue
        for where, record in records.items():
            if where == f"losses[{task!r}]" or where.startswith(f"metrics[{task!r}]"):
                yield from _fits(where, record, task, target)
    for index, item in enumerate(experiment.handlers):
        handler = records.get(f"handlers[{index}]")
        if isinstance(handler, Handler) and isinstance(item, Ref):
            yield from _known_event(f"handlers[{index}]", handler)


def _levels(experiment: Experiment, records: dict[str, Component], network: Network) -> Iterator[Problem]:
    wanted = "subarray" if network.stereo else "telescope"
    for where, kind, item in slots(experiment):
        record = records.get(where)
        if kind != "loader" or not isinstance(record, Loader):
            continue
        level = item.parameters.get("level", record.levels[0])
        if level not in record.levels:
            yield Problem(where, f"level must be one of {', '.join(record.levels)}, got {level!r}")
        elif level != wanted:
            what = f"{experiment.network.label} works on {wanted} data, but {item.label} gives {level} data"
            hint = f"level={wanted!r}" if wanted in record.levels else "choose another network"
            yield Problem("network", what, hint)


def _fits(where: str, record: Component, task: str, target: Target) -> Iterator[Problem]:
    if isinstance(record, (Loss, Metric)) and record.geometries and target.geometry not in record.geometries:
        what = f"{record.name!r} is for {' or '.join(record.geometries)} targets, and {task!r} is {target.geometry}"
        yield Problem(where, what)


def _known_event(where: str, handler: Handler) -> Iterator[Problem]:
    from gammalearn_core.settings.ref import EVENTS

    if handler.event not in EVENTS:
        yield Problem(where, f"the record of {handler.name!r} names the event {handler.event!r}, which ignite has not")


def _target_hint(where: str, experiment: Experiment) -> str:
    task = where.removeprefix("targets['").removesuffix("']")
    if where.startswith("targets[") and task not in experiment.targets:
        return f"a task without a target in targets= is the core's; or targets={{{task!r}: ref(…)}}"
    return ""


def _article(part: str) -> str:
    return f"an {part}" if part[0] in "aeiou" else f"a {part}"


__all__ = ["OWN_PIXELS", "check", "check_paths", "resolve_paths", "slots"]
