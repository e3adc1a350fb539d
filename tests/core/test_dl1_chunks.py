"""Chunks that are decoded here are what HDF5 makes of them, whatever filters they have."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import hdf5plugin
import numpy as np
import pytest
from numpy.typing import NDArray

from gammalearn_core import DataError
from gammalearn_core.builtin.loaders.dl1.chunks import layout
from gammalearn_core.builtin.loaders.dl1.chunks import read_chunk

FILTERS: dict[str, dict[str, Any]] = {
    "none": {},
    "checksum": {"fletcher32": True},
    "blosc": {**hdf5plugin.Blosc("zstd", 5, 1)},
    "blosc and checksum": {**hdf5plugin.Blosc("lz4", 1, 0), "fletcher32": True},
    "gzip": {"compression": "gzip"},
    "shuffle, gzip and checksum": {"compression": "gzip", "shuffle": True, "fletcher32": True},
    "shuffle, blosc and checksum": {**hdf5plugin.Blosc("zstd", 1, 0), "shuffle": True, "fletcher32": True},
    "one that HDF5 must undo": {"compression": "lzf"},
    "another that HDF5 must undo": {**hdf5plugin.Zstd(3), "fletcher32": True},
}


def rows(n: int = 50) -> NDArray[Any]:
    random = np.random.default_rng(1)
    table = np.zeros(n, dtype=[("event_id", "<i8"), ("image", "<f4", (37,)), ("valid", "u1")])
    table["event_id"], table["image"] = np.arange(n), random.normal(size=(n, 37)).round(1)
    return table


def write(path: Path, **filters: Any) -> NDArray[Any]:
    table = rows()
    with h5py.File(path, "w") as file:
        file.create_dataset("table", data=table, chunks=(16,), **filters)
    return table


@pytest.mark.parametrize("filters", FILTERS.values(), ids=FILTERS)
def test_a_chunk_is_what_was_written(tmp_path: Path, filters: dict[str, Any]) -> None:
    table = write(tmp_path / "a.h5", **filters)
    with h5py.File(tmp_path / "a.h5") as file:
        how = layout(file["table"])
        assert (how.rows, how.chunk, how.chunks) == (50, 16, 4)
        for number in range(how.chunks):
            found = read_chunk(file["table"], how, number)()
            np.testing.assert_array_equal(found, table[slice(*how.span(number))])


@pytest.mark.parametrize("name", [n for n in FILTERS if "HDF5" not in n])
def test_common_filters_are_undone_here(tmp_path: Path, name: str) -> None:
    write(tmp_path / "a.h5", **FILTERS[name])
    with h5py.File(tmp_path / "a.h5") as file:
        assert layout(file["table"]).pipeline is not None


@pytest.mark.parametrize("name", [n for n in FILTERS if "checksum" in n])
@pytest.mark.parametrize("place", [0.1, 0.5, 0.9])
def test_a_flipped_bit_is_an_error_that_names_the_rows(tmp_path: Path, name: str, place: float) -> None:
    path = tmp_path / "a.h5"
    write(path, **FILTERS[name])
    with h5py.File(path) as file:
        chunk = file["table"].id.get_chunk_info(1)
    content = bytearray(path.read_bytes())
    content[chunk.byte_offset + int(place * chunk.size)] ^= 4
    path.write_bytes(content)
    with h5py.File(path) as file:
        how = layout(file["table"])
        with pytest.raises(DataError, match=r"a\.h5, table /table, rows 16 to 32: the data are damaged"):
            read_chunk(file["table"], how, 1)()
        assert len(read_chunk(file["table"], how, 0)()) == 16


def test_a_table_that_is_not_chunked_is_read(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["table"] = rows()
        np.testing.assert_array_equal(read_chunk(file["table"], layout(file["table"]), 0)(), rows())


def test_a_chunk_that_was_never_written_is_zeros(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        table = file.create_dataset("table", (50,), rows().dtype, chunks=(16,), fletcher32=True)
        table[:16] = rows()[:16]
        assert read_chunk(table, layout(table), 2)()["event_id"].tolist() == [0] * 16


def test_a_filter_that_a_chunk_was_written_without_is_not_undone(tmp_path: Path) -> None:
    """HDF5 leaves out a filter that fails, such as a compression that makes a chunk larger."""
    with h5py.File(tmp_path / "a.h5", "w") as file:
        table = file.create_dataset("table", (16,), rows().dtype, chunks=(16,), compression="gzip")
        table.id.write_direct_chunk((0,), rows()[:16].tobytes(), filter_mask=1)
    with h5py.File(tmp_path / "a.h5") as file:
        table = file["table"]
        np.testing.assert_array_equal(read_chunk(table, layout(table), 0)(), rows()[:16])
