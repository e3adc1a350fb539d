"""Copying tables of HDF5 files."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import h5py
import hdf5plugin
import numpy as np

from gammalearn_core.results.dl2.copying import copy_group

ROWS = np.zeros(5000, dtype=[("obs_id", "i4"), ("event_id", "i8"), ("time", "f8")])
COPY = """
import sys, h5py, hdf5plugin
from gammalearn_core.results.dl2.copying import copy_group
with h5py.File(sys.argv[1]) as source:
    table = source["dl1/trigger"]
    table[:]
    for number in range(50):
        with h5py.File(f"{sys.argv[1]}.{number}", "w") as file:
            copy_group(source, file, "/dl1/trigger")
        blocks = [bytearray(size) for size in range(1000, 60000, 500)]
"""


def test_a_table_whose_chunks_are_in_the_cache_is_copied(tmp_path: Path) -> None:
    """HDF5's own copy writes beyond its buffer there, and the process dies."""
    path = tmp_path / "source.h5"
    with h5py.File(path, "w") as file:
        blosc = hdf5plugin.Blosc(cname="zstd", clevel=1, shuffle=hdf5plugin.Blosc.NOSHUFFLE)
        ROWS["event_id"] = np.arange(len(ROWS))
        table = file.create_dataset(
            "dl1/trigger", data=ROWS, chunks=(2000,), maxshape=(None,), fletcher32=True, **blosc
        )
        table.attrs["NROWS"] = len(ROWS)
        table.attrs["nothing"] = h5py.Empty("S1")
    checked = {"MALLOC_CHECK_": "3", "GLIBC_TUNABLES": "glibc.malloc.check=3"}
    done = subprocess.run([sys.executable, "-c", COPY, str(path)], capture_output=True, text=True, env=checked)
    assert done.returncode == 0, done.stderr[-2000:]
    with h5py.File(path) as source, h5py.File(f"{path}.49") as copy:
        assert (copy["dl1/trigger"][:] == source["dl1/trigger"][:]).all()
        assert copy["dl1/trigger"].attrs["nothing"] == h5py.Empty("S1")
        assert copy["dl1/trigger"].chunks == (2000,)


def test_a_group_is_copied_with_all_that_is_in_it(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "source.h5", "w") as source, h5py.File(tmp_path / "copy.h5", "w") as copy:
        source["instrument/camera/geometry"] = np.arange(6).reshape(2, 3)
        source["instrument"].attrs["TITLE"] = "telescopes"
        source["instrument/name"] = 3.5
        copy_group(source, copy, "/instrument")
        copy_group(source, copy, "/not/there")
        assert copy["instrument/camera/geometry"][:].tolist() == [[0, 1, 2], [3, 4, 5]]
        assert copy["instrument"].attrs["TITLE"] == "telescopes"
        assert copy["instrument/name"][()] == 3.5
        assert list(copy) == ["instrument"]
