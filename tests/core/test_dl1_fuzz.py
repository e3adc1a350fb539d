"""Real DL1 files that are damaged at random: an error that names the file, or the right data, and never anything else.

Each file is read by a process that may die of it, at both levels; every fourth in a list with a good file and
``on_corrupt="skip"`` too. What is checked for each:

* no crash, no hang, no more than 1.5 GB of memory;
* an error is a `DataError` that names the file;
* without an error, whatever differs from the undamaged file is what the damage changed. Bytes that no checksum covers
  are the exception: what they change is counted as ``silent`` and only limited in number;
* the file is not changed, not locked while it is read, and closed afterwards; nothing in it was executed;
* beside a good file that one is whole, what is left out is told, and the rest is right.

``GAMMALEARN_FUZZ_FILES`` sets how many files there are: 255 by default, which take about a minute on one core.
``GAMMALEARN_FUZZ_SEED`` is the first seed of each kind of damage.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from damage.judging import FAILURES
from damage.judging import Verdict
from damage.making import KINDS
from damage.making import Damaged
from damage.making import base
from damage.making import damage
from damage.running import Readers

FILES = int(os.environ.get("GAMMALEARN_FUZZ_FILES", "255"))
SEED = int(os.environ.get("GAMMALEARN_FUZZ_SEED", "0"))
GOOD = ("gamma_prod6_za40_4lst.dl1.h5", "lstchain-0.12.3_dl1_gamma_4LST.h5")
_SILENT = 0.03
"""Share of the files; more would mean that a check is gone."""
Judged = tuple[Damaged, Verdict]


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> list[Judged]:
    """Each file, and what became of it; the kinds take turns."""
    with Readers() as readers:
        return list(_judged(tmp_path_factory.mktemp("damaged"), readers))


def _judged(folder: Path, readers: Readers) -> Iterator[Judged]:
    for number in range(FILES):
        seed, kind = divmod(number, len(KINDS))
        damaged = damage(folder, list(KINDS)[kind], SEED + seed)
        good = base(GOOD[number % len(GOOD)]) if (seed + kind) % 4 == 0 else None
        yield damaged, readers.judge(damaged, good=good)
        damaged.path.unlink()


def test_no_damaged_file_ends_in_a_crash_a_hang_or_wrong_numbers(judged: list[Judged]) -> None:
    assert not _told(judged, *FAILURES)


def test_only_bytes_without_a_checksum_are_changed_unseen_and_seldom(judged: list[Judged]) -> None:
    silent = _told(judged, "silent")
    assert len(silent) <= max(3, _SILENT * FILES), silent


def test_every_kind_of_damage_is_used(judged: list[Judged]) -> None:
    assert {damaged.kind for damaged, _ in judged} == set(list(KINDS)[:FILES])


@pytest.mark.skipif(2 * len(KINDS) > FILES, reason="too few files to count")
def test_a_good_part_of_the_damage_is_found(judged: list[Judged]) -> None:
    outcomes = Counter(verdict.outcome for _, verdict in judged)
    print(dict(outcomes), f"{sum(verdict.seconds for _, verdict in judged):.0f} s")
    assert outcomes["error"] > FILES / 3
    assert outcomes["explained"] > 0
    assert outcomes["same"] > FILES / 10


def _told(judged: list[Judged], *outcomes: str) -> list[str]:
    """What became of files that ended so, a line each."""
    return [f"{v.outcome}: {damaged}: {v.why}" for damaged, v in judged if v.outcome in outcomes]
