"""Photo-electrons of one shower in one telescope: where in the camera, and when.

The number of photo-electrons from each source is Poisson distributed around what its light on the mirror gives. Each
one comes from a height drawn by the light of the slices and from a place beside the axis drawn from the kernel, so that
all telescopes see one shower. Its direction is that of the straight line from there to the telescope; its time is that
of the front of the shower, which moves with c, plus the way of the light through air.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gammalearn_showers.compiled import compiled
from gammalearn_showers.physics.atmosphere import Atmosphere
from gammalearn_showers.physics.atmosphere import at_height
from gammalearn_showers.physics.cherenkov import N_SAMPLES
from gammalearn_showers.physics.cherenkov import Kernel
from gammalearn_showers.physics.cherenkov import ring

C = 0.299792458
"""Speed of light, in m/ns."""
GROUP = 300.0
"""Length of track from which one electron gives light to one telescope, in m."""
NEAREST = 50.0
"""Light is taken to come from no nearer than this, in m."""


class Optics(NamedTuple):
    """A telescope's mirror and camera, as the compiled code wants them.

    Parameters
    ----------
    area : float
        Mirror area times efficiency, in m2.
    radius : float
        Of a round mirror of that area, in m.
    efficiency : float
        Photo-electrons per photon.
    focal_length : float
        The effective one, in m.
    psf, psf_off_axis : float
        Spot, in rad and in rad/rad.
    lookup : array of int32, (n, n)
        Pixel at a place in the camera, or -1.
    pitch, half_width : float
        Step and half width of `lookup`, in m.
    """

    area: float
    radius: float
    efficiency: float
    focal_length: float
    psf: float
    psf_off_axis: float
    lookup: NDArray[np.int32]
    pitch: float
    half_width: float


class View(NamedTuple):
    """A shower's frame seen from a telescope.

    Parameters
    ----------
    u, v, w : float
        Place of the telescope relative to the core: along increasing altitude and azimuth of the shower's direction,
        and along that direction, in m.
    axes : array of float64, (3, 3)
        Rows: unit vectors of altitude, azimuth and direction of the shower; columns: their components along
        altitude, azimuth and direction of the telescope's pointing.
    """

    u: float
    v: float
    w: float
    axes: NDArray[np.float64]


@compiled
def record(
    rng: np.random.Generator,
    dx: float,
    dy: float,
    time: float,
    axes: NDArray[np.float64],
    optics: Optics,
    charge: NDArray[np.int32],
    times: NDArray[np.float64],
) -> None:
    """Put a photo-electron that comes from a direction in the shower's frame into its pixel."""
    a = dx * axes[0, 0] + dy * axes[1, 0] + axes[2, 0]
    z = dx * axes[0, 1] + dy * axes[1, 1] + axes[2, 1]
    p = dx * axes[0, 2] + dy * axes[1, 2] + axes[2, 2]
    lon, lat = _arctan(z / p), _arctan(a / np.sqrt(p * p + z * z))
    spot = np.sqrt(optics.psf**2 + optics.psf_off_axis**2 * (lon * lon + lat * lat))
    x = (lat + spot * rng.standard_normal()) * optics.focal_length + optics.half_width
    y = (lon + spot * rng.standard_normal()) * optics.focal_length + optics.half_width
    if x < 0.0 or y < 0.0 or x >= 2.0 * optics.half_width or y >= 2.0 * optics.half_width:
        return
    pixel = optics.lookup[int(x / optics.pitch), int(y / optics.pitch)]
    if pixel >= 0:
        charge[pixel] += 1
        times[pixel, 0] += time
        times[pixel, 1] += time * time


@compiled
def _arctan(x: float) -> float:
    """Series of the arc tangent, to 1e-7 below 0.2."""
    x2 = x * x
    return x * (1.0 - x2 * (1.0 / 3.0 - x2 * (0.2 - x2 / 7.0)))


@compiled
def electrons(
    rng: np.random.Generator,
    sources: NDArray[np.float64],
    tracks: NDArray[np.float64],
    age: NDArray[np.float64],
    start: NDArray[np.float64],
    span: NDArray[np.int64],
    cosz: float,
    kernel: Kernel,
    atm: Atmosphere,
    view: View,
    optics: Optics,
    charge: NDArray[np.int32],
    times: NDArray[np.float64],
) -> None:
    """Add the light of the electrons of all sources to `charge` (p.e.) and `times` (sums of ns and ns2 over p.e.)."""
    n, n_slices = tracks.shape
    weight, distance, slowness = np.empty(n_slices), np.empty(n_slices), np.empty(n_slices)
    stretch = cosz / kernel.cosz
    area = stretch * stretch * optics.area
    delay_ground = at_height(atm.delay, kernel.ground)
    for k in range(n_slices):
        distance[k] = (kernel.height[k] - kernel.ground) / cosz
        delay = at_height(atm.delay, kernel.height[k]) - delay_ground
        slowness[k] = 1.0 + delay / (kernel.height[k] - kernel.ground)
    for i in range(n):
        total = 0.0
        tx, ty = sources[i, 4], sources[i, 5]
        # The axis of the source, drawn on to the ground.
        gx, gy = sources[i, 2] + tx * start[i], sources[i, 3] + ty * start[i]
        dx, dy = view.u - gx, view.v - gy
        r = np.sqrt(dx * dx + dy * dy)
        scaled = ring(r * stretch)
        if scaled < 0:
            continue
        first, last = span[i]
        for k in range(first, last):
            a = int(age[i, k])
            part = age[i, k] - a
            density = kernel.density[scaled, a, k] * (1.0 - part) + kernel.density[scaled, a + 1, k] * part
            weight[k] = tracks[i, k] * density * area
            total += weight[k]
        if total <= 0.0:
            continue
        n_pe = rng.poisson(total)
        for _ in range(n_pe):
            left = rng.random() * total
            k = first
            while k < last - 1 and left >= weight[k]:
                left -= weight[k]
                k += 1
            a = int(age[i, k])
            if rng.random() < age[i, k] - a:
                a += 1
            sample = kernel.displaced[a, k, scaled, int(rng.random() * N_SAMPLES)]
            # An electron gives light to a telescope in groups.
            others = sample[2] * area
            if rng.random() * (1.0 + others) > 1.0:
                continue
            cos, sin = (dx / r, dy / r) if r > 1e-3 else (1.0, 0.0)
            middle = distance[k] + (rng.random() - 0.5) * (kernel.edges[k + 1] - kernel.edges[k]) / cosz
            for _ in range(1 + rng.poisson(others)):
                d = middle + (rng.random() - 0.5) * GROUP
                ex = gx - tx * d + sample[0] * cos - sample[1] * sin - view.u
                ey = gy - ty * d + sample[0] * sin + sample[1] * cos - view.v
                e = max(d - view.w, NEAREST)
                path = np.sqrt(ex * ex + ey * ey + e * e)
                record(rng, ex / e, ey / e, (path * slowness[k] - d) / C, view.axes, optics, charge, times)


__all__ = ["C", "Optics", "View", "electrons", "record"]
