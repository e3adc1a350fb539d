"""Cut on the charge at the edge of the camera."""

from __future__ import annotations

import math
from typing import Literal

from gammalearn_core.builtin.filters.range import Range


class Leakage(Range):
    """Keeps images of whose charge no more than a share is in the outermost pixels; images without a charge go.

    Parameters
    ----------
    maximum : float
        Largest share of the image's charge, included.
    width : {1, 2}
        Rings of pixels that count as the edge.

    Examples
    --------
    >>> import numpy as np
    >>> from gammalearn_core.api import EventTable
    >>> table = EventTable({"leakage_intensity_width_2": np.array([0.1, 0.3, np.nan])}, 3)
    >>> Leakage(maximum=0.2)(table).tolist()
    [True, False, False]
    """

    advice = "run ctapipe-process with --write-parameters"

    def __init__(self, maximum: float = math.inf, width: Literal[1, 2] = 2) -> None:
        super().__init__(-math.inf, maximum)
        if width not in (1, 2):
            raise ValueError(f"width must be 1 or 2, got {width!r}")
        self.columns = (f"leakage_intensity_width_{width}",)


__all__ = ["Leakage"]
