"""How many images could be described: ``dl1/service/image_statistics``."""

from __future__ import annotations

import h5py
import numpy as np
from numpy.typing import NDArray

from gammalearn_showers.dl1.columns import Column
from gammalearn_showers.dl1.table import write_table

CRITERIA = (("TOTAL", "True"), ("size_greater_0", "image.sum() > 0"), ("at_least_2_pixels", "image.size > 1"))
"""Names and expressions of ctapipe's default ``ImageQualityQuery``."""


def write_image_statistics(file: h5py.File, judged: NDArray[np.int64]) -> None:
    """Write the counts of images and true images that pass each criterion, ``(3,)``; each includes those before."""
    columns = (
        Column(name="criteria", dtype="S17"),
        Column(name="counts", dtype="i8"),
        Column(name="cumulative_counts", dtype="i8"),
        Column(name="func", dtype="S15"),
    )
    names, expressions = zip(*((n.encode(), e.encode()) for n, e in CRITERIA), strict=True)
    values = {"criteria": names, "counts": judged, "cumulative_counts": judged, "func": expressions}
    write_table(file, "dl1/service/image_statistics", columns=columns, values=values, count=len(CRITERIA))


__all__ = ["write_image_statistics"]
