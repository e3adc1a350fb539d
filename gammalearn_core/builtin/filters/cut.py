"""Cuts that are written as conditions."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gammalearn_core.builtin.filters.expression import Expression
from gammalearn_core.data.table import EventTable


class Cut:
    """Keeps rows that a condition on columns is true for.

    Parameters
    ----------
    expression : str
        Such as ``"hillas_intensity > 50 & leakage_intensity_width_2 < 0.2"``. ``&``, ``|`` and ``~`` (or ``and``,
        ``or`` and ``not``) bind weaker than comparisons; a comparison with NaN is false. Angles of ``sin`` and ``cos``
        are in degrees, as those of columns are.

    Raises
    ------
    SettingsError
        It is no such condition; the problem shows where.

    Examples
    --------
    >>> cut = Cut("10 < hillas_intensity <= 50 | tel_id in [1, 2]")
    >>> columns = {"hillas_intensity": np.array([50.0, 60.0, np.nan]), "tel_id": np.array([7, 7, 1])}
    >>> cut(EventTable(columns, 3)).tolist()
    [True, False, True]
    """

    def __init__(self, expression: str) -> None:
        self._condition = Expression(expression)
        self.columns = self._condition.columns
        """Columns that it reads."""
        self.truth = any(name.startswith("true_") for name in self.columns)
        """Whether one of them is simulated truth."""

    def __call__(self, events: EventTable) -> NDArray[np.bool_]:
        return self._condition(events)


__all__ = ["Cut"]
