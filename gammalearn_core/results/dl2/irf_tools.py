"""The configuration with which ctapipe's IRF tools read our DL2 files.

``ctapipe-optimize-event-selection`` and ``ctapipe-compute-irf`` look for columns of random forests unless a file says
otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Mapping
from pathlib import Path

import h5py
import hdf5plugin  # noqa: F401 - registers the blosc filters that ctapipe uses
import numpy as np

from gammalearn_core.data.columns import read_column
from gammalearn_core.data.columns import text
from gammalearn_core.data.truth import Task
from gammalearn_core.results.dl2.tables import algorithm_name
from gammalearn_core.results.dl2.whole import whole_text

NAME = "ctapipe_irf.yaml"
PARTICLE = "GAMMALEARN PARTICLE"
_RUN = "/configuration/simulation/run"
_OPTICS = "/configuration/instrument/telescope/optics"
_KINDS = ("energy", "geometry", "classification")
_POINT_SOURCE = 1.0
"""Offsets that are looked at if gammas come from one direction, deg: sources are tracked at less."""
_TEXT = """\
# How ctapipe's IRF tools read these DL2 files:
#   ctapipe-optimize-event-selection -c {name} --gamma-file gamma.dl2.h5 --proton-file proton.dl2.h5 --output cuts.fits
#   ctapipe-compute-irf -c {name} --cuts cuts.fits --gamma-file gamma.dl2.h5 --proton-file proton.dl2.h5 \\
#       --do-background --output irf.fits.gz --benchmark-output benchmarks.fits.gz

TableLoader:
  focal_length_choice: {focal_length}

DL2EventPreprocessor:
  energy_reconstructor: {energy}
  geometry_reconstructor: {geometry}
  gammaness_classifier: {classification}

DL2EventQualityQuery:
  quality_criteria:
    - ["energy", "{energy}_is_valid"]
    - ["direction", "{geometry}_is_valid"]
    - ["particle", "{classification}_is_valid"]
    - ["telescopes", "np.count_nonzero({geometry}_telescopes, axis=1) >= 1"]

# Offsets from the pointing that the gammas were thrown at: {offsets}.
DefaultFoVOffsetBins:
  fov_offset_min: 0 deg
  fov_offset_max: {viewcone:g} deg
  fov_offset_n_bins: {bins}

PointSourceSensitivityOptimizer:
  min_background_fov_offset: 0 deg
  max_background_fov_offset: {viewcone:g} deg
"""


def write_irf_config(folder: Path, files: Iterable[Path], tasks: Mapping[str, Task]) -> Path | None:
    """Write ``ctapipe_irf.yaml`` beside DL2 files, for all of them.

    Parameters
    ----------
    folder : Path
    files : iterable of Path
        DL2 files in ctapipe's layout; the offsets are those of the first one of gammas.
    tasks : mapping of str to Task

    Returns
    -------
    Path or None
        Nothing if a task for energy, direction or particle is missing, or there are no simulated gammas: the tools need
        all of them.
    """
    names = _algorithms(tasks)
    thrown = next((found for path in files if (found := _gammas(path))), None)
    if len(names) < len(_KINDS) or thrown is None:
        return None
    viewcone, focal_length = thrown
    bins = max(1, round(viewcone))
    offsets = f"up to {viewcone:g} deg" if viewcone else "those of a point source"
    path = folder / NAME
    content = _TEXT.format(
        name=NAME,
        **names,
        focal_length=focal_length,
        offsets=offsets,
        viewcone=viewcone or _POINT_SOURCE,
        bins=bins,
    )
    whole_text(path, content)
    return path


def _algorithms(tasks: Mapping[str, Task]) -> dict[str, str]:
    """By kind: the name of the first task's algorithm. Of geometry it is that of directions, not of impact points."""
    found: dict[str, str] = {}
    for name, task in tasks.items():
        if task.record.dl2 in _KINDS and task.record.geometry != "ground_vector":
            found.setdefault(task.record.dl2, algorithm_name(name))
    return found


def _gammas(path: Path) -> tuple[float, str] | None:
    """Viewcone (deg) and kind of focal length of a file of simulated gammas; None if it is another."""
    with h5py.File(path, "r", locking="best-effort") as h5:
        if text(h5.attrs.get(PARTICLE)) != "gamma" or _RUN not in h5 or not len(h5[_RUN]):
            return None
        viewcone = float(np.max(read_column(h5[_RUN], "max_viewcone_radius")))
        optics = h5[_OPTICS]
        effective = "effective_focal_length" in optics.dtype.names
        known = effective and bool(np.isfinite(read_column(optics, "effective_focal_length")).all())
    return viewcone, "EFFECTIVE" if known else "EQUIVALENT"


__all__ = ["NAME", "write_irf_config"]
