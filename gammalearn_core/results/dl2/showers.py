"""Numbers of simulated showers, scaled to the share that a split holds, so that effective areas stay right."""

from __future__ import annotations

from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from gammalearn_core.results.dl2.copying import read_raw
from gammalearn_core.results.dl2.copying import write_raw


def scale_showers(h5: h5py.File, share: float, *, runs: str, distribution: str) -> None:
    """Scale the numbers of the table of runs, and the histograms of thrown showers, if they are there."""
    if runs not in h5:
        return
    table = read_raw(h5[runs])
    number = _named(table, "showers")
    before = table[number].astype(np.float64)
    table[number] = np.rint(before * share)
    write_raw(h5[runs], table)
    if distribution in h5:
        thrown = read_raw(h5[distribution])
        factor = table[number].sum() / before.sum() if before.sum() else share
        entries = _named(thrown, "entries")
        thrown["histogram"] = (thrown["histogram"] * factor).astype(thrown["histogram"].dtype)
        thrown[entries] = np.rint(thrown[entries] * factor)
        write_raw(h5[distribution], thrown)


def _named(table: NDArray[Any], what: str) -> str:
    """``n_showers``, or ``num_showers`` as it was called before data model v4."""
    return f"n_{what}" if f"n_{what}" in (table.dtype.names or ()) else f"num_{what}"


__all__ = ["scale_showers"]
