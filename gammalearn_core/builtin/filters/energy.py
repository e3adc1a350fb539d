"""Cut on true energy."""

from __future__ import annotations

from gammalearn_core.builtin.filters.range import Range


class Energy(Range):
    """Keeps events whose true energy is in a range. Skipped in prediction, where there is no truth.

    Parameters
    ----------
    minimum, maximum : float
        Bounds, included, TeV.

    Examples
    --------
    >>> import numpy as np
    >>> from gammalearn_core.api import EventTable
    >>> Energy(maximum=1.0)(EventTable({"true_energy": np.array([0.5, 2.0])}, 2)).tolist()
    [True, False]
    """

    columns = ("true_energy",)
    advice = "observed files have no truth: use simulated ones"


__all__ = ["Energy"]
