"""`Column`: name, type, unit and meaning of a column, and the columns of event tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
import numpy as np

from gammalearn_showers.dl1.parameters import CONCENTRATION
from gammalearn_showers.dl1.parameters import HILLAS
from gammalearn_showers.dl1.parameters import INTENSITY
from gammalearn_showers.dl1.parameters import LEAKAGE
from gammalearn_showers.dl1.parameters import MORPHOLOGY
from gammalearn_showers.dl1.parameters import PEAK_TIME
from gammalearn_showers.dl1.parameters import TIMING

Fact = str | int | bytes
"""Value of a column's attribute; bytes are stored as ASCII, texts as UTF-8."""


@attrs.frozen(kw_only=True)
class Column:
    """A column of a table.

    Parameters
    ----------
    name : str
        Its name in the table.
    dtype : str
        As numpy names it; ``"?"`` is stored as a bit field, as PyTables does.
    shape : tuple of int
        Of a cell.
    text : str
        What it is.
    unit : str
        As astropy writes it.
    prefix : str
        Part of the name that ctapipe's field has not.
    facts : mapping of str to str, int or bytes
        More attributes of the column, such as ``{"TRANSFORM": "enum"}``.
    """

    name: str
    dtype: str
    shape: tuple[int, ...] = ()
    text: str = ""
    unit: str = ""
    prefix: str = ""
    facts: Mapping[str, Fact] = attrs.field(factory=dict)

    @property
    def attributes(self) -> dict[str, Fact]:
        """``CTAFIELD_<position>_<key>`` attributes by key."""
        found: dict[str, Fact] = {"NAME": self.name.removeprefix(self.prefix)}
        if self.text:
            found["DESC"] = self.text
        if self.unit:
            found |= {"UNIT": self.unit, "TRANSFORM": "quantity"}
        if self.dtype.startswith("S"):
            found |= {"TRANSFORM": "string", "MAXLEN": int(self.dtype[1:])}
        return {**found, **self.facts}


def row_type(columns: tuple[Column, ...]) -> np.dtype[Any]:
    """Type of a row."""
    return np.dtype([(c.name, c.dtype, c.shape) for c in columns])


def enum(name: str) -> dict[str, Fact]:
    """Facts of a column of one of ctapipe's enumerations, which it names by a pickle of protocol 0."""
    return {"TRANSFORM": "enum", "ENUM": f"cctapipe.containers\n{name}\np0\n.".encode("ascii")}


OBS_ID = Column(name="obs_id", dtype="i4", text="number of the observation block")
EVENT_ID = Column(name="event_id", dtype="i8", text="number of the shower, from 1")
TEL_ID = Column(name="tel_id", dtype="i2", text="number of the telescope")
TIME = Column(
    name="time",
    dtype="u4",
    shape=(2,),
    text="seconds and quarters of a nanosecond since 1970-01-01T00:00:00 TAI",
    facts={"TRANSFORM": "time", "TIME_SCALE": "tai", "TIME_FORMAT": "ctao_high_res"},
)
EVENT_TYPE = Column(name="event_type", dtype="i8", text="32 is a shower", facts=enum("EventType"))
INDEX = (OBS_ID, EVENT_ID, TEL_ID)


def subarray_trigger(n_telescopes: int) -> tuple[Column, ...]:
    """Columns of ``dl1/event/subarray/trigger``."""
    which = Column(
        name="tels_with_trigger",
        dtype="?",
        shape=(n_telescopes,),
        text="telescopes that triggered, in the order of the layout",
        facts={"TRANSFORM": "tel_list_to_mask"},
    )
    return (OBS_ID, EVENT_ID, TIME, which, EVENT_TYPE)


