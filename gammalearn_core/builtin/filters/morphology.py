"""Cuts on what the cleaning leaves of an image."""

from __future__ import annotations

from gammalearn_core.builtin.filters.range import Count


class Pixels(Count):
    """Keeps images of which a number of pixels survived the cleaning; images without any go.

    Parameters
    ----------
    minimum, maximum : float
        Bounds, included.

    Examples
    --------
    >>> import numpy as np
    >>> from gammalearn_core.api import EventTable
    >>> Pixels(minimum=4)(EventTable({"morphology_n_pixels": np.array([-1, 3, 4])}, 3)).tolist()
    [False, False, True]
    """

    columns = ("morphology_n_pixels",)
    advice = "run ctapipe-process with --write-parameters"


class Islands(Count):
    """Keeps images whose pixels that survived the cleaning form a number of islands; images without any go.

    Parameters
    ----------
    minimum, maximum : float
        Bounds, included.

    Examples
    --------
    >>> import numpy as np
    >>> from gammalearn_core.api import EventTable
    >>> Islands(maximum=1)(EventTable({"morphology_n_islands": np.array([-1, 1, 2])}, 3)).tolist()
    [False, True, False]
    """

    columns = ("morphology_n_islands",)
    advice = "run ctapipe-process with --write-parameters"


__all__ = ["Islands", "Pixels"]
