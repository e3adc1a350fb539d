"""Which DL1 files can share a DL2 file: those of one particle, one instrument and different runs."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import h5py
import hdf5plugin  # noqa: F401 - registers the blosc filters that ctapipe uses
import numpy as np
from attrs import define
from attrs import evolve
from attrs import field
from attrs import frozen
from numpy.typing import NDArray

from gammalearn_core.data.columns import read_column
from gammalearn_core.errors import DataError
from gammalearn_core.results.dl2.copying import read_raw
from gammalearn_core.results.dl2.reference import data_model

_log = logging.getLogger(__name__)

SHOWER = "/simulation/event/subarray/shower"
TRIGGER = "/dl1/event/subarray/trigger"
TEL_TRIGGER = "/dl1/event/telescope/trigger"
LST = "/dl1/event/telescope/parameters/LST_LSTCam"
"""lstchain's table of images: ids, truth, pointing and Hillas parameters."""
Layout = Literal["ctapipe", "lstchain"]
_PARTICLES = {0: "gamma", 1: "electron", 2: "muon", 101: "proton", 402: "helium", 5626: "iron"}


@frozen(kw_only=True)
class Input:
    """A DL1 file and what decides where its predictions go."""

    number: int
    path: Path
    layout: Layout
    particle: str
    """``observed`` if there is no truth, ``mixed`` if there are several primaries, ``unknown`` without a shower."""
    simulated: bool
    instrument: str
    """Data model and checksum of the instrument's tables."""
    obs_ids: frozenset[int]


@define(kw_only=True)
class Output:
    """A DL2 file to be written."""

    particle: str
    inputs: list[Input] = field(factory=list)


def group(files: Sequence[Path]) -> list[Output]:
    """DL2 files, and the DL1 files that go into each. Files of which no DL2 can be made are left out."""
    outputs: list[Output] = []
    for number, path in enumerate(files):
        found = describe(path)
        if isinstance(found, str):
            what = "no DL2 file is written of it, and its showers are not counted"
            _log.warning("%s %s: %s", path, found, what)
            continue
        described = evolve(found, number=number)
        fitting = (o for o in outputs if all(_fit(described, other) for other in o.inputs))
        output = next(fitting, None)
        if output is None:
            output = Output(particle=described.particle)
            outputs.append(output)
        output.inputs.append(described)
    return outputs


def _fit(one: Input, other: Input) -> bool:
    same = one.particle == other.particle and one.instrument == other.instrument
    return same and not one.obs_ids & other.obs_ids


def describe(path: Path) -> Input | str:
    """What a DL1 file is, as number 0; or why no DL2 can be made of it.

    Raises
    ------
    DataError
        It is damaged.
    """
    if not path.is_file() or not h5py.is_hdf5(path):
        return "is not HDF5"
    try:
        return _describe(path)
    except (OSError, RuntimeError, KeyError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0][:200]
        raise DataError(f"{path} is damaged ({reason}); copy it again") from error


def _describe(path: Path) -> Input | str:
    with h5py.File(path, "r", locking="best-effort") as h5:
        layout: Layout = "lstchain" if isinstance(h5.get(LST), h5py.Dataset) else "ctapipe"
        needed = {"ctapipe": (TRIGGER, TEL_TRIGGER), "lstchain": (LST,)}[layout]
        missing = [p for p in (*needed, "/configuration/instrument") if p not in h5]
        if missing:
            return f"has no events of DL1 of ctapipe or of LSTCam (there is no {missing[0]})"
        particle = _particle(_primaries(h5, layout))
        return Input(
            number=0,
            path=path,
            layout=layout,
            particle=particle,
            simulated=particle != "observed",
            instrument=_instrument(h5),
            obs_ids=frozenset(np.unique(read_column(h5[needed[0]], "obs_id")).tolist()),
        )


def events_of(source: Input) -> str:
    """The table that has a row for each event, or each image, of a file."""
    return LST if source.layout == "lstchain" else TRIGGER


def _primaries(h5: h5py.File, layout: Layout) -> NDArray[np.int64] | None:
    """Numbers of the primaries of the showers; None if there is no truth."""
    if layout == "ctapipe":
        return np.unique(read_column(h5[SHOWER], "true_shower_primary_id")) if SHOWER in h5 else None
    if not {"mc_energy", "mc_type"} <= set(h5[LST].dtype.names):
        return None
    known = np.unique(read_column(h5[LST], "mc_type"))
    return known[known >= 0] if (known >= 0).any() or not len(known) else None


def _particle(primaries: NDArray[np.int64] | None) -> str:
    if primaries is None:
        return "observed"
    if len(primaries) != 1:
        return "mixed" if len(primaries) else "unknown"
    return _PARTICLES.get(int(primaries[0]), f"primary{int(primaries[0])}")


def _instrument(h5: h5py.File) -> str:
    digest = hashlib.sha256(data_model(h5).encode())

    def add(name: str, node: h5py.Group | h5py.Dataset) -> None:
        if isinstance(node, h5py.Dataset):
            digest.update(f"{name}{node.dtype}".encode())
            digest.update(read_raw(node).tobytes())

    h5["/configuration/instrument"].visititems(add)
    types = [str(h5[p].dtype) for p in (TRIGGER, TEL_TRIGGER, SHOWER, LST) if p in h5]
    return hashlib.sha256("".join([digest.hexdigest(), *types]).encode()).hexdigest()


__all__ = ["LST", "SHOWER", "TEL_TRIGGER", "TRIGGER", "Input", "Layout", "Output", "describe", "events_of", "group"]
