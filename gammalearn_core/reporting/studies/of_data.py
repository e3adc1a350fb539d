"""Studies that need the images of a run, whose data are opened for them."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
from pathlib import Path

from attrs import field
from attrs import frozen

from gammalearn_core.baseline.opening import OpenedRun
from gammalearn_core.baseline.opening import opened_run
from gammalearn_core.engine.folder import RunFolder
from gammalearn_core.errors import Problem
from gammalearn_core.errors import SettingsError
from gammalearn_core.plugin.registry import Registry
from gammalearn_core.reporting.studies.images import studies_of_images
from gammalearn_core.reporting.studies.observed import beside_observation
from gammalearn_core.reporting.studies.of_predictions import NOT_OPENED
from gammalearn_core.reporting.studies.outcome import Studies
from gammalearn_core.reporting.studies.outcome import together
from gammalearn_core.reporting.studies.stress import stress_test
from gammalearn_core.reproducing.recorded import read_run

_log = logging.getLogger(__name__)


def _files(paths: Iterable[Path]) -> tuple[Path, ...]:
    return tuple(paths)


@frozen(kw_only=True)
class Wanted:
    """What is to be studied with the run's data.

    Attributes
    ----------
    images : bool
        Pixels without a value; they are studied too if anything else is.
    stress : bool
        Night sky and gain.
    observed : tuple of Path
        DL1 files of observations, to be shown beside the simulation.
    data_root : Path, optional
        A folder to look for the run's data in.
    trust_settings : bool
        Whether the run's settings file may be run, which is code.
    """

    images: bool = False
    stress: bool = False
    observed: tuple[Path, ...] = field(default=(), converter=_files)
    data_root: Path | None = None
    trust_settings: bool = False

    def __bool__(self) -> bool:
        return bool(self.images or self.stress or self.observed)


def studies_of_data(folder: RunFolder, registry: Registry, wanted: Wanted) -> Studies:
    """What is wanted; if nothing is, the reason why pixels without a value were not counted.

    Raises
    ------
    SettingsError
        The run has not finished, its settings would have to be trusted, or an observed file is not there.
    DataError
        The data are not found or are others than the run's, an observed file is damaged or of another camera.
    """
    if not wanted:
        return NOT_OPENED
    _check_files(wanted.observed)
    recorded = read_run(folder.path)
    with opened_run(recorded, registry, data_root=wanted.data_root, trust_settings=wanted.trust_settings) as opened:
        return together(_studies(opened, registry, wanted))


def _studies(opened: OpenedRun, registry: Registry, wanted: Wanted) -> Iterator[Studies]:
    _log.info("looking for pixels without a value in images of the test split")
    yield studies_of_images(opened)
    if wanted.stress:
        _log.info("predicting images of the test split with another night sky and another gain")
        yield stress_test(opened)
    if wanted.observed:
        _log.info("predicting images of %d observed files", len(wanted.observed))
        yield beside_observation(opened, registry, wanted.observed, trust_settings=wanted.trust_settings)


def _check_files(files: Sequence[Path]) -> None:
    problems = [Problem(str(path), "there is no such file") for path in files if not path.is_file()]
    if problems:
        raise SettingsError(problems, "--observed")


__all__ = ["Wanted", "studies_of_data"]
