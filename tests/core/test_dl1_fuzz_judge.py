"""The judge of damaged files finds what is wrong: other values, lost images, errors that are not ours, dead readers."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from attrs import evolve
from damage.attributes import TRAP
from damage.judging import judge_data
from damage.judging import judge_error
from damage.kinds import Effect
from damage.making import Damaged
from damage.making import base
from damage.making import damage
from damage.places import tables
from damage.running import Readers
from damage.seeing import Seen
from damage.traces import can_be_read
from damage.traces import digest
from damage.traces import traces

from gammalearn_core.errors import DataError

NAME = "gamma_prod6_za40_4lst.dl1.h5"
BEFORE = Seen({(0, 1, 7, tel, 0): {"pixels": np.arange(3.0), "time": 5.0, "camera": "LSTCam"} for tel in (1, 2)})
PATH = "folder/file.h5"


def changed(**values: Any) -> Seen:
    """What was seen, with other values for the first image."""
    first, second = BEFORE.images.items()
    return Seen({first[0]: first[1] | values, second[0]: second[1]})


def lost(*names: str) -> Seen:
    return BEFORE.only(BEFORE.columns - set(names))


@pytest.mark.parametrize(
    "after",
    [
        changed(pixels=np.array([0.0, 1.0, 2.001])),
        changed(pixels=np.arange(2.0)),
        changed(time=np.nan),
        changed(camera="FlashCam"),
        lost("time"),
        Seen(dict(list(BEFORE.images.items())[:1])),
        Seen(BEFORE.images | {(0, 1, 8, 1, 0): {}}),
        Seen({}),
    ],
)
@pytest.mark.parametrize("unchecked", [False, True])
def test_what_no_damage_explains_is_wrong(after: Seen, unchecked: bool) -> None:
    assert judge_data(Effect(unchecked=unchecked), BEFORE, after).outcome == ("silent" if unchecked else "wrong")


@pytest.mark.parametrize(
    ("effect", "after", "outcome"),
    [
        (Effect(), changed(), "same"),
        (Effect(columns=("pix*",)), changed(pixels=np.zeros(3)), "explained"),
        (Effect(columns=("pix*",)), changed(pixels=np.zeros(3), time=6.0), "wrong"),
        (Effect(columns=("time",), values=(np.nan, 6.0)), changed(time=np.nan), "explained"),
        (Effect(columns=("time",), values=(np.nan, 6.0)), changed(time=7.0), "wrong"),
        (Effect(columns=("*",)), Seen({}), "wrong"),
        (Effect(images=True), Seen({}), "explained"),
        (Effect(refused=True), changed(), "wrong"),
        (Effect(shuffled=True), changed(), "same"),
    ],
)
def test_only_what_the_damage_changed_may_differ(effect: Effect, after: Seen, outcome: str) -> None:
    assert judge_data(effect, BEFORE, after).outcome == outcome


@pytest.mark.parametrize(
    ("effect", "error", "outcome"),
    [
        (Effect(), DataError(f"{PATH} is truncated"), "error"),
        (Effect(), DataError("the file is truncated"), "wrong"),
        (Effect(), KeyError(PATH), "wrong"),
        (Effect(), MemoryError(PATH), "wrong"),
        (Effect(shuffled=True), DataError(f"{PATH} is damaged"), "wrong"),
    ],
)
def test_an_error_must_be_ours_and_name_the_file(effect: Effect, error: Exception, outcome: str) -> None:
    assert judge_error(effect, PATH, error, "").outcome == outcome


@pytest.fixture(scope="module")
def readers() -> Iterator[Readers]:
    with Readers() as made:
        yield made


def test_wrong_numbers_of_a_real_file_are_found(readers: Readers, tmp_path: Path) -> None:
    damaged = next(d for n in range(99) if "image =" in (d := damage(tmp_path, "wild_pixels", n)).effect.what)
    assert readers.judge(damaged).outcome == "explained"
    assert readers.judge(evolve(damaged, effect=Effect())).outcome == "wrong"
    beside = readers.judge(evolve(damaged, effect=Effect(unchecked=True)), good=base(NAME))
    assert (beside.outcome, beside.why.split(":")[0]) == ("silent", "skip")


@pytest.mark.parametrize(("name", "needed"), [(NAME, False), ("gamma_prod3_ctapipe_0.8.0_by_type.dl1.h5", True)])
def test_only_tables_that_are_needed_are_damaged(name: str, needed: bool) -> None:
    """No error is right where ``tels_with_trigger`` tells the multiplicity and nobody reads the other table."""
    path = "dl1/event/telescope/trigger"
    with h5py.File(base(name)) as file:
        assert path in file
        assert (path in tables(file, "trigger")) == needed


def test_a_file_that_is_refused_without_need_is_found(readers: Readers, tmp_path: Path) -> None:
    damaged = damage(tmp_path, "a_truncated_file", 1)
    assert readers.judge(damaged).outcome == "error"
    assert readers.judge(evolve(damaged, effect=Effect(shuffled=True))).outcome == "wrong"


def test_a_reader_that_dies_is_replaced(readers: Readers, tmp_path: Path) -> None:
    missing = Damaged(path=tmp_path / "none", base=base(NAME), kind="", seed=0, effect=Effect())
    verdict = readers.judge(missing)
    assert verdict.outcome == "died"
    assert "FileNotFoundError" in verdict.why
    assert readers.judge(evolve(missing, path=Path(shutil.copy(base(NAME), tmp_path)))).outcome == "same"


def test_a_reader_that_hangs_is_ended(tmp_path: Path) -> None:
    whole = Damaged(path=Path(shutil.copy(base(NAME), tmp_path)), base=base(NAME), kind="", seed=0, effect=Effect())
    os.mkfifo(tmp_path / "endless")
    with Readers(limit=2.0) as readers:
        assert readers.judge(whole).outcome == "same"
        assert readers.judge(evolve(whole, path=tmp_path / "endless")).outcome == "hung"


def test_what_reading_leaves_behind_is_found(tmp_path: Path) -> None:
    path = Path(shutil.copy(base(NAME), tmp_path))
    content = digest(path)
    assert can_be_read(path)
    with h5py.File(path, "r", locking=True):
        assert "the file is still open" in traces(path, content)
    with h5py.File(path, "r+"):
        assert not can_be_read(path)
    (tmp_path / TRAP).touch()
    assert "code of the file was executed" in traces(path, content)
    with path.open("ab") as stream:
        stream.write(b"x")
    assert "the file was changed" in traces(path, content)
