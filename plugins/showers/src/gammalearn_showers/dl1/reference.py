"""Attributes of the whole file: CTAO's reference metadata, and our own provenance."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Mapping
from datetime import UTC
from datetime import datetime
from pathlib import Path

import h5py

from gammalearn_core import DataError
from gammalearn_showers.dl1.table import set_attributes

MODEL = "v7.1.0"
"""Version of ctapipe's data model."""
PROVENANCE = "gammalearn_showers"
"""Attribute of the file that holds the provenance, as JSON."""
_LARGEST = 60_000
"""Bytes of an attribute; HDF5 has room for 64 kB."""

Provenance = Mapping[str, str | int | float]


def write_reference(file: h5py.File, *, provenance: Provenance, array: str, obs_id: int, created: datetime) -> None:
    """Write attributes of the root.

    Identifiers are made from the provenance and ``obs_id``, so that the same file always has the same.

    Parameters
    ----------
    file : h5py.File
    provenance : mapping of str to str, int or float
        What the caller wants to know about the file again; ``version`` is taken for that of the software.
    array : str
        Name of the array.
    obs_id : int
    created : datetime
        With a time zone.

    Raises
    ------
    ValueError
        The provenance is too long for an attribute, or ``created`` has no time zone.
    """
    text = json.dumps(dict(provenance), sort_keys=True)
    if len(text) > _LARGEST:
        raise ValueError(f"expected a provenance of at most {_LARGEST} bytes, got {len(text)}")
    if created.tzinfo is None:
        raise ValueError(f"expected a time with a time zone, got {created}")
    time = created.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
    set_attributes(file, {"CLASS": "GROUP", "TITLE": "", "VERSION": "1.0", "PYTABLES_FORMAT_VERSION": "2.1"})
    set_attributes(file, {PROVENANCE: text})
    about = {
        "REFERENCE VERSION": "1",
        "CONTACT NAME": "unknown",
        "CONTACT EMAIL": "unknown",
        "CONTACT ORGANIZATION": "unknown",
        "PRODUCT DESCRIPTION": "simulated air showers of gammalearn-showers",
        "PRODUCT CREATION TIME": time,
        "PRODUCT ID": _identifier("product", text, obs_id),
        "PRODUCT DATA CATEGORY": "Sim",
        "PRODUCT DATA LEVELS": "DL1_IMAGES,DL1_PARAMETERS",
        "PRODUCT DATA ASSOCIATION": "Subarray",
        "PRODUCT DATA MODEL NAME": "ASWG",
        "PRODUCT DATA MODEL VERSION": MODEL,
        "PRODUCT DATA MODEL URL": "",
        "PRODUCT FORMAT": "hdf5",
        "PROCESS TYPE": "Simulation",
        "PROCESS SUBTYPE": "",
        "PROCESS ID": str(obs_id),
        "ACTIVITY NAME": "gammalearn-showers",
        "ACTIVITY TYPE": "software",
        "ACTIVITY ID": _identifier("activity", text, obs_id),
        "ACTIVITY START TIME": time,
        "ACTIVITY STOP TIME": time,
        "ACTIVITY SOFTWARE NAME": "gammalearn-showers",
        "ACTIVITY SOFTWARE VERSION": str(provenance.get("version", "unknown")),
        "INSTRUMENT SITE": "Other",
        "INSTRUMENT CLASS": "Subarray",
        "INSTRUMENT TYPE": "unspecified",
        "INSTRUMENT SUBTYPE": "unspecified",
        "INSTRUMENT VERSION": "unspecified",
        "INSTRUMENT ID": array,
    }
    set_attributes(file, {f"CTA {key}": value for key, value in about.items()})


def read_provenance(path: str | Path) -> dict[str, str | int | float]:
    """The provenance that a file was written with.

    Raises
    ------
    DataError
        It is no HDF5 file, or none of ours.
    """
    try:
        with h5py.File(path, "r", locking="best-effort") as file:
            text = file.attrs.get(PROVENANCE)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else error
        raise DataError(f"{path} cannot be opened as HDF5: {reason}") from error
    if text is None:
        raise DataError(f"{path} was not written by gammalearn-showers: it has no attribute {PROVENANCE!r}")
    try:
        found: dict[str, str | int | float] = dict(json.loads(text))
    except (TypeError, ValueError) as error:
        raise DataError(f"{path} has an attribute {PROVENANCE!r} that is not of gammalearn-showers") from error
    return found


def _identifier(kind: str, text: str, obs_id: int) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"gammalearn-showers/{kind}/{obs_id}/{text}"))


__all__ = ["MODEL", "Provenance", "read_provenance", "write_reference"]
