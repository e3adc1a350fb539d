"""Tables about the run as a whole: what was thrown, at what it pointed, and what was observed."""

from __future__ import annotations

import h5py
import numpy as np
from numpy.typing import NDArray

from gammalearn_showers.dl1.columns import OBS_ID
from gammalearn_showers.dl1.columns import Column
from gammalearn_showers.dl1.columns import enum
from gammalearn_showers.dl1.table import write_table
from gammalearn_showers.production import Production

CLOCK_START = 1735689600
"""When shower 0 happens: 2025-01-01T00:00:00 TAI, in seconds since 1970-01-01T00:00:00 TAI."""
CLOCK_RATE = 1000
"""Showers a second; the clock is made up, and the same in every production."""
_MJD = {"TRANSFORM": "time", "TIME_SCALE": "tai", "TIME_FORMAT": "mjd"}
_UNKNOWN = (
    ("corsika_version", ""),
    ("simtel_version", ""),
    ("prod_site_B_total", "uT"),
    ("prod_site_B_declination", "rad"),
    ("prod_site_B_inclination", "rad"),
    ("shower_prog_start", ""),
    ("shower_prog_id", ""),
    ("detector_prog_start", ""),
    ("detector_prog_id", ""),
    ("atmosphere", ""),
    ("corsika_iact_options", ""),
    ("corsika_low_E_model", ""),
    ("corsika_high_E_model", ""),
    ("corsika_bunchsize", ""),
    ("corsika_wlen_min", "nm"),
    ("corsika_wlen_max", "nm"),
    ("corsika_low_E_detail", ""),
    ("corsika_high_E_detail", ""),
)
"""Facts of CORSIKA and sim_telarray, with units: NaN, as ctapipe has it where they are not known."""


def event_times(number: NDArray[np.int64]) -> NDArray[np.uint32]:
    """When showers happen, on a clock that is made up: a shower a millisecond since 2025-01-01T00:00:00 TAI.

    Parameters
    ----------
    number : array of int64, (n,)
        Of the showers in their production.

    Returns
    -------
    array of uint32, (n, 2)
        Seconds since 1970-01-01T00:00:00 TAI, and quarters of a nanosecond.

    Examples
    --------
    >>> event_times(np.array([0, 1500])).tolist()
    [[1735689600, 0], [1735689601, 2000000000]]
    """
    seconds, rest = np.divmod(number, CLOCK_RATE)
    return np.column_stack([CLOCK_START + seconds, rest * (4 * 10**9 // CLOCK_RATE)]).astype(np.uint32)


def write_observation(file: h5py.File, production: Production, obs_id: int) -> None:
    """Write the scheduling and observation block, and the pointing of every telescope: constant."""
    start = 40587 + CLOCK_START / 86400
    producer = Column(name="producer_id", dtype="S10", text="where the numbers come from")
    scheduling = (
        Column(name="sb_id", dtype="u8", text="number of the scheduling block"),
        Column(name="sb_type", dtype="i8", facts=enum("SchedulingBlockType")),
        producer,
        Column(name="observing_mode", dtype="i8", facts=enum("ObservingMode")),
        Column(name="pointing_mode", dtype="i8", text="1 is a fixed altitude and azimuth", facts=enum("PointingMode")),
    )
    values: dict[str, object] = {"sb_id": obs_id, "sb_type": 0, "observing_mode": -1, "pointing_mode": 1}
    values["producer_id"] = b"simulation"
    write_table(file, "configuration/observation/scheduling_block", columns=scheduling, values=values)
    observation = (
        Column(name="obs_id", dtype="u8", text="number of the observation block"),
        Column(name="sb_id", dtype="u8", text="number of the scheduling block"),
        producer,
        Column(name="state", dtype="i8", text="1 is completed", facts=enum("ObservationBlockState")),
        Column(name="subarray_pointing_lat", dtype="f4", unit="deg", text="altitude"),
        Column(name="subarray_pointing_lon", dtype="f4", unit="deg", text="azimuth, from north to east"),
        Column(name="subarray_pointing_frame", dtype="i8", text="0 is AltAz", facts=enum("CoordinateFrameType")),
        Column(name="scheduled_duration", dtype="f8", unit="min"),
        Column(name="scheduled_start_time", dtype="f8", facts=_MJD),
        Column(name="actual_start_time", dtype="f8", text="start of a clock that is made up", facts=_MJD),
        Column(name="actual_duration", dtype="f8", unit="min"),
    )
    values = {"obs_id": obs_id, "sb_id": obs_id, "producer_id": b"simulation", "state": 1}
    values |= {"subarray_pointing_lat": 90 - production.zenith, "subarray_pointing_lon": production.azimuth}
    values |= {"scheduled_duration": np.nan, "scheduled_start_time": start}
    values |= {"actual_start_time": start, "actual_duration": np.nan}
    write_table(file, "configuration/observation/observation_block", columns=observation, values=values)
    for tel_id in production.subarray.tel_id:
        _write_pointing(file, production, obs_id, int(tel_id))


def _write_pointing(file: h5py.File, production: Production, obs_id: int, tel_id: int) -> None:
    columns = (
        OBS_ID,
        Column(name="tel_id", dtype="i8", text="number of the telescope"),
        Column(name="telescope_pointing_azimuth", dtype="f4", unit="rad", prefix="telescope_pointing_"),
        Column(name="telescope_pointing_altitude", dtype="f4", unit="rad", prefix="telescope_pointing_"),
    )
    alt, az = production.pointing
    values = {"obs_id": obs_id, "tel_id": tel_id, "telescope_pointing_azimuth": az, "telescope_pointing_altitude": alt}
    write_table(file, f"configuration/telescope/pointing/tel_{tel_id:03d}", columns=columns, values=values)


def write_run(file: h5py.File, production: Production, obs_id: int, n_showers: int) -> None:
    """Write what was thrown, from which effective areas and rates are computed."""
    alt, az = production.pointing
    known: tuple[tuple[str, str, str, object], ...] = (
        ("obs_id", "i4", "", obs_id),
        ("run_number", "i4", "", obs_id),
        ("energy_range_min", "f4", "TeV", production.energy_range[0]),
        ("energy_range_max", "f4", "TeV", production.energy_range[1]),
        ("prod_site_alt", "f8", "m", production.subarray.altitude),
        ("spectral_index", "f8", "", production.index),
        ("n_showers", "i8", "", n_showers),
        ("shower_reuse", "i8", "", 1),
        ("max_alt", "f4", "rad", alt),
        ("min_alt", "f4", "rad", alt),
        ("max_az", "f4", "rad", az),
        ("min_az", "f4", "rad", az),
        ("diffuse", "i8", "", int(production.viewcone > 0)),
        ("max_viewcone_radius", "f4", "deg", production.viewcone),
        ("min_viewcone_radius", "f4", "deg", 0),
        ("max_scatter_range", "f4", "m", production.scatter_radius),
        ("min_scatter_range", "f4", "m", 0),
        ("core_pos_mode", "i8", "", 0),
    )
    columns = tuple(Column(name=name, dtype=dtype, unit=unit) for name, dtype, unit, _ in known)
    columns += tuple(Column(name=name, dtype="f8", unit=unit) for name, unit in _UNKNOWN)
    values = {name: value for name, _, _, value in known} | {name: np.nan for name, _ in _UNKNOWN}
    write_table(file, "configuration/simulation/run", columns=columns, values=values)


__all__ = ["event_times", "write_observation", "write_run"]
