"""`Expression`: a condition as settings files write it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gammalearn_core.builtin.filters.expression.operations import number_column
from gammalearn_core.builtin.filters.expression.parser import Parser
from gammalearn_core.builtin.filters.expression.tokens import NotUnderstoodError
from gammalearn_core.builtin.filters.expression.tokens import pointed
from gammalearn_core.builtin.filters.expression.tokens import tokens
from gammalearn_core.data.table import EventTable
from gammalearn_core.errors import Problem
from gammalearn_core.errors import SettingsError


class Expression:
    """A condition on columns.

    From the weakest to the strongest: ``|`` or ``or``; ``&`` or ``and``; ``~`` or ``not``; comparisons, which may be
    chained, and ``in [1, 2]``; ``+ -``; ``* / %``; signs; ``**``. So ``x > 5 & y < 3`` means what it says, unlike in
    Python. A comparison with NaN is false.

    Parameters
    ----------
    text : str

    Raises
    ------
    SettingsError
        The text is no such condition; the problem shows where.

    Examples
    --------
    >>> bright = Expression("intensity > 50 & width / length < 0.5")
    >>> bright.columns
    ('intensity', 'width', 'length')
    >>> columns = {"intensity": [60.0, 60.0], "width": [1.0, 2.0], "length": [4.0, 2.0]}
    >>> bright(EventTable({name: np.array(values) for name, values in columns.items()}, 2)).tolist()
    [True, False]
    """

    def __init__(self, text: str) -> None:
        try:
            parser = Parser(tokens(text))
            self._compute = parser.parse().compute
        except NotUnderstoodError as error:
            shown = "\n".join([pointed(text, error.place), *([error.hint] if error.hint else [])])
            raise SettingsError([Problem("expression", error.what, shown.replace("\n", "\n    "))]) from None
        self.text = text
        self.columns = tuple(parser.columns)
        """Names of the columns, in the order of the text."""

    def __call__(self, events: EventTable) -> NDArray[np.bool_]:
        """One truth value a row.

        Raises
        ------
        DataError
            A column is not there, or does not hold numbers.
        """
        values = {name: number_column(events, name) for name in self.columns}
        with np.errstate(all="ignore"):
            return np.asarray(self._compute(values))


__all__ = ["Expression"]
