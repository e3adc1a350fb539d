"""Which DL1 files can share a DL2 file: those of one particle, one instrument and different runs."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from pathlib import Path

import h5py
import hdf5plugin  # noqa: F401 - registers the blosc filters that ctapipe uses
import numpy as np
from attrs import define
from attrs import field
from attrs import frozen

from gammalearn_core.results.dl2.copying import read_raw

_log = logging.getLogger(__name__)

SHOWER = "/simulation/event/subarray/shower"
TRIGGER = "/dl1/event/subarray/trigger"
TEL_TRIGGER = "/dl1/event/telescope/trigger"
VERSION = "CTA PRODUCT DATA MODEL VERSION"
_PARTICLES = {0: "gamma", 1: "electron", 2: "muon", 101: "proton", 402: "helium", 5626: "iron"}


@frozen(kw_only=True)
class Input:
    """A DL1 file and what decides where its predictions go."""

    number: int
    path: Path
    particle: str
    instrument: str
    """Data model and checksum of the instrument's tables."""
    obs_ids: frozenset[int]


@define(kw_only=True)
class Output:
    """A DL2 file to be written."""

    particle: str
    inputs: list[Input] = field(factory=list)


def group(files: Sequence[Path]) -> list[Output]:
    """DL2 files, and the DL1 files that go into each. Files without events of ctapipe DL1 are left out."""
    outputs: list[Output] = []
    for number, path in enumerate(files):
        described = _describe(number, path)
        if described is None:
            what = "no DL2 file is written of it, and its showers are not counted"
            _log.warning("%s has no events of ctapipe DL1: %s", path, what)
            continue
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


def _describe(number: int, path: Path) -> Input | None:
    if not h5py.is_hdf5(path):
        return None
    with h5py.File(path, "r", locking="best-effort") as h5:
        if any(path not in h5 for path in (TRIGGER, TEL_TRIGGER, "/configuration/instrument")):
            return None
        return Input(
            number=number,
            path=path,
            particle=_particle(h5),
            instrument=_instrument(h5),
            obs_ids=frozenset(np.unique(h5[TRIGGER]["obs_id"]).tolist()),
        )


def _particle(h5: h5py.File) -> str:
    if SHOWER not in h5:
        return "observed"
    primaries = np.unique(h5[SHOWER]["true_shower_primary_id"]).tolist()
    if len(primaries) != 1:
        return "mixed"
    return _PARTICLES.get(primaries[0], f"primary{primaries[0]}")


def _instrument(h5: h5py.File) -> str:
    digest = hashlib.sha256(str(h5.attrs.get(VERSION, "")).encode())

    def add(name: str, node: h5py.Group | h5py.Dataset) -> None:
        if isinstance(node, h5py.Dataset):
            digest.update(f"{name}{node.dtype}".encode())
            digest.update(read_raw(node).tobytes())

    h5["/configuration/instrument"].visititems(add)
    types = [str(h5[p].dtype) for p in (TRIGGER, TEL_TRIGGER, SHOWER) if p in h5]
    return hashlib.sha256("".join([digest.hexdigest(), *types]).encode()).hexdigest()


__all__ = ["SHOWER", "TEL_TRIGGER", "TRIGGER", "VERSION", "Input", "Output", "group"]
