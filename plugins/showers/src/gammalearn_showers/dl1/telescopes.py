"""`TelescopeTables`: the tables of each telescope that has images."""

from __future__ import annotations

import h5py
import numpy as np
from numpy.typing import NDArray

from gammalearn_showers.block import Images
from gammalearn_showers.dl1 import columns
from gammalearn_showers.dl1.parameters import image_parameters
from gammalearn_showers.dl1.parameters import true_image_parameters
from gammalearn_showers.dl1.pixels import SkyPixels
from gammalearn_showers.dl1.table import Table
from gammalearn_showers.dl1.table import require_group
from gammalearn_showers.instrument import Subarray
from gammalearn_showers.instrument import TelescopeType

CHARGE_STEP = 1 / 128
"""Charges are rounded to multiples of this, in p.e."""
TIME_STEP = 1 / 64
"""Times are rounded to multiples of this, in ns."""
IMAGES = "dl1/event/telescope/images"
PARAMETERS = "dl1/event/telescope/parameters"
TRUE_IMAGES = "simulation/event/telescope/images"
TRUE_PARAMETERS = "simulation/event/telescope/parameters"
IMPACT = "simulation/event/telescope/impact"
GROUPS = (IMAGES, PARAMETERS, TRUE_IMAGES, TRUE_PARAMETERS, IMPACT)


class TelescopeTables:
    """Images, their parameters and truth, in tables that are created when a telescope has its first image.

    Charges and times are rounded, far below what noise and read-out do to them, so that files are half as large;
    they stay float32, and parameters are those of the rounded values.

    Parameters
    ----------
    file : h5py.File
        Open for writing.
    subarray : Subarray
    obs_id : int

    Attributes
    ----------
    judged : array of int64, (3,)
        Images and true images so far, those with any charge after the cleaning, and those with two pixels or more.
    """

    def __init__(self, file: h5py.File, subarray: Subarray, obs_id: int) -> None:
        self._file = file
        self._subarray = subarray
        self._obs_id = obs_id
        self._pixels = [SkyPixels.of(t.camera, t.effective_focal_length) for t in subarray.types]
        self._tables: dict[str, Table] = {}
        self.judged = np.zeros(3, dtype=np.int64)
        for group in GROUPS:
            require_group(file, group)

    def add(self, number: int, images: Images, event_id: NDArray[np.int64]) -> None:
        """Append the images of a type of telescope.

        Parameters
        ----------
        number : int
            Of the type in the subarray.
        images : Images
        event_id : array of int64, (images,)
        """
        kind, pixels = self._subarray.types[number], self._pixels[number]
        charge = rounded(images.charge, CHARGE_STEP)
        time = rounded(images.peak_time, TIME_STEP)
        thresholds = {"picture": kind.picture_threshold, "boundary": kind.boundary_threshold}
        found = image_parameters(pixels, charge, time, **thresholds)
        truth = true_image_parameters(pixels, images.true_image)
        for parameters in (found, truth):
            self.judged += [len(images), parameters.n_lit, parameters.n_described]
        true_columns = {f"true_{name}": values for name, values in truth.columns.items()}
        counted = truth.columns["morphology_n_pixels"] > 0
        for name in ("true_intensity_max", "true_intensity_min"):
            true_columns[name] = np.where(counted, true_columns[name], -1).astype(np.int64)
        total = images.true_image.sum(axis=1)
        for telescope in np.unique(images.telescope):
            rows = np.flatnonzero(images.telescope == telescope)
            tables = self._of(int(self._subarray.tel_id[telescope]), kind)
            index = {"obs_id": self._obs_id, "event_id": event_id[rows], "tel_id": self._subarray.tel_id[telescope]}
            tables[IMAGES].add(
                index, rows, image=charge, peak_time=time, image_mask=found.mask, is_valid=np.ones(len(images), bool)
            )
            tables[PARAMETERS].add(index, rows, core_psi=np.full(len(images), np.nan), **found.columns)
            tables[TRUE_IMAGES].add(index, rows, true_image=images.true_image, true_image_sum=total)
            tables[TRUE_PARAMETERS].add(index, rows, **true_columns)
            tables[IMPACT].add(index, rows, true_impact_distance=images.impact)

    def finish(self) -> None:
        """Write what is still in memory."""
        for table in self._tables.values():
            table.finish()

    def _of(self, tel_id: int, kind: TelescopeType) -> dict[str, Table]:
        return {group: self._table(group, tel_id, kind) for group in GROUPS}

    def _table(self, group: str, tel_id: int, kind: TelescopeType) -> Table:
        path = f"{group}/tel_{tel_id:03d}"
        if path not in self._tables:
            self._tables[path] = Table(self._file, path, columns=_columns(group, kind.camera.n_pixels))
        return self._tables[path]


def _columns(group: str, n_pixels: int) -> tuple[columns.Column, ...]:
    if group == IMAGES:
        return columns.images(n_pixels)
    if group == TRUE_IMAGES:
        return columns.true_images(n_pixels)
    return {PARAMETERS: columns.PARAMETERS, TRUE_PARAMETERS: columns.TRUE_PARAMETERS, IMPACT: columns.IMPACT}[group]


def rounded(values: NDArray[np.float32], step: float) -> NDArray[np.float32]:
    """Values at the nearest multiples of a power of two.

    Examples
    --------
    >>> rounded(np.array([1.003, -2.5], dtype=np.float32), 1 / 64).tolist()
    [1.0, -2.5]
    """
    scaled = values * np.float32(1 / step)
    np.rint(scaled, out=scaled)
    scaled *= np.float32(step)
    return scaled


__all__ = ["CHARGE_STEP", "TIME_STEP", "TelescopeTables", "rounded"]
