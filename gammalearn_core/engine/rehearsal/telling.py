"""The sections that a rehearsal prints."""

from __future__ import annotations

import math
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path

from gammalearn_core.engine.memory import peak_memory
from gammalearn_core.engine.rehearsal.handlers import Calls
from gammalearn_core.engine.rehearsal.page import Page
from gammalearn_core.engine.rehearsal.page import digits
from gammalearn_core.engine.rehearsal.page import duration
from gammalearn_core.engine.rehearsal.ranges import Range
from gammalearn_core.engine.rehearsal.sizes import parameter_sizes
from gammalearn_core.engine.rehearsal.sizes import whole
from gammalearn_core.engine.rehearsal.sizes import without_gradient
from gammalearn_core.engine.rehearsal.small import SmallRun
from gammalearn_core.engine.rehearsal.timing import Speed
from gammalearn_core.engine.rehearsal.troubles import Trouble
from gammalearn_core.engine.rehearsal.watching import Watch
from gammalearn_core.engine.running import RunningExperiment
from gammalearn_core.inspecting.wording import count
from gammalearn_core.inspecting.wording import grouped
from gammalearn_core.inspecting.wording import size as readable

_SHOWN = 6
"""Names that a line tells at most."""
_FILES = 4
"""Files of a folder that are told one by one."""


def tell_data(page: Page, small: SmallRun) -> None:
    """How many samples there are, and which of them are used."""
    running = small.running
    page.heading(f"Rehearsal of {running.settings.name}")
    page.line(f"{count(sum(small.sizes.values()), 'sample')} after the cuts: {_listed(small.sizes)}")
    chosen = ", ".join(str(number + 1) for number in small.order.chosen)
    page.line(f"of the {count(small.steps, 'step')} of the first epoch are made: {chosen}; on {running.device}")
    fitted = [part.ref.label for part, transform in running.built.transforms if hasattr(transform, "fit")]
    if fitted:
        few = count(len(running.splits["train"]), "sample")
        page.line(f"{', '.join(fitted)}: constants measured on {few} only, in a run on the whole training split")


