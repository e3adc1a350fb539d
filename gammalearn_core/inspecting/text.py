"""What is known of files as text, one block a file."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence

from gammalearn_core.inspecting import facts
from gammalearn_core.inspecting.records import CameraInfo
from gammalearn_core.inspecting.records import FileInfo
from gammalearn_core.inspecting.records import Finding
from gammalearn_core.inspecting.structure import sum_particles
from gammalearn_core.inspecting.wording import count
from gammalearn_core.inspecting.wording import grouped
from gammalearn_core.inspecting.wording import listed
from gammalearn_core.inspecting.wording import size
from gammalearn_core.inspecting.wording import span

_LABEL = 12
"""Columns that labels take."""
_NARROWEST = 40
_MOST = 20
"""Problems of a file that are shown."""
_HINT = "copy the file again, leave it out, or set on_corrupt='skip' of core.dl1"
_LEFT = ("camera", "type", "lattice")
"""Cells that are aligned to the left."""


def block(info: FileInfo, *, width: int, columns: bool) -> str:
    """The lines of a file.

    Parameters
    ----------
    info : FileInfo
    width : int
        Columns of the terminal.
    columns : bool
        Whether to list the columns of tables too.
    """
    lines = [printable(str(info.path))]
    for label, value in facts.facts(info):
        lines += _wrapped(label, value, width)
    if info.cameras:
        lines += ["", *_cameras(info, width), ""]
    for label, value in facts.columns(info) if columns else ():
        lines += _wrapped(label, value, width)
    return "\n".join([*lines, *_problems(info, width)])


def total(files: Sequence[FileInfo], *, width: int) -> str:
    """Sums over several files."""
    observed = sum(info.events or 0 for info in files if info.simulated is False)
    particles = sum_particles(files) | ({"observed": observed} if observed else {})
    energies = [info.energy_range for info in files if info.energy_range]
    unusable = sum(not info.usable for info in files)
    parts = [count(len(files), "file"), size(sum(info.size or 0 for info in files))]
    events = count(sum(info.events or 0 for info in files), "event")
    parts.append(f"{events} ({listed(particles)})" if particles else events)
    if energies:
        parts.append(span((min(low for low, _ in energies), max(high for _, high in energies)), "TeV"))
    parts.append(count(sum(info.images or 0 for info in files), "image"))
    parts.append(f"{count(unusable, 'file')} unusable" if unusable else "all usable")
    return "\n".join(_wrapped("total", ", ".join(parts), width, indent=0))


def printable(text: str) -> str:
    """A text without what would move the cursor or change colours: names come from files."""
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)


def _cameras(info: FileInfo, width: int) -> list[str]:
    """A table of cameras. What matters least is left out where there is no room for it."""
    rows = [_head(info.counted), *map(_row, info.cameras)]
    lines = _table(rows)
    for dropped in ("focal", "pitch", "type"):
        if max(map(len, lines)) > width:
            rows = [{key: cell for key, cell in row.items() if key != dropped} for row in rows]
            lines = _table(rows)
    return lines


def _head(counted: str) -> dict[str, str]:
    names = ("camera", "type", "pixels", "lattice", "pitch", "focal", "telescopes")
    return {name: name for name in names} | {"rows": counted}


def _row(camera: CameraInfo) -> dict[str, str]:
    return {
        "camera": printable(camera.name),
        "type": printable("/".join(camera.types)),
        "pixels": grouped(camera.n_pixels),
        "lattice": camera.lattice,
        "pitch": f"{1000 * camera.pitch:.1f} mm",
        "focal": f"{camera.focal_length:.2f} m",
        "telescopes": f"{camera.telescopes} of {camera.telescopes_in_array}",
        "rows": grouped(camera.rows),
    }


def _table(rows: Sequence[dict[str, str]]) -> list[str]:
    widths = {key: max(len(row[key]) for row in rows) for key in rows[0]}
    return ["  " + "  ".join(_aligned(key, row[key], widths[key]) for key in widths) for row in rows]


def _aligned(key: str, cell: str, width: int) -> str:
    return cell.ljust(width) if key in _LEFT else cell.rjust(width)


def _problems(info: FileInfo, width: int) -> list[str]:
    if not info.problems:
        return _wrapped("problems", "none", width)
    lines = []
    for finding in info.problems[:_MOST]:
        lines += _wrapped(finding.severity, _problem(finding), width)
    rest = len(info.problems) - _MOST
    if rest > 0:
        lines += _wrapped("", f"and {count(rest, 'problem')} more, which --json lists", width)
    if any(finding.rows for finding in info.problems):
        lines += _wrapped("hint", _HINT, width)
    return lines


def _problem(finding: Finding) -> str:
    where = finding.table or ""
    if finding.rows:
        first, last = finding.rows[0], finding.rows[1] - 1
        where += f", rows {grouped(first)} to {grouped(last)}" if last > first else f", row {grouped(first)}"
    return f"{where}: {finding.what}" if where else finding.what


def _wrapped(label: str, value: str, width: int, *, indent: int = 2) -> list[str]:
    head = " " * indent + label.ljust(_LABEL)
    # Numbers stay with their units, and digits with each other.
    kept = re.sub(r"(?<=\d) (?=\d{3}\b|(?:TeV|deg|m|bytes|[kMGT]B)\b)", "\u00a0", printable(value))
    lines = textwrap.wrap(
        kept,
        max(width, _NARROWEST),
        initial_indent=head,
        subsequent_indent=" " * len(head),
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [line.replace("\u00a0", " ") for line in lines or [head.rstrip()]]


__all__ = ["block", "printable", "total"]
