"""What is told of a run in small tables: data, versions, checksums."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from datetime import UTC
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any

from attrs import frozen

from gammalearn_core.builtin.targets.particle import IDS
from gammalearn_core.reporting.numbers import whole
from gammalearn_core.reporting.quantities import FEW

_PRIMARIES = {str(number): name for name, number in IDS.items()}
_NOUNS = {"telescope": ("telescope image", "telescope images"), "subarray": ("subarray event", "subarray events")}


@frozen
class Run:
    """The JSON files of a run folder; an empty mapping stands for one that is not there."""

    record: Mapping[str, Any]
    experiment: Mapping[str, Any]
    specs: Mapping[str, Any]
    results: Mapping[str, Any]
    history: Sequence[Mapping[str, Any]]

    @property
    def splits(self) -> Mapping[str, Mapping[str, Any]]:
        """Splits as ``run.json`` describes them."""
        splits: Mapping[str, Mapping[str, Any]] = self.record.get("splits") or {}
        return splits

    @property
    def samples(self) -> dict[str, int]:
        """Sizes of the splits."""
        return {name: int(split.get("samples", 0)) for name, split in self.splits.items()}

    @property
    def best_epoch(self) -> int | None:
        """The epoch whose weights were tested; None if they are the last ones."""
        epoch = self.results.get("epoch") if self.results.get("weights") == "best" else None
        return int(epoch) if epoch else None

    @property
    def status(self) -> str:
        """How the run ended; empty while it runs, which it still does when its first report is written."""
        status = str(self.record.get("status") or "")
        return "" if status == "running" else status

    def counted(self, split: str) -> str:
        """Size of a split with what its samples are: ``44 telescope images``."""
        level = (self.specs.get("raw_inputs") or {}).get("level")
        one, many = _NOUNS.get(str(level), ("sample", "samples"))
        n = self.samples.get(split, 0)
        return f"{whole(n)} {one if n == 1 else many}"


def primary(number: str) -> str:
    """Name of a primary particle, or its number.

    Examples
    --------
    >>> primary("101"), primary("5626"), primary("3")
    ('proton', 'iron', 'primary 3')
    """
    return _PRIMARIES.get(number, f"primary {number}")


def primaries(run: Run) -> list[str]:
    """Numbers of all primaries of the run, in order."""
    return sorted({p for split in run.splits.values() for p in by_primary(split)}, key=lambda p: (len(p), p))


def split_table(run: Run) -> list[tuple[str, str, list[tuple[str, bool]]]]:
    """Name and size of each split, and its number of each primary with whether it is too small."""
    rows = []
    for name, split in run.splits.items():
        counts = [by_primary(split).get(p, 0) for p in primaries(run)]
        rows.append((name, whole(run.samples[name]), [(whole(n), n < FEW) for n in counts]))
    return rows


def cut_table(run: Run) -> list[tuple[str, str, str, str, str]]:
    """Name of each cut, what it cuts, numbers before and after, and what is kept."""
    return [
        (
            str(cut.get("name")),
            str(cut.get("scope")),
            whole(cut["before"]),
            whole(cut["after"]),
            f"{100 * cut['after'] / cut['before']:.1f} %" if cut["before"] else "—",
        )
        for cut in run.record.get("cuts") or []
    ]


def files(run: Run) -> list[tuple[str, str, str, str]]:
    """Name, whole path, size and checksum of each input file."""
    return [
        (PurePosixPath(f["path"]).name, f["path"], size(f["bytes"]), f["sha256"]) for f in run.record.get("data") or []
    ]


def total_size(run: Run) -> str:
    """Size of all input files."""
    return size(sum(f["bytes"] for f in run.record.get("data") or []))


def provenance(run: Run) -> list[tuple[str, str]]:
    """Name and value of what the run was made of."""
    environment = run.record.get("environment") or {}
    packages = {name.lower(): version for name, version in (environment.get("packages") or {}).items()}
    rows = [
        ("gammalearn-core", str(environment.get("gammalearn_core") or "")),
        *((f"plug-in {p.get('name')}", _plugin(p)) for p in run.record.get("plugins") or [] if p.get("name") != "core"),
        ("torch", packages.get("torch", "")),
        ("pytorch-ignite", packages.get("pytorch-ignite", "")),
        ("numpy", packages.get("numpy", "")),
        ("python", str(environment.get("python") or "")),
        ("machine", ", ".join(filter(None, [environment.get("system"), environment.get("cpu")]))),
        ("GPU", ", ".join(environment.get("gpus") or []) or "none"),
        ("seed", str((run.record.get("randomness") or {}).get("seed", ""))),
        ("threads", str(run.experiment.get("threads") or (run.record.get("determinism") or {}).get("threads", ""))),
        ("command", " ".join(run.record.get("command") or [])),
        ("sessions", _sessions(run)),
    ]
    return [(name, value) for name, value in rows if value]


def checksums(run: Run) -> list[tuple[str, str]]:
    """What has which SHA-256: settings and weights; empty where it is not known yet."""
    record = run.record
    return [
        ("SHA-256 of settings file", str((record.get("settings_file") or {}).get("sha256") or "")),
        ("SHA-256 of settings, with defaults", str(record.get("settings_sha256") or "")),
        ("SHA-256 of best weights", str(record.get("best_weights_sha256") or "")),
        ("SHA-256 of last weights", str(record.get("weights_sha256") or "")),
    ]


def code(run: Run) -> str:
    """Commit of the settings file's repository and whether it was modified."""
    found = run.record.get("code")
    if not found:
        return "the settings file is in no git repository"
    branch = f" on {found['branch']}" if found.get("branch") else ""
    return f"{found.get('commit')}{branch}, {'modified' if found.get('modified') else 'not modified'}"


def moment(text: object) -> str:
    """A time of ``run.json`` as it is shown; what is not one is shown as it is.

    Examples
    --------
    >>> moment("2026-11-24T18:47:17Z")
    '2026-11-24 18:47 UTC'
    """
    try:
        return datetime.fromisoformat(str(text)).astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
    except ValueError:
        return str(text or "")


def size(count: float) -> str:
    """Bytes with a prefix.

    Examples
    --------
    >>> size(512), size(2665050)
    ('512 B', '2.7 MB')
    """
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.1f} {unit}" if unit != "B" else f"{count} B"
        count /= 1000
    return f"{count:.1f} TB"


def _plugin(plugin: Mapping[str, Any]) -> str:
    status = plugin.get("status")
    told = "" if status in (None, "ok") else f", {status}"
    return f"{plugin.get('distribution') or ''} {plugin.get('version') or ''}".strip() + told


def _sessions(run: Run) -> str:
    earlier = run.record.get("earlier") or []
    return "" if not earlier else f"{len(earlier) + 1}, the first started {moment(earlier[0].get('started'))}"


def by_primary(split: Mapping[str, Any]) -> dict[str, int]:
    """Number of samples of each primary, in the order of their numbers."""
    counts = split.get("by_primary") or {}
    return {p: int(counts[p]) for p in sorted(counts, key=lambda p: (len(p), p))}


__all__ = [
    "Run",
    "by_primary",
    "checksums",
    "code",
    "cut_table",
    "files",
    "moment",
    "primaries",
    "primary",
    "provenance",
    "size",
    "split_table",
    "total_size",
]
