"""Telescopes and cameras of a file, and how much each of them has."""

from __future__ import annotations

import re
from collections.abc import Mapping
from collections.abc import Sequence

import h5py
from attrs import evolve

from gammalearn_core.builtin.loaders.dl1 import ctapipe
from gammalearn_core.builtin.loaders.dl1.choice import Camera
from gammalearn_core.builtin.loaders.dl1.formats import DL1File
from gammalearn_core.builtin.loaders.dl1.instrument import Telescope
from gammalearn_core.data.columns import read_column
from gammalearn_core.data.geometry import CameraGeometry
from gammalearn_core.data.geometry import merge_same
from gammalearn_core.inspecting.contents import Tables
from gammalearn_core.inspecting.records import CameraInfo
from gammalearn_core.inspecting.records import FileInfo

_TRIGGERS = "/dl1/event/telescope/trigger"


def count_rows(info: FileInfo, tables: Tables, dl1: DL1File | None) -> dict[int, int]:
    """Rows by ``tel_id``: images or, where there are none, parameters or triggers; ``info.counted`` tells which."""
    if dl1 is not None:
        return _summed([table.telescopes for table in dl1.images])
    trigger = tables.get(_TRIGGERS)
    candidates = {
        "images": tables.within(ctapipe.IMAGES),
        "parameters": tables.within(ctapipe.PARAMETERS),
        "triggers": [trigger] if trigger is not None and trigger.size else [],
    }
    info.counted, found = next(((what, t) for what, t in candidates.items() if t), ("images", []))
    return _summed([_rows_by_telescope(table) for table in found])


def _summed(counts: Sequence[Mapping[int, int]]) -> dict[int, int]:
    total: dict[int, int] = {}
    for each in counts:
        for tel_id, number in each.items():
            total[tel_id] = total.get(tel_id, 0) + number
    return total


def _rows_by_telescope(table: h5py.Dataset) -> dict[int, int]:
    of_one = re.search(r"/tel_(\d+)$", table.name)
    if of_one:
        return {int(of_one[1]): len(table)}
    if "tel_id" not in table.dtype.names:
        return {}
    tel_id = read_column(table, "tel_id").tolist()
    return {int(tel): tel_id.count(tel) for tel in set(tel_id)}


def describe_instrument(
    info: FileInfo, telescopes: Mapping[int, Telescope], rows: Mapping[int, int], cameras: Sequence[Camera]
) -> None:
    """Cameras, and telescopes by type.

    Parameters
    ----------
    info : FileInfo
    telescopes : mapping of int to Telescope
        All of the array.
    rows : mapping of int to int
        Rows by ``tel_id``.
    cameras : sequence of Camera
        Those that the loader knows; their names are used.
    """
    groups = [(camera.key, camera.geometry, _members(camera.geometry, list(telescopes.values()))) for camera in cameras]
    others = [t for t in telescopes.values() if not any(t in members for _, _, members in groups)]
    distinct, which = merge_same(evolve(t.geometry) for t in others)
    for index, geometry in enumerate(distinct):
        members = [t for t, i in zip(others, which, strict=True) if i == index]
        groups.append((geometry.name, geometry, members))
    described = [_camera(info, key, geometry, members, rows) for key, geometry, members in groups]
    info.cameras = sorted(described, key=lambda c: (-c.rows, c.name))
    info.telescope_types = _by_type(info, telescopes, rows)


def _members(geometry: CameraGeometry, telescopes: Sequence[Telescope]) -> list[Telescope]:
    """Telescopes that have this geometry; those of one camera share an object, so that few are compared."""
    same: dict[int, bool] = {}
    for telescope in telescopes:
        key = id(telescope.geometry)
        if key not in same:
            same[key] = geometry.same_as(telescope.geometry)
    return [t for t in telescopes if same[id(t.geometry)]]


def _camera(
    info: FileInfo, key: str, geometry: CameraGeometry, members: Sequence[Telescope], rows: Mapping[int, int]
) -> CameraInfo:
    active = sorted(t.tel_id for t in members if rows.get(t.tel_id))
    number = sum(rows[tel_id] for tel_id in active)
    return CameraInfo(
        name=key,
        aliases=geometry.aliases,
        types=tuple(dict.fromkeys(t.type for t in members)),
        n_pixels=geometry.n_pixels,
        lattice=geometry.kind,
        pitch=geometry.pitch,
        focal_length=geometry.focal_length,
        telescopes=len(active),
        telescopes_in_array=len(members),
        tel_ids=tuple(active),
        rows=number,
        images=number if info.counted == "images" else 0,
    )


def _by_type(info: FileInfo, telescopes: Mapping[int, Telescope], rows: Mapping[int, int]) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for tel_id, telescope in telescopes.items():
        here = found.setdefault(telescope.type, {"telescopes": 0, "telescopes_in_array": 0, "images": 0})
        here["telescopes_in_array"] += 1
        here["telescopes"] += bool(rows.get(tel_id))
        here["images"] += rows.get(tel_id, 0) if info.counted == "images" else 0
    return found


__all__ = ["count_rows", "describe_instrument"]
