"""The two layouts of a file of one particle."""

from __future__ import annotations

import h5py
import numpy as np

from gammalearn_core import Problem
from gammalearn_core import SettingsError
from gammalearn_gammaboard_export.reading import Sample
from gammalearn_gammaboard_export.reading import Samples
from gammalearn_gammaboard_export.reading import Thrown
from gammalearn_gammaboard_export.reading.sample import GAMMA
from gammalearn_gammaboard_export.reading.sample import PROTON
from gammalearn_gammaboard_export.reading.tables import Floats
from gammalearn_gammaboard_export.reading.thrown import UNITS
from gammalearn_gammaboard_export.writing.pytables import write_frame
from gammalearn_gammaboard_export.writing.pytables import write_root
from gammalearn_gammaboard_export.writing.pytables import write_table

_RUN = "/simulation/run_config"
_LST = "/dl2/event/telescope/parameters/LST_LSTCam"
_CUT = 0.5
"""Gammaness from which on an event is called a gamma: where GammaBoard's slider begins with two classes."""
_LST_UNITS = {"mc_energy": "TeV", "reco_energy": "TeV"}
_LST_UNITS |= dict.fromkeys(("mc_alt", "mc_az", "reco_alt", "reco_az"), "rad")
_LST_UNITS |= dict.fromkeys(("mc_core_x", "mc_core_y", "reco_core_x", "reco_core_y"), "m")


def check_layout(layout: str, samples: Samples) -> None:
    """Refuse lstchain's layout where it would say what is not so.

    Raises
    ------
    SettingsError
        The events are not those of an LSTCam, or have no gammaness.
    """
    if layout != "lstchain":
        return
    parts = [samples.gammas, *([samples.background] if samples.background else [])]
    folder = samples.gammas.files[0].parent
    if any("tel_id" not in part.ids for part in parts):
        what = f"lstchain's layout has a row an image, and {folder} has events of several telescopes"
    elif any(part.camera != "LSTCam" for part in parts):
        what = f"lstchain's layout is for LSTCam, and {folder} is of {samples.gammas.camera or 'another camera'}"
    elif not samples.gammas.knows("gammaness"):
        what = f"GammaBoard needs the gammaness in lstchain's layout, and {folder} has none"
    else:
        return
    raise SettingsError([Problem("layout", what, "write the layout gammalearn")])


def fill(h5: h5py.File, samples: Samples, *, gammas: bool, layout: str) -> None:
    """Fill the file of the gammas, or that of all others, which are protons to GammaBoard."""
    sample = samples.gammas if gammas else samples.background
    if sample is None:
        raise ValueError("there is no background")
    write_root(h5, f"GammaBoard: {'gamma' if gammas else 'proton'}")
    centre = _centre(samples.gammas)
    if layout == "lstchain":
        _fill_lstchain(h5, sample, gammas=gammas, centre=centre)
    else:
        columns = _gammalearn_columns(sample, gammas=gammas, centre=centre)
        if samples.background is None:
            # GammaBoard takes it for a run with one class, and cuts at 1.
            columns.pop("reco_gammaness", None)
        write_frame(h5, "data", columns)
    if gammas:
        write_frame(h5, "triggered_events", {"mc_energy": sample.triggered[np.isfinite(sample.triggered)]})
    if isinstance(sample.thrown, Thrown):
        _write_run(h5, sample.thrown, layout)


def _gammalearn_columns(sample: Sample, *, gammas: bool, centre: float) -> dict[str, Floats]:
    alt, az, reco_alt, reco_az = _angles(sample, centre)
    kind = 0.0 if gammas else 1.0
    columns = {
        "mc_energy": sample.columns["true_energy"],
        "reco_energy": _known(sample, "reco_energy"),
        "mc_altitude": alt,
        "mc_azimuth": az,
        "reco_altitude": reco_alt,
        "reco_azimuth": reco_az,
        "mc_impact_x": sample.columns["true_core_x"],
        "mc_impact_y": sample.columns["true_core_y"],
        "reco_impact_x": _known(sample, "reco_core_x"),
        "reco_impact_y": _known(sample, "reco_core_y"),
        "mc_particle": np.full(len(sample), kind),
        "reco_particle": _classes(sample, 1.0),
    }
    return columns | ({"reco_gammaness": sample.columns["gammaness"]} if sample.knows("gammaness") else {})


def _fill_lstchain(h5: h5py.File, sample: Sample, *, gammas: bool, centre: float) -> None:
    alt, az, reco_alt, reco_az = _angles(sample, centre)
    kinds = _classes(sample, PROTON).astype(np.int64)
    energy = _known(sample, "reco_energy")
    columns = {
        **sample.ids,
        "event_type": np.full(len(sample), 32),
        "mc_type": np.full(len(sample), GAMMA if gammas else PROTON),
        "mc_energy": sample.columns["true_energy"],
        "mc_alt": alt,
        "mc_az": az,
        "mc_core_x": sample.columns["true_core_x"],
        "mc_core_y": sample.columns["true_core_y"],
        "reco_energy": energy,
        "log_reco_energy": np.log10(energy),
        "reco_alt": reco_alt,
        "reco_az": reco_az,
        "reco_core_x": _known(sample, "reco_core_x"),
        "reco_core_y": _known(sample, "reco_core_y"),
        "gammaness": sample.columns["gammaness"],
        "reco_type": kinds,
        "reco_particle": kinds,
    }
    write_table(h5, _LST, columns, _LST_UNITS)


def _angles(sample: Sample, centre: float) -> tuple[Floats, Floats, Floats, Floats]:
    """True altitude and azimuth, predicted altitude and azimuth, rad.

    Azimuths are within 180 deg of the centre and of the truth, so that none jumps from 360 to 0 deg in a matrix.
    """
    columns = sample.columns
    az = centre + _turned(columns["true_az"] - centre)
    reco_az = az + _turned(_known(sample, "reco_az") - az)
    angles = (columns["true_alt"], az, _known(sample, "reco_alt"), reco_az)
    return np.radians(angles[0]), np.radians(angles[1]), np.radians(angles[2]), np.radians(angles[3])


def _turned(angle: Floats) -> Floats:
    """The same angle from -180 to 180 deg."""
    return np.asarray((angle + 180) % 360 - 180)


def _centre(sample: Sample) -> float:
    """The mean azimuth, from 0 to 360 deg."""
    az = np.radians(sample.columns["true_az"])
    return float(np.degrees(np.arctan2(np.sin(az).mean(), np.cos(az).mean())) % 360)


def _known(sample: Sample, column: str) -> Floats:
    """A column; NaN in all rows if it was not predicted. GammaBoard opens no file that lacks one."""
    return sample.columns.get(column, np.full(len(sample), np.nan))


def _classes(sample: Sample, other: float) -> Floats:
    """0 for what is called a gamma: every event, if the run cannot tell them apart and so rejects none."""
    if not sample.knows("gammaness"):
        return np.full(len(sample), float(GAMMA))
    return np.where(sample.columns["gammaness"] >= _CUT, float(GAMMA), float(other))


def _write_run(h5: h5py.File, thrown: Thrown, layout: str) -> None:
    """One row for all runs, which are the same but for their showers."""
    count = np.array([round(thrown.n_showers)])
    names = ("num_showers", "n_showers") if layout == "lstchain" else ("num_showers",)
    columns = dict.fromkeys(names, count) | {"shower_reuse": np.array([1])}
    columns |= {name: np.array([value]) for name, value in thrown.parameters.items()}
    write_table(h5, _RUN, columns, UNITS)


__all__ = ["check_layout", "fill"]
