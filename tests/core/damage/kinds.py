"""Kinds of damage by name, and what each of them may change in what is read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from attrs import frozen

Random = np.random.Generator


@frozen
class Effect:
    """What may differ from the undamaged file where no error is raised."""

    what: str = ""
    """What was done, for a report."""
    columns: tuple[str, ...] = ()
    """Patterns of columns that may have other values, or may be gone; those after a ``!`` may not."""
    values: tuple[float, ...] | None = None
    """Values that are expected in these columns beside the old ones; None for any."""
    images: bool = False
    """Whether other images may be there, or fewer."""
    unchecked: bool = False
    """Whether bytes were touched that no checksum covers: nobody can find all such damage."""
    refused: bool = False
    """Whether nothing but an error is right."""
    shuffled: bool = False
    """Whether the file says the same as before in another way, so that nothing but the same values is right."""


Damage = Callable[[Path, Random], Effect]
KINDS: dict[str, Damage] = {}


def kind(damage: Damage) -> Damage:
    """Enter a kind of damage under the name of its function."""
    KINDS[damage.__name__] = damage
    return damage


__all__ = ["KINDS", "Damage", "Effect", "Random", "kind"]
