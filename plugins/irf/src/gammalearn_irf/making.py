"""Benchmarks and responses of DL2 files, made and written: what the report and the command share."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path

from astropy.io import fits

from gammalearn_irf.charts import write_charts
from gammalearn_irf.computing import Computed
from gammalearn_irf.computing import compute
from gammalearn_irf.computing import responses
from gammalearn_irf.figures import draw_all
from gammalearn_irf.finding import cuts_of
from gammalearn_irf.finding import find_files
from gammalearn_irf.options import Options
from gammalearn_irf.reading import Sample
from gammalearn_irf.reading import read_samples
from gammalearn_irf.reference import ReferenceCurve
from gammalearn_irf.writing import VERSION
from gammalearn_irf.writing import write_fits
from gammalearn_irf.writing import write_json
from gammalearn_irf.writing import write_tables

RESPONSES = "irf.fits.gz"
BENCHMARKS = "benchmarks.json"


def make(path: Path, options: Options, *, where: str = "RUN") -> tuple[dict[int, Sample], Computed]:
    """Read and measure the predictions of a run, or of a folder.

    Raises
    ------
    GammalearnError
        There are none, they are damaged or do not belong together, or the options do not fit them.
    """
    samples, notes = read_samples(find_files(path, where=where))
    made = compute(samples, options)
    made.notes[:0] = [*cuts_of(path), *notes]
    return samples, made


def write_benchmarks(
    folder: Path, made: Computed, samples: Mapping[int, Sample], *, run: str, references: Sequence[ReferenceCurve]
) -> list[Path]:
    """Tables, figures, and the JSON that describes them, which comes last."""
    written = [*write_tables(folder, made), *draw_all(folder, made, references), write_charts(folder, made, references)]
    return [*written, write_json(folder / BENCHMARKS, made, samples, run=run, references=references)]


def write_responses(folder: Path, made: Computed, gammas: Sample, *, run: str) -> Path:
    """``irf.fits.gz`` for gammapy."""
    primary = fits.PrimaryHDU()
    primary.header["CREATOR"] = f"gammalearn-irf {VERSION}"
    primary.header["HISTORY"] = f"run {run}"
    for note in made.notes:
        primary.header["HISTORY"] = note.encode("ascii", "replace").decode()
    return write_fits(folder / RESPONSES, [primary, *responses(gammas, made)])


__all__ = ["BENCHMARKS", "RESPONSES", "make", "write_benchmarks", "write_responses"]
