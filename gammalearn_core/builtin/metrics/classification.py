"""Metrics of classes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from gammalearn_core.builtin.metrics.samples import SampleMetric
from gammalearn_core.data.specs import TaskSpec
from gammalearn_core.results.performance import auc


class Accuracy(SampleMetric):
    """Share of samples whose highest score is that of the true class."""

    def measure(self, prediction: NDArray[Any] | None, truth: NDArray[Any] | None) -> dict[str, float]:
        if prediction is None or truth is None or not len(truth):
            return {"accuracy": float("nan"), "n": 0.0}
        return {"accuracy": float(np.mean(prediction.argmax(axis=1) == truth)), "n": float(len(truth))}


class AUC(SampleMetric):
    """Area under the ROC curve of the probability of one class against all others.

    Parameters
    ----------
    task : TaskSpec
        The task, given by the core.
    positive : str
        Name of the class.
    """

    def __init__(self, task: TaskSpec, positive: str = "gamma") -> None:
        if positive not in task.classes:
            raise ValueError(f"positive: there is no class {positive!r} among {', '.join(task.classes)}")
        self.positive = task.classes.index(positive)
        super().__init__()

    def measure(self, prediction: NDArray[Any] | None, truth: NDArray[Any] | None) -> dict[str, float]:
        if prediction is None or truth is None or not len(truth):
            return {"auc": float("nan"), "n": 0.0}
        score = softmax(prediction, axis=1)[:, self.positive]
        return {"auc": auc(score, truth == self.positive).value, "n": float(len(truth))}


__all__ = ["AUC", "Accuracy"]
