"""All that the predictions of a run's test split tell, from its folder alone."""

from __future__ import annotations

from gammalearn_core.data.specs import Level
from gammalearn_core.engine.folder import RunFolder
from gammalearn_core.errors import DataError
from gammalearn_core.reporting.studies.axes import AXES
from gammalearn_core.reporting.studies.by_axis import SECTION
from gammalearn_core.reporting.studies.by_axis import by_axes
from gammalearn_core.reporting.studies.calibration import calibration
from gammalearn_core.reporting.studies.distributions import distributions
from gammalearn_core.reporting.studies.outcome import Missing
from gammalearn_core.reporting.studies.outcome import Studies
from gammalearn_core.reporting.studies.outcome import together
from gammalearn_core.reporting.studies.pulls import pulls
from gammalearn_core.reporting.studies.sample import Sample
from gammalearn_core.results.dl2.reading import read_dl2
from gammalearn_core.results.predictions import Predictions

_NOTHING = "the run has no DL2 files: it has no test split, its data are no DL1 files, or no target has a table in DL2"
_KNOWN = tuple(axis for axis in AXES if axis.name != "dead_pixels")
"""What predictions know; pixels are counted in images."""
NOT_OPENED = Studies(
    missing=[
        Missing(
            section=SECTION,
            title=next(axis.heading for axis in AXES if axis.name == "dead_pixels"),
            reason="they are counted in images, which `gammalearn report RUN --images` opens",
        )
    ]
)
"""What is missing if images are not studied."""


def studies_of_predictions(folder: RunFolder) -> Studies:
    """Studies of the test split: by zenith, offset, impact and multiplicity, calibration, distributions, pulls.

    Parameters
    ----------
    folder : RunFolder
        Its ``predictions`` and ``specs.json`` are read, nothing else. If there are no predictions, or they have no
        truth, that is the reason why there are no charts.

    Raises
    ------
    DataError
        A file is damaged.
    """
    predictions = read_predictions(folder)
    if predictions is None:
        return _missing(_NOTHING)
    sample = Sample.of(predictions, _specs(folder)[1])
    return studies_of(sample) if len(sample) else _missing("the predictions are of events without truth")


def studies_of(sample: Sample) -> Studies:
    """All studies of samples with truth that need no images.

    Events of the subarray are not studied by multiplicity: ``metrics.json`` has that.
    """
    axes = tuple(axis for axis in _KNOWN if axis.name != "multiplicity" or sample.level == "telescope")
    return together([distributions(sample), calibration(sample), pulls(sample), by_axes(sample, axes)])


def read_predictions(folder: RunFolder) -> Predictions | None:
    """What the run has predicted of its test split; None if it has written no DL2 files.

    Raises
    ------
    DataError
        A file is damaged.
    """
    files = sorted(folder.predictions.glob("*.dl2.h5")) if folder.predictions.is_dir() else []
    if not files:
        return None
    tasks, level = _specs(folder)
    return read_dl2(files, tasks, level)


def _missing(reason: str) -> Studies:
    return Studies(missing=[Missing(section="Test split", title="Studies of predictions", reason=reason)])


def _specs(folder: RunFolder) -> tuple[list[str], Level]:
    """Names of the tasks, and what a sample is."""
    specs = folder.read_json(folder.specs_json)
    try:
        level: Level = "subarray" if specs["raw_inputs"]["level"] == "subarray" else "telescope"
        return [str(task) for task in specs["outputs"]], level
    except (KeyError, TypeError) as error:
        raise DataError(f"{folder.specs_json} is not what a run writes: {error!r}") from error


__all__ = ["NOT_OPENED", "read_predictions", "studies_of", "studies_of_predictions"]
