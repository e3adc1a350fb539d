"""Files damaged at random: an error of ours, or what was in them; never a crash, a hang, or other numbers.

``GAMMALEARN_FUZZ=500`` damages as many files; without it some are, with the same seeds each time.
"""

from __future__ import annotations

import hashlib
import json
import os
import select
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from damaging import KINDS
from damaging import RAW

HERE = Path(__file__).parent
TESTS = HERE.parent / "data"
FILES = (
    "gamma_prod6_za40_4lst.dl1.h5",
    "gamma_diffuse_prod6_ctapipe_0.17.0.dl1.h5",
    "gamma_4lst_lasercal.dl1.h5",
    "lstchain-0.12.3_dl1_gamma_4LST.h5",
    "gammalearn-0.8_dl1_gamma_example.h5",
)
Numbers = dict[str, float]
COUNT = int(os.environ.get("GAMMALEARN_FUZZ", "120"))
SECONDS = 60


class Reader:
    """A process that reads files, and another one if it has ended."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def read(self, *paths: Path, on_corrupt: str = "stop") -> dict[str, Any]:
        if self._process is None or self._process.poll() is not None:
            self._process = subprocess.Popen(
                [sys.executable, str(HERE / "reading_apart.py")],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                env=os.environ | {"OMP_NUM_THREADS": "1"},
            )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        request = {"paths": [str(p) for p in paths], "on_corrupt": on_corrupt}
        print(json.dumps(request), file=self._process.stdin, flush=True)
        ready, _, _ = select.select([self._process.stdout], [], [], SECONDS)
        if not ready:
            self.close()
            return {"traceback": f"no answer in {SECONDS} s"}
        line = self._process.stdout.readline()
        if not line:
            return {"traceback": f"the process ended with code {self._process.wait()}"}
        answer: dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()


@pytest.fixture(scope="module")
def reader() -> Iterator[Reader]:
    made = Reader()
    yield made
    made.close()


@pytest.fixture(scope="module")
def undamaged(reader: Reader) -> dict[str, Any]:
    return {name: reader.read(TESTS / name)["values"] for name in FILES}


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_file_is_an_error_or_is_read_as_it_was(
    tmp_path: Path, reader: Reader, undamaged: dict[str, Any], kind: str
) -> None:
    for seed in range(-(-COUNT // len(KINDS))):
        random = np.random.default_rng([list(KINDS).index(kind), seed])
        name = FILES[seed % len(FILES)]
        path = Path(shutil.copy(TESTS / name, tmp_path / f"{kind}-{seed}.h5"))
        KINDS[kind](path, random)
        before = hashlib.sha256(path.read_bytes()).hexdigest()
        answer = reader.read(path)
        what = f"{kind}, seed {seed}, {name}"
        assert "traceback" not in answer, f"{what}: {answer['traceback']}"
        assert hashlib.sha256(path.read_bytes()).hexdigest() == before, what
        if "error" in answer:
            assert path.name in answer["error"], f"{what}: {answer['error']}"
        elif kind in RAW:
            assert not _differences(answer["values"], undamaged[name]), what
        path.unlink()


def _differences(found: dict[str, Numbers], known: dict[str, Numbers]) -> list[str]:
    """Images that are missing, new, or have another number.

    A column may be missing, since it can be asked for, and so may all that a telescope has: HDF5 has no checksum for
    the names of tables, and a telescope that saw nothing has none.
    """
    seen = {key.rpartition("-")[2] for key in found}
    wanted = {key for key in known if key.rpartition("-")[2] in seen}
    return [k for k in {*found, *wanted} if k not in found or k not in known or not _same(found[k], known[k])]


def _same(one: Numbers, other: Numbers) -> bool:
    names = [n for n in other if n in one]
    return np.allclose([one[n] for n in names], [other[n] for n in names], rtol=1e-9, equal_nan=True)


@pytest.mark.parametrize("kind", [k for k in KINDS if k != "add_pickle"])
def test_other_files_are_read_beside_one_that_is_damaged(
    tmp_path: Path, reader: Reader, undamaged: dict[str, Any], kind: str
) -> None:
    good = FILES[2]
    for seed in range(2):
        path = Path(shutil.copy(TESTS / FILES[seed], tmp_path / f"{kind}-{seed}.h5"))
        KINDS[kind](path, np.random.default_rng([9, list(KINDS).index(kind), seed]))
        answer = reader.read(path, TESTS / good, on_corrupt="skip")
        what = f"{kind}, seed {seed}"
        assert "values" in answer, f"{what}: {answer}"
        read = {k.partition("-")[2]: v for k, v in answer["values"].items()}
        known = {k.partition("-")[2]: v for k, v in undamaged[good].items()}
        assert not [key for key in known if not _same(read[key], known[key])], what
