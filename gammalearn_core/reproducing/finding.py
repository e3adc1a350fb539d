"""Finding the input files of a recorded run, each known by its checksum."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from pathlib import PurePosixPath
from typing import Any

from gammalearn_core.engine.checksums import sha256_of
from gammalearn_core.engine.provenance.paths import found_again
from gammalearn_core.errors import DataError
from gammalearn_core.reproducing.recorded import RecordedRun
from gammalearn_core.reproducing.telling import printable


def find_data(run: RecordedRun, *, data_root: Path | None, checksums: bool = True) -> dict[str, tuple[Path, ...]]:
    """The files of each source, in the order in which the run read them.

    They are looked for in ``data_root``, by as much of their path as is there; then from the working directory; then
    from where the settings file was, seen from the run folder.

    Parameters
    ----------
    run : RecordedRun
    data_root : Path, optional
    checksums : bool
        Whether contents must be those of the run, and not sizes alone. Checksums of a terabyte take hours, the first
        time.

    Raises
    ------
    DataError
        Some are not found, or have other content.
    """
    found: dict[str, list[Path]] = {name: [] for name in run.described.get("data", {})}
    missing: list[str] = []
    for item in _items(run):
        path = _find(run, item, data_root, checksums=checksums)
        if isinstance(path, Path):
            found.setdefault(_source(item, found), []).append(path)
        else:
            missing.append(path)
    if missing:
        many = f"{len(missing)} of the run's files are" if len(missing) > 1 else "a file of the run is"
        advice = "--data-root DIR says where the data are"
        raise DataError("\n  ".join([f"{many} not found:", *missing, advice]))
    return {name: tuple(paths) for name, paths in found.items()}


def find_some(run: RecordedRun, most: int, *, data_root: Path | None) -> list[Path]:
    """At most so many of the files that a run has read, from all of its list; fewer if others are not found.

    Raises
    ------
    DataError
        ``run.json`` is damaged.
    """
    items = list(_items(run))
    spread = [items[len(items) * number // most] for number in range(most)] if items else []
    found: dict[Path, None] = {}
    for item in (*spread, *items):
        path = _find(run, item, data_root, checksums=True) if len(found) < most else ""
        if isinstance(path, Path):
            found[path] = None
    return list(found)


def _items(run: RecordedRun) -> Iterator[dict[str, Any]]:
    items = run.record.get("data")
    for item in items if isinstance(items, list) else [None]:
        known = item if isinstance(item, dict) else {}
        texts = [known.get(name) for name in ("path", "sha256")]
        if not all(isinstance(text, str) and "\0" not in text for text in texts):
            raise DataError(f"{run.folder.run_json} is damaged: it does not tell path and checksum of each file")
        yield known


def _source(item: dict[str, Any], names: dict[str, list[Path]]) -> str:
    return str(item.get("source") or next(iter(names), "labelled"))


def _find(run: RecordedRun, item: dict[str, Any], data_root: Path | None, *, checksums: bool) -> Path | str:
    """The file, or a line on why there is none."""
    other = []
    for path in _candidates(run, str(item["path"]), data_root):
        if path.is_file():
            same = path.stat().st_size == item.get("bytes")
            if same and (not checksums or sha256_of(path) == item["sha256"]):
                return path
            other.append(str(path))
    told = f" ({' and '.join(dict.fromkeys(other))} has other content)" if other else ""
    return printable(f"{item['path']}, sha256 {item['sha256'][:12]}…{told}")


def _candidates(run: RecordedRun, text: str, data_root: Path | None) -> Iterator[Path]:
    if data_root is not None:
        parts = [p for p in PurePosixPath(text).parts if p not in ("..", "~", "/")]
        yield from (data_root.joinpath(*parts[start:]) for start in range(len(parts)))
    yield found_again(text, Path.cwd())
    settings_file = run.record.get("settings_file")
    folder = settings_file.get("folder") if isinstance(settings_file, dict) else None
    if isinstance(folder, str) and "\0" not in folder:
        yield found_again(text, found_again(folder, run.folder.path.resolve()))


__all__ = ["find_data", "find_some"]
