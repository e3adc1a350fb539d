"""The root attributes of DL2 files: CTA reference metadata and what the file holds.

The names and the values that are allowed are those of ``ctapipe.io.metadata``. What the DL1 file says of contact,
process and instrument is kept; product and activity are ours.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import UTC
from datetime import datetime

import h5py
from attrs import field
from attrs import frozen

from gammalearn_core._version import __version__
from gammalearn_core.data.columns import text
from gammalearn_core.results.dl2.copying import copy_attributes
from gammalearn_core.results.dl2.copying import set_text

VERSION = "CTA PRODUCT DATA MODEL VERSION"
MODEL_NAME = "CTA PRODUCT DATA MODEL NAME"
_UNKNOWN = {
    "CTA REFERENCE VERSION": "1",
    "CTA CONTACT NAME": "unknown",
    "CTA CONTACT EMAIL": "unknown",
    "CTA CONTACT ORGANIZATION": "unknown",
    "CTA PRODUCT DATA ASSOCIATION": "Subarray",
    MODEL_NAME: "ASWG",
    "CTA PRODUCT DATA MODEL URL": "",
    VERSION: "unknown",
    "CTA PROCESS SUBTYPE": "",
    "CTA PROCESS ID": "",
    "CTA INSTRUMENT SITE": "Other",
    "CTA INSTRUMENT CLASS": "Other",
    "CTA INSTRUMENT TYPE": "unspecified",
    "CTA INSTRUMENT SUBTYPE": "unspecified",
    "CTA INSTRUMENT VERSION": "unspecified",
    "CTA INSTRUMENT ID": "unspecified",
}
"""What is said where the DL1 file does not say it."""
_MOST_RUNS = 1000
"""Attributes are at most 64 KB long: of more runs than these, the first and the last are named."""


@frozen(kw_only=True)
class Activity:
    """What made the file."""

    name: str
    """Such as ``gammalearn run``."""
    description: str
    """Of the product."""
    started: datetime = field(factory=lambda: datetime.now(UTC))
    """When, UTC."""


def write_reference(
    first: h5py.File, destination: h5py.File, activity: Activity, *, simulated: bool, obs_ids: Sequence[int]
) -> None:
    """Write the reference metadata of a file that comes from DL1 files of which this is the first."""
    copy_attributes(first, destination, "CTA ")
    now = datetime.now(UTC)
    for key, value in _UNKNOWN.items():
        if key not in destination.attrs:
            set_text(destination, key, value)
    kind = "Simulation" if simulated else "Observation"
    ours = {
        "CTA PRODUCT DESCRIPTION": activity.description,
        "CTA PRODUCT CREATION TIME": _time(now),
        "CTA PRODUCT ID": str(uuid.uuid4()),
        "CTA PRODUCT DATA LEVELS": "DL2",
        "CTA PRODUCT FORMAT": "hdf5",
        "CTA PROCESS TYPE": kind,
        "CTA PROCESS ID": _runs(obs_ids),
        "CTA ACTIVITY NAME": activity.name,
        "CTA ACTIVITY TYPE": "software",
        "CTA ACTIVITY ID": str(uuid.uuid4()),
        "CTA ACTIVITY START TIME": _time(activity.started),
        "CTA ACTIVITY STOP TIME": _time(now),
        "CTA ACTIVITY SOFTWARE NAME": "gammalearn-core",
        "CTA ACTIVITY SOFTWARE VERSION": __version__,
    }
    ours |= {"CTA PRODUCT DATA CATEGORY": "Sim"} if simulated else {}
    if "CTA PRODUCT DATA CATEGORY" not in destination.attrs:
        ours.setdefault("CTA PRODUCT DATA CATEGORY", "Other")
    for key, value in ours.items():
        set_text(destination, key, value)


def write_root(destination: h5py.File, **facts: str) -> None:
    """Write what makes it a file of PyTables, and facts as ``GAMMALEARN <NAME>``."""
    tables = {"CLASS": "GROUP", "VERSION": "1.0", "TITLE": "", "PYTABLES_FORMAT_VERSION": "2.1"}
    ours = {f"GAMMALEARN {name.upper().replace('_', ' ')}": value for name, value in facts.items()}
    for key, value in (tables | ours).items():
        set_text(destination, key, value)


def data_model(h5: h5py.File) -> str:
    """The version of ctapipe's data model, empty if the file does not say it."""
    return str(text(h5.attrs.get(VERSION, "")))


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.") + f"{moment.microsecond // 1000:03d}"


def _runs(obs_ids: Sequence[int]) -> str:
    numbers = [str(n) for n in sorted(set(obs_ids))]
    return ",".join(numbers if len(numbers) <= _MOST_RUNS else [numbers[0], "...", numbers[-1]])


__all__ = ["MODEL_NAME", "VERSION", "Activity", "data_model", "write_reference", "write_root"]
