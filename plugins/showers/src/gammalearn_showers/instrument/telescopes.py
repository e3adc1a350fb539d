"""Types of telescope, by the camera they carry.

Where the figures are from: mirrors and focal lengths of LST, MST, ASTRI, 1M and SCT from files of CTAO's productions 3
to 6, effective focal length of HESS-I from one of H.E.S.S.; MAGIC from ctapipe_io_magic; FACT from pyfact and Anderhub
et al. 2013; VERITAS from Holder et al. 2006; H.E.S.S. from Bernlöhr et al. 2003 and the observatory's page of its 28 m
telescope. Read-out windows are about those of the experiments.
"""

from __future__ import annotations

from functools import cache

import attrs

from gammalearn_showers.instrument.cameras import camera
from gammalearn_showers.instrument.telescope import TelescopeType


@attrs.frozen(kw_only=True)
class Figures:
    """Everything of a `TelescopeType` but its camera, with the values that many share."""

    name: str
    size_type: str
    mirror_area: float
    n_mirrors: int = 1
    n_mirror_tiles: int
    focal_length: float
    effective_focal_length: float
    efficiency: float = 0.16
    psf: float = 0.02
    psf_off_axis: float = 0.015
    nsb: float
    electronic_noise: float = 0.5
    charge_resolution: float = 0.4
    trigger_threshold: float = 25.0
    window: float = 60.0
    integration: float = 4.5
    picture_threshold: float = 8.0
    boundary_threshold: float = 4.0


# The night sky is 1.5 p.e. for LSTCam and NectarCam; for the others it goes with mirror area, efficiency and solid
# angle of a pixel, as `pixel_light` has it (a test holds this). The trigger's threshold is 20 p.e. for cameras that see
# less than half a p.e. of it, else 25 p.e.
FIGURES = {
    "LSTCam": Figures(
        name="LST",
        size_type="LST",
        mirror_area=387.0,
        n_mirror_tiles=198,
        focal_length=28.0,
        effective_focal_length=29.237,
        efficiency=0.165,
        psf=0.015,
        nsb=1.5,
        window=40.0,
        picture_threshold=10.0,
        boundary_threshold=5.0,
    ),
    "NectarCam": Figures(
        name="MST",
        size_type="MST",
        mirror_area=106.3,
        n_mirror_tiles=86,
        focal_length=16.0,
        effective_focal_length=16.445,
        nsb=1.5,
        trigger_threshold=32.0,
        picture_threshold=10.0,
        boundary_threshold=5.0,
    ),
    "FlashCam": Figures(
        name="MST",
        size_type="MST",
        mirror_area=106.2,
        n_mirror_tiles=86,
        focal_length=16.0,
        effective_focal_length=16.445,
        nsb=1.5,
        trigger_threshold=32.0,
    ),
    # The table is an earlier design, pixels 3 % smaller than those of production 4 (24.3 mm): 0.241 for 0.249 deg.
    "DigiCam": Figures(
        name="1M",
        size_type="SST",
        mirror_area=9.42,
        n_mirror_tiles=18,
        focal_length=5.6,
        effective_focal_length=5.697,
        nsb=0.247,
        trigger_threshold=20.0,
        window=80.0,
    ),
    "ASTRICam": Figures(
        name="ASTRI",
        size_type="SST",
        mirror_area=14.1,
        n_mirrors=2,
        n_mirror_tiles=18,
        focal_length=2.15,
        effective_focal_length=2.152,
        psf=0.05,
        nsb=0.276,
        trigger_threshold=20.0,
    ),
    # The table, of production 3, is of the camera of the GCT (f = 2.283 m, pixels of 0.161 deg); with ASTRI's optics
    # its pixels are 0.171 deg. Later CHEC cameras, for ASTRI, have pixels of 0.19 deg.
    "CHEC": Figures(
        name="ASTRI",
        size_type="SST",
        mirror_area=14.1,
        n_mirrors=2,
        n_mirror_tiles=18,
        focal_length=2.15,
        effective_focal_length=2.152,
        psf=0.05,
        nsb=0.22,
        trigger_threshold=20.0,
        window=96.0,
    ),
    # The table's pixels are 6.69 mm (0.0686 deg), those of later files 6.44 mm; published are 0.067 deg.
    "SCTCam": Figures(
        name="SCT",
        size_type="MST",
        mirror_area=73.3,
        n_mirrors=2,
        n_mirror_tiles=48,
        focal_length=5.586,
        effective_focal_length=5.586,
        nsb=0.185,
        trigger_threshold=20.0,
        window=64.0,
    ),
    "MAGICCam": Figures(
        name="MAGIC",
        size_type="LST",
        mirror_area=239.0,
        n_mirror_tiles=964,
        focal_length=16.97,
        effective_focal_length=18.212,
        nsb=0.99,
        window=30.0,
    ),
    # The effective focal length is a guess: 4 % more, as HESS-I, of the same kind but f/1.2, has 3 %.
    "VERITAS": Figures(
        name="VERITAS",
        size_type="MST",
        mirror_area=110.0,
        n_mirror_tiles=350,
        focal_length=12.0,
        effective_focal_length=12.46,
        nsb=1.04,
        window=32.0,
    ),
    "HESS-I": Figures(
        name="HESS-I",
        size_type="MST",
        mirror_area=107.0,
        n_mirror_tiles=380,
        focal_length=15.0,
        effective_focal_length=15.415,
        nsb=1.21,
        window=16.0,
    ),
    # The effective focal length is a guess: 4 % more, as the LST has, which is a paraboloid of f/1.2 too.
    "HESS-II": Figures(
        name="HESS-II",
        size_type="LST",
        mirror_area=614.0,
        n_mirror_tiles=875,
        focal_length=36.0,
        effective_focal_length=37.5,
        nsb=1.17,
        window=16.0,
    ),
    # The effective focal length is the nominal one and pyfact's 2.1 % of pincushion distortion.
    "FACT": Figures(
        name="FACT",
        size_type="SST",
        mirror_area=9.51,
        n_mirror_tiles=30,
        focal_length=4.889,
        effective_focal_length=4.99,
        nsb=0.053,
        trigger_threshold=20.0,
        window=150.0,
    ),
}
"""Figures of each camera's telescope."""