TELESCOPE_TRIGGER = (
    *INDEX,
    TIME,
    EVENT_TYPE,
    Column(name="n_trigger_pixels", dtype="i8", text="groups of pixels that triggered; -1 is unknown"),
)
SHOWER = (
    OBS_ID,
    EVENT_ID,
    *(
        Column(name=f"true_{name}", dtype=dtype, unit=unit, text=text, prefix="true_")
        for name, dtype, unit, text in (
            ("energy", "f8", "TeV", "energy of the primary"),
            ("alt", "f8", "deg", "altitude that the primary comes from"),
            ("az", "f8", "deg", "azimuth that the primary comes from, from north to east"),
            ("core_x", "f8", "m", "where the axis meets the ground, to the north"),
            ("core_y", "f8", "m", "where the axis meets the ground, to the west"),
            ("h_first_int", "f8", "m", "height of the first interaction above sea level"),
            ("x_max", "f8", "g.cm**-2", "slant depth of the shower maximum"),
            ("starting_grammage", "f8", "g.cm**-2", "depth where the primary was injected"),
            ("shower_primary_id", "i8", "", "0 is a gamma, 1 an electron, 101 a proton"),
        )
    ),
)
IMPACT = (
    *INDEX,
    Column(
        name="true_impact_distance",
        dtype="f8",
        unit="m",
        text="distance of the telescope from the shower axis",
        prefix="true_impact_",
    ),
    Column(
        name="true_impact_distance_uncert",
        dtype="f8",
        unit="m",
        text="uncertainty of the distance",
        prefix="true_impact_",
    ),
)


def images(n_pixels: int) -> tuple[Column, ...]:
    """Columns of ``dl1/event/telescope/images``."""
    shape = (n_pixels,)
    return (
        *INDEX,
        Column(name="image", dtype="f4", shape=shape, text="charge in p.e."),
        Column(name="peak_time", dtype="f4", shape=shape, text="time of the pulse in ns"),
        Column(name="image_mask", dtype="?", shape=shape, text="pixels that the cleaning takes for signal"),
        Column(name="is_valid", dtype="?", text="whether the charges can be used"),
    )


def true_images(n_pixels: int) -> tuple[Column, ...]:
    """Columns of ``simulation/event/telescope/images``."""
    return (
        *INDEX,
        Column(name="true_image_sum", dtype="i4", text="photo-electrons of the shower in the camera"),
        Column(name="true_image", dtype="i4", shape=(n_pixels,), text="photo-electrons of the shower alone"),
    )


_DEGREES = ("fov_lon", "fov_lat", "r", "phi", "length", "width", "psi", "uncertainty")
_GROUPS = ("hillas", "timing", "leakage", "concentration", "morphology", "intensity", "peak_time")
_FLOATS = ("leakage_intensity_width_1", "leakage_intensity_width_2")
_CORE_PSI = Column(name="core_psi", dtype="f8", unit="deg", text="direction on the ground; never known", prefix="core_")


def _parameter(name: str, *, true: bool) -> Column:
    group = next(g for g in _GROUPS if name.startswith(g))
    whole = group == "morphology"
    single = not true and (name in _FLOATS or name.endswith(("_max", "_min", "_mean", "_std")))
    counted = true and name in ("intensity_max", "intensity_min")
    unit = "deg" if group == "hillas" and name.endswith(_DEGREES) else "deg**-1" if name == "timing_slope" else ""
    before = "true_" if true else ""
    return Column(
        name=before + name,
        dtype="i8" if whole else "i4" if counted else "f4" if single else "f8",
        unit=unit,
        prefix=f"{before}{group}_",
    )


PARAMETERS = (
    *INDEX,
    *(
        _parameter(name, true=False)
        for name in (*HILLAS, *TIMING, *LEAKAGE, *CONCENTRATION, *MORPHOLOGY, *INTENSITY, *PEAK_TIME)
    ),
    _CORE_PSI,
)
TRUE_PARAMETERS = (
    *INDEX,
    *(_parameter(name, true=True) for name in (*HILLAS, *LEAKAGE, *CONCENTRATION, *MORPHOLOGY, *INTENSITY)),
)

__all__ = [
    "EVENT_ID",
    "IMPACT",
    "OBS_ID",
    "PARAMETERS",
    "SHOWER",
    "TELESCOPE_TRIGGER",
    "TEL_ID",
    "TRUE_PARAMETERS",
    "Column",
    "Fact",
    "enum",
    "images",
    "row_type",
    "subarray_trigger",
    "true_images",
]
