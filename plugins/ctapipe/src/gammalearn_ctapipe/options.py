"""How a run is opened, the same for reconstructors and models."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import torch
from ctapipe.core import QualityQuery
from ctapipe.core import ToolConfigurationError
from ctapipe.core.traits import List

from gammalearn_core import GammalearnError
from gammalearn_core.api import TrainedRun
from gammalearn_core.api import open_run


class GammaLearnQualityQuery(QualityQuery):
    """Criteria beside the cuts of the run: none, unless they are configured."""

    quality_criteria = List(default_value=[], help=QualityQuery.quality_criteria.help).tag(config=True)


@lru_cache(maxsize=4)
def _opened(path: Path, device: str, precision: str | None, cuts: bool, trust_settings: bool) -> TrainedRun:
    return open_run(path, device=device, precision=precision, cuts=cuts, trust_settings=trust_settings)  # type: ignore[arg-type]


def opened(
    path: Path | None, *, device: str, precision: str | None, cuts: bool, trust_settings: bool, threads: int | None
) -> TrainedRun:
    """A run that predicts; one that is open already is not opened again.

    Raises
    ------
    ToolConfigurationError
        There is none, or it cannot be used.
    """
    if path is None:
        raise ToolConfigurationError(
            "GammaLearnReconstructor.run must be set: a folder that gammalearn run has written"
        )
    if threads:
        torch.set_num_threads(threads)
    try:
        return _opened(Path(path), device, precision, cuts, trust_settings)
    except GammalearnError as error:
        raise ToolConfigurationError(str(error)) from error


__all__ = ["GammaLearnQualityQuery", "opened"]