@cache
def telescope_type(camera_name: str) -> TelescopeType:
    """The telescope that carries a camera; the same object whenever it is asked for.

    Hexagonal cameras (``"hexN"``) are on the MST. Their night sky goes with the size of pixels, and the thresholds of
    trigger and cleaning with its fluctuations, from those of NectarCam.

    Raises
    ------
    UnknownComponentError
        There is no such camera.

    Examples
    --------
    >>> telescope_type("NectarCam").description
    'MST_MST_NectarCam'
    """
    carried = camera(camera_name)
    if camera_name in FIGURES:
        return TelescopeType(camera=carried, **attrs.asdict(FIGURES[camera_name]))
    model = telescope_type("NectarCam")
    nsb = model.nsb * (carried.width / model.camera.width) ** 2
    noise = ((nsb + model.electronic_noise**2) / (model.nsb + model.electronic_noise**2)) ** 0.5
    return attrs.evolve(
        model,
        camera=carried,
        nsb=nsb,
        trigger_threshold=noise * model.trigger_threshold,
        picture_threshold=noise * model.picture_threshold,
        boundary_threshold=noise * model.boundary_threshold,
    )


def pixel_light(kind: TelescopeType) -> float:
    """Photo-electrons in a pixel per photon of the sky's light that comes per m2 and sr."""
    width = kind.camera.width / kind.effective_focal_length
    return kind.mirror_area * kind.efficiency * width**2 * (0.75**0.5 if kind.camera.hexagonal else 1.0)


__all__ = ["FIGURES", "Figures", "pixel_light", "telescope_type"]
