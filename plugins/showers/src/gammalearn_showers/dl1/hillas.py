"""The ellipse of an image: Hillas parameters, and how much light is in parts of it."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from gammalearn_showers.compiled import compiled

SMALLEST = 2.220446049250313e-16
"""Variances (deg2) not above this are zero, as in ctapipe: those of pixels in a line are rounding errors."""


@compiled
def hillas(
    charge: NDArray[np.float64],
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    area: NDArray[np.float64],
    width: NDArray[np.float64],
    out: NDArray[np.float64],
) -> None:
    """Moments of an image to fourth order, and concentrations.

    Parameters
    ----------
    charge, x, y, area, width : array of float64, (n,)
        Of the n >= 2 pixels of the image: p.e. (sum above 0), deg, deg, deg2, deg.
    out : array of float64, (17,)
        Set to intensity, skewness, kurtosis, fov_lon, fov_lat, r, phi, length, length_uncertainty, width,
        width_uncertainty, psi, psi_uncertainty, transverse_cog_uncertainty; then to the concentrations cog, core and
        pixel. Angles in deg. What cannot be defined becomes NaN.

    Notes
    -----
    As ctapipe 0.28 defines them. The uncertainty of psi is that of a straight line fitted to the pixels in the frame
    of the ellipse, with weights of charge per area, times ``1 + tan(pi / 2 * width / length) ** 2``; those of length
    and width propagate Poisson errors of the charges.
    """
    size = 0.0
    sum_x = 0.0
    sum_y = 0.0
    brightest = charge[0]
    for i in range(len(charge)):
        size += charge[i]
        sum_x += charge[i] * x[i]
        sum_y += charge[i] * y[i]
        brightest = max(brightest, charge[i])
    cog_x = sum_x / size
    cog_y = sum_y / size
    xx = 0.0
    yy = 0.0
    xy = 0.0
    central = 0.0
    for i in range(len(charge)):
        dx = x[i] - cog_x
        dy = y[i] - cog_y
        xx += charge[i] * dx * dx
        yy += charge[i] * dy * dy
        xy += charge[i] * dx * dy
        if dx * dx + dy * dy < width[i] * width[i]:
            central += charge[i]
    xx /= size
    yy /= size
    xy /= size
    psi = 0.5 * math.atan2(2 * xy, xx - yy)
    if psi <= -math.pi / 2:
        psi = math.pi / 2

    out[:] = np.nan
    out[0] = size
    out[3] = cog_x
    out[4] = cog_y
    out[5] = math.hypot(cog_x, cog_y)
    out[6] = math.degrees(math.atan2(cog_y, cog_x))
    out[14] = central / size
    out[15] = 0.0
    out[16] = brightest / size
    _axes(charge, x - cog_x, y - cog_y, area, xx, yy, xy, psi, out)


@compiled
def _axes(
    charge: NDArray[np.float64],
    dx: NDArray[np.float64],
    dy: NDArray[np.float64],
    area: NDArray[np.float64],
    xx: float,
    yy: float,
    xy: float,
    psi: float,
    out: NDArray[np.float64],
) -> None:
    """What is measured along and across the axes of the ellipse."""
    size = out[0]
    cos = math.cos(psi)
    sin = math.sin(psi)
    moments = np.zeros(5)
    line = np.zeros(5)
    for i in range(len(charge)):
        along = dx[i] * cos + dy[i] * sin
        across = dy[i] * cos - dx[i] * sin
        moments[0] += charge[i] * along**2
        moments[1] += charge[i] * across**2
        moments[2] += charge[i] * along**3
        moments[3] += charge[i] * along**4
        weight = charge[i] / area[i]
        line[0] += weight
        line[1] += weight * along
        line[2] += weight * along**2
        line[3] += weight * along * across
        line[4] += weight * across
    moments /= size
    length = math.sqrt(moments[0]) if moments[0] > SMALLEST else 0.0
    width = math.sqrt(moments[1]) if moments[1] > SMALLEST else 0.0
    out[7] = length
    out[9] = width
    if length == 0:
        return
    out[1] = moments[2] / length**3
    out[2] = moments[3] / length**4
    out[11] = math.degrees(psi)
    _uncertainties(charge, dx, dy, xx, yy, xy, psi, out)
    determinant = line[0] * line[2] - line[1] ** 2
    if determinant > 0:
        slope = (line[0] * line[3] - line[1] * line[4]) / determinant
        stretch = 1 + math.tan(width / length * math.pi / 2) ** 2
        out[12] = math.degrees(math.sqrt(line[0] / determinant + slope**2) * stretch)
        out[13] = math.sqrt(line[2] / determinant * (1 + math.sin(slope) ** 2))
    if width > 0:
        inside = 0.0
        for i in range(len(charge)):
            along = dx[i] * cos + dy[i] * sin
            across = dy[i] * cos - dx[i] * sin
            if (along / length) ** 2 + (across / width) ** 2 <= 1:
                inside += charge[i]
        out[15] = inside / size


@compiled
def _uncertainties(
    charge: NDArray[np.float64],
    dx: NDArray[np.float64],
    dy: NDArray[np.float64],
    xx: float,
    yy: float,
    xy: float,
    psi: float,
    out: NDArray[np.float64],
) -> None:
    """Those of length and width."""
    size = out[0]
    a = (1 + math.cos(2 * psi)) / 2
    b = (1 - math.cos(2 * psi)) / 2
    c = math.sin(2 * psi)
    of_length = 0.0
    of_width = 0.0
    for i in range(len(charge)):
        vx = (dx[i] ** 2 - xx) / size
        vy = (dy[i] ** 2 - yy) / size
        vxy = (dx[i] * dy[i] - xy) / size
        of_length += charge[i] * (a * vx + b * vy + c * vxy) ** 2
        of_width += charge[i] * (b * vx + a * vy - c * vxy) ** 2
    out[8] = math.sqrt(of_length) / (2 * out[7])
    if out[9] > 0:
        out[10] = math.sqrt(of_width) / (2 * out[9])


__all__ = ["SMALLEST", "hillas"]
