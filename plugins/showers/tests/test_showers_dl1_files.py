"""A file has its name only if it is complete, and what cannot be written is told."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import signal
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path

import h5py
import pytest
from showers_dl1_blocks import ABOUT
from showers_dl1_blocks import CREATED
from showers_dl1_blocks import PRODUCTION
from showers_dl1_blocks import block
from showers_dl1_blocks import write

import gammalearn_showers.dl1
from gammalearn_core import DataError
from gammalearn_showers.dl1 import DL1WriteError
from gammalearn_showers.dl1 import DL1Writer
from gammalearn_showers.dl1 import read_provenance

HERE = Path(__file__).parent


def opened(path: Path) -> DL1Writer:
    return DL1Writer(path, PRODUCTION, obs_id=1, provenance=ABOUT, created=CREATED)


def run(code: str, *arguments: object) -> subprocess.Popen[str]:
    """Python in a process of its own, with the names of `showers_dl1_blocks`."""
    start = "import sys; from showers_dl1_blocks import *; from gammalearn_showers.dl1 import *\n"
    command = [sys.executable, "-c", start + code, *map(str, arguments)]
    return subprocess.Popen(command, cwd=HERE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_a_file_that_is_not_finished_is_not_there(tmp_path: Path) -> None:
    with opened(tmp_path / "a.h5") as writer:
        writer.write(block())
        assert [p.name for p in tmp_path.iterdir()] == [".a.h5.part"]
    assert not list(tmp_path.iterdir())


def test_an_error_between_blocks_leaves_nothing(tmp_path: Path) -> None:
    def fails() -> None:
        with opened(tmp_path / "a.h5") as writer:
            writer.write(block())
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fails()
    assert not list(tmp_path.iterdir())


def test_an_error_in_a_block_leaves_nothing(tmp_path: Path) -> None:
    writer = opened(tmp_path / "a.h5")
    with pytest.raises(AttributeError):
        writer.write(None)  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())


def test_a_file_that_is_there_stays_until_the_new_one_is_complete(tmp_path: Path) -> None:
    path = write(tmp_path / "a.h5", block())
    before = path.read_bytes()
    with opened(path) as writer:
        writer.write(block(5))
    assert path.read_bytes() == before
    assert write(path, block(5)).read_bytes() != before


def test_a_finished_file_survives_the_end_of_the_context(tmp_path: Path) -> None:
    path = write(tmp_path / "a.h5", block())
    assert [p.name for p in tmp_path.iterdir()] == ["a.h5"]
    assert path.stat().st_size > 100_000


@pytest.mark.parametrize("size", [10, 20_000, 300_000, 900_000])
def test_a_full_disk_is_told_and_leaves_nothing(tmp_path: Path, size: int) -> None:
    code = f"""
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, ({size}, {size}))
try:
    write(Path(sys.argv[1]), block(0, 100), block(100, 100))
except DL1WriteError as error:
    print(error)
"""
    process = run(code, tmp_path / "a.h5")
    out, err = process.communicate(timeout=120)
    assert f"{tmp_path}/a.h5 could not be written: File too large" in out
    assert "has space left" in out
    assert (process.returncode, err) == (0, "")
    assert not list(tmp_path.iterdir())


def test_a_killed_process_leaves_no_file_of_the_name(tmp_path: Path) -> None:
    code = """
with DL1Writer(sys.argv[1], PRODUCTION, obs_id=1, provenance=ABOUT, created=CREATED) as writer:
    while True:
        writer.write(block())
"""
    process = run(code, tmp_path / "a.h5")
    part = tmp_path / ".a.h5.part"
    end = time.monotonic() + 120
    while not (part.exists() and part.stat().st_size > 200_000) and time.monotonic() < end:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert [p.name for p in tmp_path.iterdir()] == [".a.h5.part"]
    write(tmp_path / "a.h5", block())
    assert [p.name for p in tmp_path.iterdir()] == ["a.h5"]


def test_a_file_is_written_by_one_process_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    with opened(path) as writer:
        writer.write(block())
        with pytest.raises(DL1WriteError, match="being written by another process"):
            opened(path)
        writer.finish()
    assert path.read_bytes() == write(tmp_path / "b.h5", block(), obs_id=1).read_bytes()


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(DL1WriteError, match=r"nowhere/a\.h5 could not be written: No such file or directory"):
        opened(tmp_path / "nowhere" / "a.h5")


def test_the_provenance_comes_back(tmp_path: Path) -> None:
    assert read_provenance(write(tmp_path / "a.h5", block())) == ABOUT


def test_files_of_others_have_no_provenance(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "other.h5", "w"):
        pass
    with pytest.raises(DataError, match="not written by gammalearn-showers"):
        read_provenance(tmp_path / "other.h5")
    (tmp_path / "text.h5").write_text("hello")
    with pytest.raises(DataError, match="cannot be opened as HDF5"):
        read_provenance(tmp_path / "text.h5")


@pytest.mark.parametrize("text", ["not JSON", "[1]", 5])
def test_a_provenance_of_somebody_else_is_refused(tmp_path: Path, text: str | int) -> None:
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file.attrs["gammalearn_showers"] = text
    with pytest.raises(DataError, match="is not of gammalearn-showers"):
        read_provenance(tmp_path / "other.h5")


def test_the_file_is_named_by_its_provenance_and_time(tmp_path: Path) -> None:
    with h5py.File(write(tmp_path / "a.h5", block())) as one, h5py.File(write(tmp_path / "b.h5", obs_id=8)) as two:
        assert one.attrs["CTA PRODUCT ID"] != two.attrs["CTA PRODUCT ID"]
        assert one.attrs["CTA PRODUCT CREATION TIME"] == b"2026-03-01 12:30:00.000"
        assert one.attrs["CTA ACTIVITY SOFTWARE VERSION"] == b"1.2.3"
        assert one.attrs["CTA PRODUCT DATA MODEL VERSION"] == b"v7.1.0"


def test_a_time_without_a_zone_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="time zone"):
        DL1Writer(tmp_path / "a.h5", PRODUCTION, obs_id=1, provenance={}, created=datetime(2026, 1, 1))
    assert not list(tmp_path.iterdir())


def test_a_provenance_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at most 60000 bytes"):
        DL1Writer(tmp_path / "a.h5", PRODUCTION, obs_id=1, provenance={"long": "x" * 60_000}, created=CREATED)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", [m.name for m in pkgutil.iter_modules(gammalearn_showers.dl1.__path__)])
def test_examples_run(name: str) -> None:
    assert doctest.testmod(importlib.import_module(f"gammalearn_showers.dl1.{name}")).failed == 0
