"""What ``core.dl1`` does but once for files that are alike, and what it leaves until it is asked for."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from gammalearn_core import DataError
from gammalearn_core.builtin.loaders.dl1 import DL1Source
from gammalearn_core.data.columns import row_type

Copy = Callable[..., Path]
Open = Callable[..., DL1Source]

LSTCHAIN = Path(__file__).parents[1] / "data" / "lstchain-0.12.3_dl1_gamma_4LST.h5"
NAME = "gamma_diffuse_prod6_run10"
GEOMETRY = "/configuration/instrument/telescope/camera/geometry_0"
TRIGGER = "/dl1/event/subarray/trigger"


def two_copies(copy_of: Copy) -> tuple[Path, Path]:
    return copy_of(NAME, "first.dl1.h5"), copy_of(NAME, "second.dl1.h5")


def test_files_that_describe_the_same_cameras_share_them(copy_of: Copy, open_dl1: Open) -> None:
    one, other = open_dl1(*two_copies(copy_of), level="subarray").files
    assert one.telescopes
    assert all(other.telescopes[n].geometry is t.geometry for n, t in one.telescopes.items())


def test_a_camera_with_another_rotation_is_another_one(copy_of: Copy, open_dl1: Open) -> None:
    first, second = two_copies(copy_of)
    with h5py.File(second, "r+") as file:
        file[GEOMETRY].attrs["CAM_ROT"] = 30.0
    one, other = open_dl1(first, second, level="subarray").files
    changed = [n for n, t in one.telescopes.items() if other.telescopes[n].geometry is not t.geometry]
    assert changed
    assert not any(np.array_equal(one.telescopes[n].geometry.x, other.telescopes[n].geometry.x) for n in changed)


def test_a_damaged_camera_is_refused_beside_files_with_a_good_one(copy_of: Copy, open_dl1: Open) -> None:
    first, second = two_copies(copy_of)
    with h5py.File(second, "r+") as file:
        rows = file[GEOMETRY][:]
        rows["pix_x"][7], rows["pix_y"][7] = rows["pix_x"][8], rows["pix_y"][8]
        file[GEOMETRY][:] = rows
    with pytest.raises(DataError, match=r"geometry_0: some pixels are at the same place"):
        open_dl1(first, second, level="subarray")


def test_tables_of_the_same_columns_have_one_type(copy_of: Copy) -> None:
    first, second = two_copies(copy_of)
    with h5py.File(first) as one, h5py.File(second) as other:
        assert row_type(one[TRIGGER]) is row_type(other[TRIGGER])
        assert row_type(one[TRIGGER]) == one[TRIGGER].dtype


def test_the_trigger_table_of_lstchain_is_read_when_the_multiplicity_is_named(tmp_path: Path, open_dl1: Open) -> None:
    path = Path(shutil.copy(LSTCHAIN, tmp_path / "copy.h5"))
    with h5py.File(path, "r+") as file:
        file[TRIGGER].id.write_direct_chunk((0,), b"no chunk")
    source = open_dl1(path)
    assert len(source.events["event_id"])
    with pytest.raises(DataError, match=r"trigger, rows .* damaged"):
        source.events["multiplicity"]


@pytest.mark.parametrize("name", [NAME, "gamma_mono_trigger", "gamma_test", "gamma_prod4_sst1m"])
@pytest.mark.parametrize("megabytes", [0.3, 0.5, 1.5])
def test_images_of_all_cameras_together_take_no_more_than_the_buffer(
    open_dl1: Open, name: str, megabytes: float
) -> None:
    source = open_dl1(name, level="subarray", buffer_mb=megabytes)
    for rows in np.array_split(np.arange(len(source.events)), 3):
        source.read(rows)
    assert 0 < sum(store._pixels.nbytes for store in source._stores) <= megabytes * 1e6
