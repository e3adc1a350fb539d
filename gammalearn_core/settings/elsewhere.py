"""Files that a loader's paths mean on this machine, when an experiment is done again."""

from __future__ import annotations

from pathlib import Path

from attrs import frozen

from gammalearn_core.settings.ref import Ref


@frozen
class Elsewhere:
    """Stands for a loader's paths: the experiment stays as it was described, and other files are read."""

    given: object
    """The paths as the settings give them."""
    files: tuple[Path, ...]
    """What is read, in this order."""


def as_given(item: Ref, name: str) -> Ref:
    """The ref with the paths that the settings give; ``name`` is the parameter that holds them."""
    value = item.parameters.get(name)
    if not isinstance(value, Elsewhere):
        return item
    return Ref(item.target, {**item.parameters, name: value.given}, item.arguments)


__all__ = ["Elsewhere", "as_given"]
