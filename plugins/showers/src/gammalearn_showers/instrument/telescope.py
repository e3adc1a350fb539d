"""`TelescopeType` and `Subarray`: what an array of telescopes is made of."""

from __future__ import annotations

import attrs
import numpy as np
from numpy.typing import NDArray

from gammalearn_showers.instrument.camera import Camera


@attrs.frozen(eq=False)
class TelescopeType:
    """Optics, camera and electronics of one type of telescope.

    Parameters
    ----------
    name : str
        Name of the optics, such as ``"LST"``.
    size_type : {"LST", "MST", "SST"}
        Class of size, as ctapipe's ``type``.
    camera : Camera
        Its camera.
    mirror_area : float
        In m2, shadows not taken off.
    n_mirrors, n_mirror_tiles : int
        Reflections, and tiles of the primary.
    focal_length, effective_focal_length : float
        Nominal, and with the mean of the aberrations (what images are measured with), in m.
    efficiency : float
        Photo-electrons per photon of 300 to 650 nm that falls on the mirror.
    psf, psf_off_axis : float
        Standard deviation of the spot on the axis (deg), and what is added in quadrature per degree off it (deg/deg).
    nsb : float
        Photo-electrons of the night sky in the integration window of a pixel.
    electronic_noise : float
        Standard deviation of an empty pixel's charge, in p.e.
    charge_resolution : float
        Standard deviation of one photo-electron's charge, in p.e.
    trigger_threshold : float
        Charge of three pixels that touch which triggers, in p.e.
    window : float
        Length of the read-out in ns; times in it are uniform where there is no shower.
    integration : float
        Length of the window in which a pixel's charge is integrated, in ns; light before or after it is lost.
    picture_threshold, boundary_threshold : float
        Cleaning (ctapipe's ``tailcuts_clean``), in p.e.
    """

    name: str
    size_type: str
    camera: Camera
    mirror_area: float
    n_mirrors: int
    n_mirror_tiles: int
    focal_length: float
    effective_focal_length: float
    efficiency: float
    psf: float
    psf_off_axis: float
    nsb: float
    electronic_noise: float
    charge_resolution: float
    trigger_threshold: float
    window: float
    integration: float
    picture_threshold: float
    boundary_threshold: float

    @property
    def description(self) -> str:
        """As ctapipe names telescopes: ``"MST_MST_NectarCam"``."""
        return f"{self.size_type}_{self.name}_{self.camera.name}"


@attrs.frozen(eq=False)
class Subarray:
    """Telescopes on the ground.

    Parameters
    ----------
    name : str
        Such as ``"4mst"``.
    types : tuple of TelescopeType
        Each type once.
    tel_id : array of int, (telescopes,)
        Their numbers, from 1.
    tel_type : array of int, (telescopes,)
        Place of each one's type in `types`.
    position : array of float64, (telescopes, 3)
        North, west and up of the centre of the array, in m (ctapipe's ``GroundFrame``).
    altitude : float
        Of the site above sea level, in m.
    latitude, longitude : float
        Of the site, in deg.
    """

    name: str
    types: tuple[TelescopeType, ...]
    tel_id: NDArray[np.int64]
    tel_type: NDArray[np.int64]
    position: NDArray[np.float64]
    altitude: float
    latitude: float
    longitude: float

    def __len__(self) -> int:
        return len(self.tel_id)


__all__ = ["Subarray", "TelescopeType"]
