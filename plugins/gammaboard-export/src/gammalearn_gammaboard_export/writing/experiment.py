"""The folder of one experiment."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from gammalearn_core import GammalearnError
from gammalearn_gammaboard_export.finding import read_json
from gammalearn_gammaboard_export.reading import Samples
from gammalearn_gammaboard_export.writing.layouts import fill
from gammalearn_gammaboard_export.writing.whole import write_bytes
from gammalearn_gammaboard_export.writing.whole import write_h5

FILES = ("gamma.h5", "proton.h5")
"""Nothing else: GammaBoard takes ``gamma`` anywhere in a file's name for gammas, and a network may be called so."""
_MADE = "made_by"
_MAKER = "gammalearn-gammaboard-export"


def owner_of(folder: Path) -> str:
    """The identity of the run that a folder was made of; empty if it is nothing of ours."""
    told = read_json(folder / f"{folder.name}_settings.json")
    made = told.get(_MADE)
    ours = isinstance(made, Mapping) and made.get("distribution") == _MAKER
    return str(made.get("identity") or "") if ours and isinstance(made, Mapping) else ""


def write_experiment(
    folder: Path,
    samples: Samples,
    *,
    layout: str,
    made: Mapping[str, Any],
    description: Mapping[str, Any],
    notes: Sequence[str],
) -> list[Path]:
    """Write the files; the settings, which say whose folder it is, come first, so that no other run takes it.

    Raises
    ------
    GammalearnError
        The disk is full, or nothing can be written there.
    """
    told = {_MADE: {"distribution": _MAKER, **made, "layout": layout}, **description}
    told |= {"notes": [*notes]} if notes else {}
    text = json.dumps(_finite(told), indent=2, allow_nan=False) + "\n"
    written = [write_bytes(folder / f"{folder.name}_settings.json", text.encode())]
    for name, gammas in zip(FILES, (True, False), strict=True):
        if gammas or samples.background is not None:
            written.append(write_h5(folder / name, partial(fill, samples=samples, gammas=gammas, layout=layout)))
        else:
            _remove(folder / name)
    return written


def _remove(path: Path) -> None:
    """What an earlier export of the run has left."""
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise GammalearnError(f"{path} cannot be removed: {error.strerror or error}") from error


def _finite(value: Any) -> Any:
    """JSON has no NaN."""
    if isinstance(value, Mapping):
        return {str(name): _finite(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


__all__ = ["FILES", "owner_of", "write_experiment"]
