"""How large things are: parameters, files, and the room that there is for them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from attrs import frozen
from torch import nn

from gammalearn_core.engine.rehearsal.page import Page
from gammalearn_core.engine.rehearsal.troubles import Troubles
from gammalearn_core.errors import EXIT_SETTINGS
from gammalearn_core.inspecting.wording import size

_CHECKPOINTS = 4
"""Those that a run keeps at once: last, previous, best, and one that is being written."""


@frozen
class Size:
    """Parameters of a part of a network."""

    name: str
    count: int
    trained: int
    """Those that an optimizer may change."""


def parameter_sizes(network: nn.Module) -> list[Size]:
    """Parameters by the network's outermost modules; one that several share is counted once."""
    counts: dict[str, list[int]] = {}
    for name, parameter in network.named_parameters():
        found = counts.setdefault(name.partition(".")[0], [0, 0])
        found[0] += parameter.numel()
        found[1] += parameter.numel() if parameter.requires_grad else 0
    return [Size(name, *numbers) for name, numbers in counts.items()]


def whole(sizes: Sequence[Size]) -> Size:
    """The sum of all."""
    return Size("all", sum(s.count for s in sizes), sum(s.trained for s in sizes))


def without_gradient(network: nn.Module, reached: set[str], moved: set[str]) -> tuple[list[str], list[str]]:
    """Names of trained parameters that no gradient reached, and of those whose gradient was always 0."""
    trained = [n for n, p in network.named_parameters() if p.requires_grad]
    return [n for n in trained if n not in reached], [n for n in trained if n in reached and n not in moved]


def bytes_in(folder: Path) -> int:
    """Bytes of all files of a folder; 0 if it is not there."""
    return sum(p.stat().st_size for p in folder.rglob("*") if p.is_file())


def check_writable(logdir: Path, troubles: Troubles) -> None:
    """Note if a run could not be written there."""
    folder = _existing(logdir)
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        troubles.add("--logdir", f"nothing can be written in {folder}", code=EXIT_SETTINGS)


def check_room(logdir: Path, checkpoint: int, predictions: int, page: Page, troubles: Troubles) -> None:
    """Tell what a run needs on the disk, and note if there is less."""
    needed, free = _CHECKPOINTS * checkpoint + predictions, shutil.disk_usage(_existing(logdir)).free
    page.line(f"a run needs about {size(needed)} for checkpoints and predictions; {size(free)} are free for {logdir}")
    if free < needed:
        troubles.warn("--logdir", f"{size(free)} are free, and the run may need {size(needed)}")


def _existing(folder: Path) -> Path:
    """The folder, or what it would be made in."""
    folder = folder.absolute()
    return next(p for p in (folder, *folder.parents) if p.exists())


__all__ = ["Size", "bytes_in", "check_room", "check_writable", "parameter_sizes", "whole", "without_gradient"]
