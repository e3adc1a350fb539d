"""Which files a job of an array takes: whole files, about as many bytes each, the same for the same list of files."""

from __future__ import annotations

import re
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path

from attrs import frozen

from gammalearn_core.errors import Problem
from gammalearn_core.errors import SettingsError

_WHERE = "--shard"
_TASK = "SLURM_ARRAY_TASK_ID"


@frozen
class Shard:
    """One of some jobs, counted from 1."""

    number: int
    count: int
    origin: str = ""
    """The environment variable that says so; empty if the command line does."""

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"


def read_shard(text: str) -> Shard:
    """The shard that ``--shard i/N`` names.

    Raises
    ------
    SettingsError
        It is no such text.

    Examples
    --------
    >>> read_shard("2/8")
    Shard(number=2, count=8, origin='')
    """
    found = re.fullmatch(r"(\d{1,9})/(\d{1,9})", text)
    if not found or not 1 <= int(found[1]) <= int(found[2]):
        what = f"expected i/N with i from 1 to N, such as 1/8, got {text!r}"
        raise SettingsError([Problem(_WHERE, what)], "the command line")
    return Shard(int(found[1]), int(found[2]))


def shard_of(environment: Mapping[str, str]) -> Shard | None:
    """The shard of a job of a Slurm array; None outside of one.

    Raises
    ------
    SettingsError
        The tasks of the array have numbers that do not follow one another.

    Examples
    --------
    >>> array = {"SLURM_ARRAY_TASK_ID": "4", "SLURM_ARRAY_TASK_MIN": "0", "SLURM_ARRAY_TASK_MAX": "6"}
    >>> str(shard_of(array | {"SLURM_ARRAY_TASK_STEP": "2", "SLURM_ARRAY_TASK_COUNT": "4"}))
    '3/4'
    """
    if _TASK not in environment:
        return None
    try:
        task = int(environment[_TASK])
        first = int(environment["SLURM_ARRAY_TASK_MIN"])
        count = int(environment["SLURM_ARRAY_TASK_COUNT"])
        step = int(environment.get("SLURM_ARRAY_TASK_STEP", "1"))
        last = int(environment.get("SLURM_ARRAY_TASK_MAX", first + (count - 1) * step))
    except (KeyError, ValueError) as error:
        raise _irregular(f"{_TASK} is set, but not what belongs to it ({error})") from None
    number, rest = divmod(task - first, step) if step > 0 else (-1, 1)
    if rest or not 0 <= number < count or (last - first) != (count - 1) * step:
        raise _irregular(f"the tasks of the Slurm array, {count} from {first} to {last}, are not evenly numbered")
    return Shard(number + 1, count, _TASK)


def _irregular(what: str) -> SettingsError:
    hint = "--shard i/N says which part of the files this job is to take"
    return SettingsError([Problem(_WHERE, what, hint)], "the environment")


def share_of(shard: Shard, sizes: Mapping[Path, int]) -> list[Path]:
    """The files of a shard, in their order.

    The largest file first, each goes to the shard that has fewest bytes so far. The order in which files are given does
    not matter, nor whether some of them have been predicted already.

    Examples
    --------
    >>> sizes = {Path("a"): 5, Path("b"): 3, Path("c"): 2, Path("d"): 2}
    >>> [[str(path) for path in share_of(Shard(number, 2), sizes)] for number in (1, 2)]
    [['a'], ['b', 'c', 'd']]
    """
    loads = [0] * shard.count
    mine = []
    for path in _largest_first(sizes):
        number = loads.index(min(loads))
        # A file without a byte is work too.
        loads[number] += max(1, sizes[path])
        if number == shard.number - 1:
            mine.append(path)
    return [path for path in sizes if path in mine]


def _largest_first(sizes: Mapping[Path, int]) -> Sequence[Path]:
    return sorted(sizes, key=lambda path: (-sizes[path], path.name, str(path)))


__all__ = ["Shard", "read_shard", "shard_of", "share_of"]
