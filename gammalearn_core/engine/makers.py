"""What a component is given for each component in its parameters: something that makes it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING
from typing import Any

from attrs import frozen
from torch import nn

from gammalearn_core.data.specs import InputSpec
from gammalearn_core.engine.lattices import check_lattice
from gammalearn_core.errors import Problem
from gammalearn_core.errors import SettingsError

if TYPE_CHECKING:
    from gammalearn_core.engine.components import Part


class NestedError(SettingsError):
    """Problems of a component in the parameters of another, which say where it stands."""


@frozen(repr=False, eq=False)
class ComponentMaker:
    """Makes a component that stands in the parameters of another: a `Maker`."""

    part: Part

    @property
    def label(self) -> str:
        """How messages name it: its id, or the callable's name."""
        return self.part.ref.label

    def fact(self, name: str) -> Any:
        """A fact of its record; for a callable, the attribute of that name, or the default of the kind."""
        return self.part.fact(name)

    def __call__(self, **keywords: Any) -> Any:
        """The component, made with what the core supplies otherwise, and with its own parameters.

        Raises
        ------
        NestedError
            It refuses its parameters or its inputs, or is not what it should be.
        """
        problems = list(_misfits(self.part, keywords))
        if problems:
            raise NestedError(problems)
        try:
            made = self.part.make(**keywords)
        except SettingsError as error:
            raise NestedError(error.problems) from error
        if not isinstance(made, nn.Module):
            what = f"gives a {type(made).__name__}, wanted a torch.nn.Module"
            raise NestedError([Problem(f"{self.part.where} {self.label}", what)])
        return made

    def __repr__(self) -> str:
        return repr(self.part.ref)


def _misfits(part: Part, keywords: dict[str, Any]) -> Iterator[Problem]:
    """Facts of a network that do not fit what it would get."""
    where, inputs = f"{part.where} {part.ref.label}", keywords.get("inputs")
    if not isinstance(inputs, InputSpec):
        return
    wanted = "subarray" if part.fact("stereo") else "telescope"
    if inputs.level != wanted:
        yield Problem(where, f"works on {wanted} data, and a network on {inputs.level} data belongs here")
    yield from check_lattice(where, part.fact("lattice"), inputs)


__all__ = ["ComponentMaker", "NestedError"]
