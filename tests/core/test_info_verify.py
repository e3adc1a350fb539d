"""``gammalearn info --verify``: every chunk of every table and array is read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import h5py
import hdf5plugin
import numpy as np
import pytest
from test_info_problems import change
from test_info_problems import flip_a_byte
from test_info_problems import told

from gammalearn_core.inspecting.describing import describe
from gammalearn_core.inspecting.records import Finding

Copy = Callable[..., Path]

IMAGES = "/dl1/event/telescope/images"
BLOCK = "/configuration/observation/observation_block"


def test_a_sound_file_has_no_problems(copy_of: Copy) -> None:
    info = describe(copy_of("gamma_4lst_lasercal"), everything=True)
    assert (info.problems, info.verified) == ([], True)


@pytest.mark.parametrize("table", [f"{IMAGES}/tel_002", "/simulation/event/telescope/images/tel_003", BLOCK])
def test_damage_is_found_in_any_table(copy_of: Copy, table: str) -> None:
    path = copy_of("gamma_4lst_lasercal")
    flip_a_byte(path, table)
    with h5py.File(path) as h5:
        rows = len(h5[table])
    wrong = Finding(severity="error", what="damaged: the checksum is wrong", table=table, rows=(0, rows))
    assert describe(path, everything=True).problems == [wrong]
    assert describe(path).problems == []


def test_a_column_that_cuts_cannot_be_made_on_is_found(copy_of: Copy) -> None:
    path, trigger = copy_of("gamma_4lst_lasercal"), "/dl1/event/subarray/trigger"
    with h5py.File(path, "r+") as h5:
        rows, attributes = h5[trigger][:], dict(h5[trigger].attrs)
        del h5[trigger]
        kinds = [(n, "f4" if n == "tels_with_trigger" else rows.dtype[n]) for n in rows.dtype.names]
        table = h5.create_dataset(trigger, (3,), kinds, chunks=(3,), fletcher32=True)
        table[:] = np.array(
            [tuple(0.0 if n == "tels_with_trigger" else r[n] for n in rows.dtype.names) for r in rows], kinds
        )
        table.attrs.update(attributes)
    assert describe(path).usable
    assert told(describe(path, everything=True)) == [
        ("error", f"table {trigger}, column 'tels_with_trigger': float32 is not a mask of telescopes")
    ]


def test_a_table_that_was_found_damaged_before_is_told_once(copy_of: Copy) -> None:
    path = copy_of("gamma_4lst_lasercal")
    flip_a_byte(path, "/simulation/event/subarray/shower")
    (wrong,) = describe(path, everything=True).problems
    assert (wrong.table, wrong.rows) == ("/simulation/event/subarray/shower", (0, 3))


def test_each_damaged_chunk_is_listed_and_no_other(copy_of: Copy) -> None:
    path = copy_of("gamma_4lst_lasercal")
    values = np.zeros(100, dtype=[("a", "i8"), ("b", "f4", (50,))])
    values["b"] = np.random.default_rng(1).random((100, 50))
    with h5py.File(path, "r+") as h5:
        h5.create_dataset("extra", data=values, chunks=(30,), fletcher32=True, **hdf5plugin.Blosc(cname="zstd"))
    for number in (1, 3):
        flip_a_byte(path, "extra", number)
    assert [(p.table, p.rows) for p in describe(path, everything=True).problems] == [
        ("/extra", (30, 60)),
        ("/extra", (90, 100)),
    ]


@pytest.mark.parametrize("filters", [{"compression": "gzip"}, {"compression": "lzf", "shuffle": True}, {}])
def test_arrays_of_several_dimensions_and_other_filters_are_read_too(copy_of: Copy, filters: dict[str, object]) -> None:
    path = copy_of("gamma_4lst_lasercal")
    values = np.random.default_rng(1).random((40, 50))
    with h5py.File(path, "r+") as h5:
        h5.create_dataset("array", data=values, chunks=(10, 25), fletcher32=True, **filters)
    flip_a_byte(path, "array", 2)
    ((severity, what),) = told(describe(path, everything=True))
    (wrong,) = describe(path, everything=True).problems
    assert (severity, what[:20], wrong.rows) == ("error", "damaged: the checksu", (10, 20))


def test_what_has_no_checksum_is_told_since_its_damage_is_not_seen(copy_of: Copy) -> None:
    path = copy_of("gamma_4lst_lasercal")
    with h5py.File(path, "r+") as h5:
        h5["plain"] = np.arange(10)
        h5["whole"] = np.zeros((3, 4, 5))
        h5["scalar"] = 3
        h5["texts"] = np.array(["a", "bb"], dtype=h5py.string_dtype())
        h5["nothing"] = h5py.Empty("f")
        h5["no_rows"] = np.zeros((0, 3))
    info = describe(path, everything=True)
    ((severity, what),) = told(info)
    assert severity == "warning"
    assert what.startswith("4 tables of ")
    assert what.endswith(" without checksums: damage in them may go unseen")
    assert info.storage is not None
    assert info.storage.without_checksum == ("/plain", "/scalar", "/texts", "/whole")


def test_a_type_that_cannot_be_read_is_told(copy_of: Copy) -> None:
    path = copy_of("gamma_4lst_lasercal")
    with h5py.File(path, "r+") as h5:
        h5py.h5d.create(h5.id, b"time", h5py.h5t.UNIX_D32LE, h5py.h5s.create_simple((4,)))
    (wrong,) = describe(path, everything=True).problems
    assert (wrong.severity, wrong.table) == ("warning", "/time")
    assert "damage in it goes unseen" in wrong.what


def test_images_that_are_marked_as_not_valid_are_counted(copy_of: Copy) -> None:
    path = copy_of("gamma_4lst_lasercal")
    change(path, f"{IMAGES}/tel_001", "is_valid", slice(0, 2), False)
    what = "2 images marked as not valid, which core.dl1 uses all the same"
    assert told(describe(path, everything=True)) == [("warning", what)]
    assert describe(path).problems == []


def test_pixels_without_a_value_are_counted(copy_of: Copy) -> None:
    path = copy_of("gamma_4lst_lasercal")
    with h5py.File(path, "r+") as h5:
        table = h5[f"{IMAGES}/tel_001"]
        assert table.dtype["image"].base == np.float32
        rows = table[:]
        rows["image"][0, :3] = np.nan
        table[:] = rows
    what = "3 pixels without a finite value, which core.dl1 makes 0"
    assert told(describe(path, everything=True)) == [("warning", what)]


def test_every_table_is_told_before_it_is_read(copy_of: Copy) -> None:
    path = copy_of("gamma_4lst_lasercal")
    seen: list[str] = []
    info = describe(path, everything=True, progress=seen.append)
    assert info.storage is not None
    assert (len(seen), len(set(seen))) == (info.storage.tables, info.storage.tables)
