"""A checkpoint, read back into a run that is made anew from the settings file, and gone on with."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import cast

import torch
from attrs import evolve

from gammalearn_core.data.source import EventSource
from gammalearn_core.engine import checkpoint
from gammalearn_core.engine.build import build
from gammalearn_core.engine.folder import RunFolder
from gammalearn_core.engine.rehearsal.comparing import compare_splits
from gammalearn_core.engine.rehearsal.comparing import compare_states
from gammalearn_core.engine.rehearsal.comparing import compare_steps
from gammalearn_core.engine.rehearsal.comparing import digests
from gammalearn_core.engine.rehearsal.comparing import handlers_without_state
from gammalearn_core.engine.rehearsal.small import SmallRun
from gammalearn_core.engine.rehearsal.small import small_run
from gammalearn_core.engine.rehearsal.standing import StandIn
from gammalearn_core.engine.rehearsal.troubles import Troubles
from gammalearn_core.engine.rehearsal.watching import HANDLERS
from gammalearn_core.engine.rehearsal.watching import OPTIMIZER
from gammalearn_core.errors import EXIT_CHECK_FAILED
from gammalearn_core.plugin.registry import Registry
from gammalearn_core.settings.check import check
from gammalearn_core.settings.load import MODULE
from gammalearn_core.settings.load import SettingsFile
from gammalearn_core.settings.load import load_settings
from gammalearn_core.settings.overrides import apart_from_start

_PLACE = "going on from a checkpoint"


class _KeptOpen(StandIn):
    """A source that another run goes on reading."""

    def close(self) -> None:
        """Leave it open."""


def go_on_from(
    kept: Path, small: SmallRun, ends: dict[str, str], file: SettingsFile, folder: RunFolder, troubles: Troubles
) -> bool:
    """Whether a run that goes on from a checkpoint ends its epoch with the same bits as the one that went on without.

    The settings file is run again, so that what its components remember is only what the checkpoint holds. Files that
    are open stay so.

    Parameters
    ----------
    kept : Path
        The checkpoint.
    small : SmallRun
        The run that went on without.
    ends : dict of str to str
        Checksums of its state after the epoch.
    file : SettingsFile
    folder : RunFolder
        Where the run that goes on is written.
    troubles : Troubles
        Takes what differs, by the name of the component.
    """
    before = len(troubles.failures)
    module = sys.modules.get(MODULE)
    try:
        again = _made_anew(small, file, folder, troubles)
        try:
            different = compare_splits(small.splits, again.splits)
            if different:
                troubles.add("filters", different)
            else:
                _go_on(kept, again)
                _compare(small, again, ends, troubles)
        finally:
            again.running.close()
    finally:
        if module is not None:
            sys.modules[MODULE] = module
    return len(troubles.failures) == before


def _made_anew(small: SmallRun, file: SettingsFile, folder: RunFolder, troubles: Troubles) -> SmallRun:
    built = small.running.built
    registry = Registry(built.registry.switches).discover()
    loaded = load_settings(file.path, registry, apart_from_start(file.overrides))
    experiment = evolve(loaded.experiment, read_ahead=0, start_from=None)
    base = file.path.resolve().parent
    static = check(experiment, registry, base)
    source = cast(EventSource, _KeptOpen(built.source))
    return small_run(build(experiment, registry, base, static, source=source), folder, troubles)


def _go_on(kept: Path, again: SmallRun) -> None:
    checkpoints = again.running.folder.checkpoints
    checkpoints.mkdir()
    shutil.copy(kept, checkpoints / checkpoint.LAST)
    if not again.loop.restore():
        raise RuntimeError("the checkpoint that was just written cannot be read back")
    with torch.autograd.set_detect_anomaly(True):
        again.loop.train()


def _compare(small: SmallRun, again: SmallRun, ends: dict[str, str], troubles: Troubles) -> None:
    found = compare_steps(small.watch, again.watch)
    if found is not None:
        where, why = found
        if where.partition(" ")[0] in (OPTIMIZER, HANDLERS):
            suspects = handlers_without_state(again.running)
            why = f"{why}; without state_dict(): {', '.join(suspects)}" if suspects else why
        troubles.add(where, f"{_PLACE}, {why}", code=EXIT_CHECK_FAILED)
        return
    names = list(compare_states(ends, digests(again), again.running))
    if names:
        troubles.add(_PLACE, f"at the end of the epoch, other than without: {', '.join(names)}")


__all__ = ["go_on_from"]
