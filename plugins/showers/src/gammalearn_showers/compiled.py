"""`compiled`: how the plug-in's loops are compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from typing import TypeVar
from typing import cast

import numba

from gammalearn_showers.sources import COMPILED
from gammalearn_showers.sources import sources_digest

_F = TypeVar("_F", bound=Callable[..., Any])


def compiled(function: _F) -> _F:
    """Compile a function when it is first called; the machine code is kept on disk, and runs without the GIL.

    It is kept beside the module, else in the user's cache folder, or where ``NUMBA_CACHE_DIR`` says. If nothing there
    can be written, every process compiles for itself. Sums are done in the order they are written, so that results do
    not depend on the machine's vector units.
    """
    try:
        made = numba.njit(cache=True, nogil=True)(function)
    except RuntimeError:
        return cast(_F, numba.njit(nogil=True)(function))
    if kept := _kept(made):
        # numba looks at the file of the function alone; after an upgrade it would go on with the old physics of others.
        kept._source_stamp = sources_digest(COMPILED)
    return cast(_F, made)


def is_compiled(function: Callable[..., object]) -> bool:
    """Whether the machine code of a function is on the disk already."""
    kept = _kept(function)
    return kept is not None and bool(kept._load_index())


def _kept(function: object) -> Any:
    """File of numba with the machine code of a function; None if there is none."""
    return getattr(getattr(function, "_cache", None), "_cache_file", None)


__all__ = ["compiled", "is_compiled"]