def _listed(sizes: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {grouped(number)}" for name, number in sizes.items())


def tell_images(page: Page, watch: Watch) -> None:
    """Ranges of the images on their way to the network, camera by camera."""
    cameras = dict.fromkeys(key for ranges in watch.images.values() for key in ranges.shapes)
    for camera in cameras:
        page.heading(f"Images of {camera}, in the training steps")
        rows: list[list[str]] = []
        for place, ranges in watch.images.items():
            rows.append([f"{place}  {ranges.shapes.get(camera, 'none')}"])
            for (key, channel), found in ranges.channels.items():
                if key == camera:
                    empty = f"{found.empty} of {found.images}"
                    numbers = map(digits, (found.low, found.high, found.mean))
                    rows.append([f"  {channel}", *numbers, *_missing(found), empty])
        page.table(["after", "lowest", "highest", "mean", "NaN", "inf", "all zero"], rows)


def _missing(found: Range) -> list[str]:
    return [str(found.nan), str(found.infinite)]


def tell_tasks(page: Page, small: SmallRun) -> None:
    """Truth, predictions and losses, task by task."""
    page.heading("Tasks, in the numbers that the network learns")
    watch, tasks = small.watch, small.running.built.outputs.tasks
    rows = []
    for task, spec in tasks.items():
        found = watch.outputs.get(task, Range())
        rows.append([task, _truth(watch, task, spec.classes), _span(found), str(spec.size), *_missing(found)])
    page.table(["task", "truth", "network gives", "numbers", "NaN", "inf"], rows, left=3)
    validation = small.running.latest.get("validation", {})
    head = ["loss", *(f"step {n + 1}" for n in small.order.chosen[: len(watch.losses)]), "validation"]
    losses = []
    for name in ("loss", *tasks):
        steps = [digits(step.get(name, math.nan)) for step in watch.losses]
        measured = validation.get(name if name == "loss" else f"{name}/loss", math.nan)
        losses.append(["all" if name == "loss" else name, *steps, digits(measured)])
    if watch.losses:
        page.line("")
        page.table(head, losses)


def _truth(watch: Watch, task: str, classes: Sequence[str]) -> str:
    counts = watch.classes.get(task, {})
    return ", ".join(f"{grouped(counts.get(number, 0))} {name}" for number, name in enumerate(classes)) or _span(
        watch.truth.get(task, Range())
    )


def _span(found: Range) -> str:
    return f"{digits(found.low)} to {digits(found.high)}" if found.count else "none"


def tell_network(page: Page, running: RunningExperiment, watch: Watch) -> None:
    """Parameters by module, and which of them learn."""
    page.heading(f"Network {running.built.parts['network'].ref.label}")
    sizes = parameter_sizes(running.network)
    rows = [[s.name, grouped(s.count), grouped(s.trained)] for s in (*sizes, whole(sizes))]
    page.table(["module", "parameters", "trained"], rows)
    if watch.norms:
        limit = running.settings.clip_norm
        clipped = f", shortened to {limit:g}" if limit else ""
        page.line(f"norm of the gradient: {', '.join(map(digits, watch.norms))}{clipped}")
        missing, still = without_gradient(running.network, watch.reached, watch.moved)
        page.line(f"parameters that no gradient reaches: {named(missing)}")
        page.line(f"parameters whose gradient is always 0: {named(still)}")


def named(names: Sequence[str]) -> str:
    """The first of many names."""
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more if names else "none"


def tell_checkpoint(page: Page, *, step: int, same: bool, size: int) -> None:
    """Whether a run can go on."""
    page.heading("Checkpoint")
    page.line(f"kept after step {step}, {readable(size)}; the settings file was run again and took it back")
    page.line("the epoch ended with the same bits" if same else "the epoch did NOT end alike: see the problems below")


def tell_handlers(page: Page, handlers: Sequence[Calls], *, trained: bool) -> None:
    """How often each handler was called."""
    if not handlers:
        return
    page.heading("Handlers")
    page.table(["handler", "on", "called"], [[c.label, c.when, _called(c, trained=trained)] for c in handlers], left=3)
    if any(calls.directly for calls in handlers):
        page.line("directly: at the end, since their turn does not come in so few steps")


def _called(calls: Calls, *, trained: bool) -> str:
    if calls.failed:
        return "failed"
    if calls.handler is None:
        return "made; it attaches itself"
    if calls.directly:
        return "once, directly"
    if calls.count:
        return count(calls.count, "time")
    return "never: its engine does not run" if trained else "not yet: training failed"


def tell_results(page: Page, folder: Path, written: Sequence[Path]) -> None:
    """What a run leaves behind, written and read back; many files of a folder in one row."""
    page.heading("Results, written and read back")
    by_folder: dict[Path, list[Path]] = {}
    for path in (p for p in written if p.is_file()):
        by_folder.setdefault(path.parent.relative_to(folder), []).append(path)
    rows = []
    for place, paths in by_folder.items():
        sizes = [p.stat().st_size for p in paths]
        if place.parts and len(paths) > _FILES:
            rows.append([f"{place.as_posix()}/, {len(paths)} files", readable(sum(sizes))])
        else:
            rows += [[(place / p.name).as_posix(), readable(number)] for p, number in zip(paths, sizes, strict=True)]
    if rows:
        page.table(["file", "size"], rows)
    else:
        page.line("nothing could be written")


def tell_speed(page: Page, running: RunningExperiment, speed: Speed, sizes: dict[str, int]) -> None:
    """Speeds, and what they mean for a run."""
    page.heading("Speed")
    memory = f", {_rate(1 / speed.again)} when it is in memory, where all of it fits" if speed.kept else ""
    page.line(f"reading alone: {_rate(1 / speed.reading)}{memory}")
    page.line(f"a training step of {speed.batch}: {duration(speed.step)}, {_rate(speed.batch / speed.step)}")
    page.line("reading is what limits the speed" if speed.reading_limits else "the step is what limits the speed")
    epochs = running.settings.epochs
    epoch = speed.epoch(sizes["train"], first=epochs == 1)
    total = speed.run(sizes, epochs)
    page.line(f"a training epoch takes about {duration(epoch)}")
    page.line(f"the run takes about {duration(total)}: {count(epochs, 'epoch')}, their validation, and the test")
    device = running.device
    page.line(f"peak memory: {readable(peak_memory(device))} of {'the process' if device.type == 'cpu' else device}")


def _rate(rate: float) -> str:
    return f"{grouped(round(rate))} events/s"


def tell_troubles(page: Page, troubles: Sequence[Trouble], *, seconds: float) -> None:
    """The last words: what is wrong, with the lines where it arose."""
    failures = [t for t in troubles if t.fails]
    notes = [t for t in troubles if not t.fails]
    if notes:
        page.heading(f"{count(len(notes), 'thing')} to look at")
        for trouble in notes:
            _tell(page, trouble)
    if failures:
        page.heading(count(len(failures), "problem"))
        for trouble in failures:
            _tell(page, trouble)
    found = f"{count(len(failures), 'problem')}" if failures else "all went well"
    page.heading(f"rehearsed in {duration(seconds)}, nothing is kept: {found}")


def _tell(page: Page, trouble: Trouble) -> None:
    page.line(f"{trouble.where}: {trouble.what}" if trouble.where else trouble.what)
    for line in trouble.lines:
        page.line(line, indent=6)


def first_not_finite(watch: Watch) -> str:
    """Where a number on its way to the loss is first none; empty if nowhere."""
    for place, ranges in watch.images.items():
        if not ranges.is_finite:
            return f"the images after {place}"
    for task, found in watch.outputs.items():
        if found.nan or found.infinite:
            return f"what the network gives for {task!r}"
    return ""


__all__ = [
    "first_not_finite",
    "named",
    "tell_checkpoint",
    "tell_data",
    "tell_handlers",
    "tell_images",
    "tell_network",
    "tell_results",
    "tell_speed",
    "tell_tasks",
    "tell_troubles",
]
