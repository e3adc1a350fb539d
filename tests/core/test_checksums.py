"""Checksums of files are remembered until the files change."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from gammalearn_core.engine.checksums import sha256_of

OLD = 1_600_000_000


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv("GAMMALEARN_CACHE", str(folder))
    return folder


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "data" / "a.h5"
    path.parent.mkdir()
    path.write_bytes(b"events")
    os.utime(path, (OLD, OLD))
    return path


def kept(cache: Path) -> list[Path]:
    return list(cache.rglob("*.json"))


def forge(cache: Path) -> None:
    """Change what is remembered, to see whether it is looked at."""
    (path,) = kept(cache)
    path.write_text(path.read_text().replace(hashlib.sha256(b"events").hexdigest(), "remembered"))


def test_a_checksum_is_that_of_the_content_and_is_remembered(cache: Path, file: Path) -> None:
    assert sha256_of(file) == hashlib.sha256(b"events").hexdigest()
    forge(cache)
    assert sha256_of(file) == "remembered"


def test_nothing_is_written_beside_the_data(cache: Path, file: Path) -> None:
    sha256_of(file)
    assert list(file.parent.iterdir()) == [file]


@pytest.mark.parametrize("change", ["time", "size", "content in place"])
def test_a_file_that_changed_is_read_again(cache: Path, file: Path, change: str) -> None:
    sha256_of(file)
    forge(cache)
    content = {"time": b"events", "size": b"more events", "content in place": b"EVENTS"}[change]
    file.write_bytes(content)
    os.utime(file, (OLD + 1, OLD + 1) if change != "size" else (OLD, OLD))
    assert sha256_of(file) == hashlib.sha256(content).hexdigest()


def test_another_file_of_the_same_name_is_read(cache: Path, file: Path) -> None:
    sha256_of(file)
    forge(cache)
    other = file.with_name("b.h5")
    other.write_bytes(b"EVENTS")
    os.utime(other, (OLD, OLD))
    other.replace(file)
    assert sha256_of(file) == hashlib.sha256(b"EVENTS").hexdigest()


def test_a_file_that_has_just_been_written_is_not_remembered(cache: Path, file: Path) -> None:
    os.utime(file)
    sha256_of(file)
    assert not kept(cache)


@pytest.mark.parametrize("content", ["", "{}", "[1]", "null", "{"])
def test_a_damaged_memory_is_no_harm(cache: Path, file: Path, content: str) -> None:
    sha256_of(file)
    (path,) = kept(cache)
    path.write_text(content)
    assert sha256_of(file) == hashlib.sha256(b"events").hexdigest()


def test_where_nothing_can_be_kept_it_is_computed(cache: Path, file: Path) -> None:
    cache.write_text("a file where the folder should be")
    assert sha256_of(file) == hashlib.sha256(b"events").hexdigest()


def test_nothing_is_kept_if_that_is_wanted(file: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GAMMALEARN_CACHE", "")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    sha256_of(file)
    assert not kept(tmp_path)


def test_the_cache_of_the_user_is_used_by_default(file: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("GAMMALEARN_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    sha256_of(file)
    assert [p.parent for p in kept(tmp_path / "home")] == [tmp_path / "home" / "gammalearn" / "checksums"]
