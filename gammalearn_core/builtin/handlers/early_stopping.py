"""Ending training early."""

from __future__ import annotations

import logging
import math
from typing import TYPE_CHECKING
from typing import Literal

from ignite.engine import Engine
from ignite.handlers import EarlyStopping

if TYPE_CHECKING:
    from gammalearn_core.engine.running import RunningExperiment

_log = logging.getLogger("gammalearn_core.early_stopping")


def create(
    experiment: RunningExperiment,
    patience: int = 5,
    metric: str = "loss",
    mode: Literal["min", "max"] = "min",
) -> EarlyStopping:
    """End training once a validation metric has not improved for ``patience`` epochs. NaN is never an improvement.

    Parameters
    ----------
    patience : int
        Epochs to wait.
    metric : str
        A metric of the validation, such as ``loss`` or ``particle/auc``.
    mode : {"min", "max"}
        Whether smaller or larger is better.
    """
    sign = -1.0 if mode == "min" else 1.0

    def score(engine: Engine) -> float:
        value = float(engine.state.metrics[metric])
        return sign * value if math.isfinite(value) else -math.inf

    if metric not in experiment.metric_names:
        raise ValueError(f"metric: none is called {metric!r}; there are {', '.join(experiment.metric_names)}")
    if not len(experiment.splits["validation"]):
        _log.warning("early stopping has no validation split to watch, and does nothing")
    stopping = EarlyStopping(patience, score, experiment.trainer)
    # ignite's logger prints by itself, beside the run's own messages.
    stopping.logger = _log
    return stopping


__all__ = ["create"]
