"""Image parameters of ctapipe's DL1, for all images of one type of telescope at once."""

from __future__ import annotations

import attrs
import numpy as np
from numpy.typing import NDArray

from gammalearn_showers.compiled import compiled
from gammalearn_showers.dl1.cleaning import clean
from gammalearn_showers.dl1.hillas import hillas
from gammalearn_showers.dl1.islands import islands
from gammalearn_showers.dl1.leakage import leakage
from gammalearn_showers.dl1.pixels import SkyPixels
from gammalearn_showers.dl1.statistics import statistics
from gammalearn_showers.dl1.timing import timing

HILLAS = (
    "hillas_intensity",
    "hillas_skewness",
    "hillas_kurtosis",
    "hillas_fov_lon",
    "hillas_fov_lat",
    "hillas_r",
    "hillas_phi",
    "hillas_length",
    "hillas_length_uncertainty",
    "hillas_width",
    "hillas_width_uncertainty",
    "hillas_psi",
    "hillas_psi_uncertainty",
    "hillas_transverse_cog_uncertainty",
)
CONCENTRATION = ("concentration_cog", "concentration_core", "concentration_pixel")
LEAKAGE = (
    "leakage_pixels_width_1",
    "leakage_pixels_width_2",
    "leakage_intensity_width_1",
    "leakage_intensity_width_2",
)
INTENSITY = tuple(f"intensity_{n}" for n in ("max", "min", "mean", "std", "skewness", "kurtosis"))
TIMING = ("timing_intercept", "timing_deviation", "timing_slope")
PEAK_TIME = tuple(f"peak_time_{n}" for n in ("max", "min", "mean", "std", "skewness", "kurtosis"))
MORPHOLOGY = tuple(
    f"morphology_{n}" for n in ("n_pixels", "n_islands", "n_small_islands", "n_medium_islands", "n_large_islands")
)
OF_CHARGE = (*HILLAS, *CONCENTRATION, *LEAKAGE, *INTENSITY)
OF_TIME = (*TIMING, *PEAK_TIME)


@attrs.frozen(eq=False)
class ImageParameters:
    """What images were found to be.

    Parameters
    ----------
    mask : array of bool, (images, pixels)
        Pixels that were used.
    columns : dict of str to array of float64 or int64, (images,)
        By ctapipe's name. Where fewer than two pixels are left, numbers of pixels and islands are -1, all else NaN.
    """

    mask: NDArray[np.bool_]
    columns: dict[str, NDArray[np.float64] | NDArray[np.int64]]

    @property
    def n_lit(self) -> int:
        """Images of which any pixel is left."""
        return int(np.count_nonzero(self.mask.any(axis=1)))

    @property
    def n_described(self) -> int:
        """Images that have parameters: of which two pixels or more are left."""
        return int(np.count_nonzero(self.columns["morphology_n_pixels"] > 0))


def image_parameters(
    pixels: SkyPixels,
    charge: NDArray[np.float32],
    peak_time: NDArray[np.float32],
    *,
    picture: float,
    boundary: float,
) -> ImageParameters:
    """Parameters of cleaned images, as ctapipe-process finds them with its default settings.

    Parameters
    ----------
    pixels : SkyPixels
        Of the camera they are images of.
    charge, peak_time : array of float32, (images, pixels)
        In p.e. and ns.
    picture, boundary : float
        Thresholds of the cleaning, in p.e.

    Returns
    -------
    ImageParameters
        Columns of hillas, timing, leakage, concentration, morphology, intensity and peak_time.
    """
    mask = np.zeros(charge.shape, dtype=np.bool_)
    _clean_all(charge, pixels.neighbours, np.float32(picture), np.float32(boundary), mask)
    columns = _described(pixels, charge, mask)
    times = np.full((len(charge), len(OF_TIME)), np.nan)
    shape = np.column_stack([columns[f"hillas_{n}"] for n in ("fov_lon", "fov_lat", "psi")]).astype(np.float64)
    _describe_times(pixels.lon, pixels.lat, mask, peak_time, shape, times)
    return ImageParameters(mask, columns | dict(zip(OF_TIME, np.ascontiguousarray(times.T), strict=True)))


def true_image_parameters(pixels: SkyPixels, true_image: NDArray[np.int32]) -> ImageParameters:
    """Parameters of images of photo-electrons, of all pixels that have any; there are none of times.

    Parameters
    ----------
    pixels : SkyPixels
        Of the camera they are images of.
    true_image : array of int32, (images, pixels)
        Photo-electrons.
    """
    mask = true_image > 0
    return ImageParameters(mask, _described(pixels, true_image, mask))


def _described(
    pixels: SkyPixels, image: NDArray[np.float32] | NDArray[np.int32], mask: NDArray[np.bool_]
) -> dict[str, NDArray[np.float64] | NDArray[np.int64]]:
    values = np.full((len(image), len(OF_CHARGE)), np.nan)
    counts = np.full((len(image), len(MORPHOLOGY)), -1, dtype=np.int64)
    _describe(
        pixels.lon,
        pixels.lat,
        pixels.area,
        pixels.width,
        pixels.neighbours,
        pixels.border,
        image,
        mask,
        values,
        counts,
    )
    named: dict[str, NDArray[np.float64] | NDArray[np.int64]] = {}
    named |= zip(OF_CHARGE, np.ascontiguousarray(values.T), strict=True)
    named |= zip(MORPHOLOGY, np.ascontiguousarray(counts.T), strict=True)
    return named


@compiled
def _clean_all(
    images: NDArray[np.float32],
    neighbours: NDArray[np.int32],
    picture: np.float32,
    boundary: np.float32,
    masks: NDArray[np.bool_],
) -> None:
    for row in range(len(images)):
        clean(images[row], neighbours, picture, boundary, masks[row])


@compiled
def _describe(
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    area: NDArray[np.float64],
    width: NDArray[np.float64],
    neighbours: NDArray[np.int32],
    border: NDArray[np.uint8],
    images: NDArray[np.float32] | NDArray[np.int32],
    masks: NDArray[np.bool_],
    values: NDArray[np.float64],
    counts: NDArray[np.int64],
) -> None:
    for row in range(len(images)):
        chosen = np.nonzero(masks[row])[0]
        if len(chosen) < 2:
            continue
        charge = images[row][chosen].astype(np.float64)
        if charge.sum() <= 0:
            continue
        out = values[row]
        hillas(charge, x[chosen], y[chosen], area[chosen], width[chosen], out[:17])
        leakage(charge, border[chosen], out[17:21])
        statistics(charge, out[21:])
        islands(chosen, masks[row], neighbours, counts[row])


@compiled
def _describe_times(
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    masks: NDArray[np.bool_],
    times: NDArray[np.float32],
    shape: NDArray[np.float64],
    values: NDArray[np.float64],
) -> None:
    for row in range(len(times)):
        cog_x, cog_y, psi = shape[row]
        if np.isnan(cog_x):
            continue
        chosen = np.nonzero(masks[row])[0]
        time = times[row][chosen].astype(np.float64)
        if not np.isnan(psi):
            cos = np.cos(np.radians(psi))
            sin = np.sin(np.radians(psi))
            timing((x[chosen] - cog_x) * cos + (y[chosen] - cog_y) * sin, time, values[row][:3])
        statistics(time, values[row][3:])


__all__ = [
    "CONCENTRATION",
    "HILLAS",
    "INTENSITY",
    "LEAKAGE",
    "MORPHOLOGY",
    "PEAK_TIME",
    "TIMING",
    "ImageParameters",
    "image_parameters",
    "true_image_parameters",
]
