"""Whether images are on the pixels that a network wants."""

from __future__ import annotations

from collections.abc import Iterator

from gammalearn_core.data.specs import InputSpec
from gammalearn_core.errors import Problem
from gammalearn_core.settings.check import OWN_PIXELS


def check_lattice(where: str, lattice: str, inputs: InputSpec) -> Iterator[Problem]:
    """Problems of cameras whose images are on other pixels; ``lattice`` is the fact of the network's record."""
    for key, camera in inputs.cameras.items():
        kind = camera.geometry.kind if camera.on_pixels else "grid"
        if (lattice == "hexagonal" and kind != "hexagonal") or (lattice == "pixels" and kind == "grid"):
            are = "on a grid" if kind == "grid" else kind
            yield Problem(where, f"wants {OWN_PIXELS[lattice]}, but those of {key} are {are}")
        elif lattice == "grid" and kind != "grid":
            hint = "add transforms=[ref('core.to_square')]"
            yield Problem(where, f"wants images on a grid, but {key} has {kind} pixels", hint)


__all__ = ["check_lattice"]
