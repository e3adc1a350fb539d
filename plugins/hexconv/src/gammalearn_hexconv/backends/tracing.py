"""Whether something follows what is computed, to compute it again later."""

from __future__ import annotations

import torch


def is_exported() -> bool:
    """Whether the graph is to be run elsewhere, where the compiled kernel need not be."""
    return torch.compiler.is_exporting() or torch.jit.is_tracing()  # type: ignore[attr-defined, no-untyped-call]


def is_followed() -> bool:
    """Whether a graph is made at all, which loops over a batch must not be in."""
    return torch.compiler.is_compiling() or is_exported()


__all__ = ["is_exported", "is_followed"]
