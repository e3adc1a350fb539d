"""Cut on the charge of the cleaned image."""

from __future__ import annotations

from gammalearn_core.builtin.filters.range import Range


class Intensity(Range):
    """Keeps images whose Hillas intensity is in a range; images without one (nothing survived the cleaning) go.

    Parameters
    ----------
    minimum, maximum : float
        Bounds, included, p.e.

    Examples
    --------
    >>> import numpy as np
    >>> from gammalearn_core.api import EventTable
    >>> table = EventTable({"hillas_intensity": np.array([10.0, 50.0, np.nan])}, 3)
    >>> Intensity(minimum=50)(table).tolist()
    [False, True, False]
    """

    columns = (("hillas_intensity", "camera_frame_hillas_intensity"),)
    advice = "run ctapipe-process with --write-parameters"


__all__ = ["Intensity"]
