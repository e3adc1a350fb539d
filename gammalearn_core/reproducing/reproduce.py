"""From a run folder to a verdict."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from gammalearn_core.engine.build import build
from gammalearn_core.engine.folder import RunFolder
from gammalearn_core.engine.folder import latest_run
from gammalearn_core.engine.provenance import describe_data
from gammalearn_core.engine.provenance import describe_experiment
from gammalearn_core.engine.provenance import describe_run
from gammalearn_core.engine.provenance import settings_sha256
from gammalearn_core.engine.provenance.paths import found_again
from gammalearn_core.engine.run import run
from gammalearn_core.errors import EXIT_CHECK_FAILED
from gammalearn_core.errors import EXIT_DONE
from gammalearn_core.errors import RunFailedError
from gammalearn_core.errors import SettingsError
from gammalearn_core.plugin.registry import Registry
from gammalearn_core.reproducing.facts import Difference
from gammalearn_core.reproducing.facts import differences
from gammalearn_core.reproducing.facts import with_settings
from gammalearn_core.reproducing.finding import find_data
from gammalearn_core.reproducing.rebuild import needs_settings
from gammalearn_core.reproducing.rebuild import nothing_compiled
from gammalearn_core.reproducing.rebuild import rebuilt
from gammalearn_core.reproducing.rebuild import refuse_untrusted
from gammalearn_core.reproducing.rebuild import run_again
from gammalearn_core.reproducing.recorded import RecordedRun
from gammalearn_core.reproducing.recorded import read_run
from gammalearn_core.reproducing.results import compare
from gammalearn_core.reproducing.telling import facts_told
from gammalearn_core.reproducing.telling import printable
from gammalearn_core.reproducing.telling import sessions_told
from gammalearn_core.reproducing.telling import verdict
from gammalearn_core.settings.check import check
from gammalearn_core.settings.load import SettingsFile

_THREADS = 1024


def reproduce(
    path: Path,
    registry: Registry,
    *,
    logdir: Path,
    data_root: Path | None = None,
    trust_settings: bool = False,
    check_only: bool = False,
    fresh: bool = False,
) -> int:
    """Do a run again from its folder alone, and tell whether it gives the same.

    The recorded run stays as it is; the new one is an ordinary run folder. If it was stopped, the same call goes on.

    Parameters
    ----------
    path : Path
        A run folder.
    registry : Registry
    logdir : Path
        Where the new run folder goes.
    data_root : Path, optional
        A folder to look for the data in.
    trust_settings : bool
        Run the copy of the settings file, which is code. Without it, the experiment is made of components that are
        installed, and nothing of the folder is executed.
    check_only : bool
        Compare what the run was made of with what is here, and train nothing.
    fresh : bool
        Begin again, even if an earlier repetition of this run can be continued.

    Returns
    -------
    int
        0 if all is identical, 1 if not.

    Raises
    ------
    SettingsError
        The run has not finished, or it needs its settings file and that is not trusted.
    DataError
        The data are not found.
    """
    recorded = read_run(path.expanduser().absolute())
    own = needs_settings(recorded)
    if own and not trust_settings:
        raise refuse_untrusted(recorded, own)
    files = find_data(recorded, data_root=data_root)
    with nothing_compiled():
        if trust_settings:
            _say([f"{recorded.name}: running its settings file"])
            file = run_again(recorded, registry, files)
        else:
            _say([f"{recorded.name}: made again of installed components; no code of the folder is run"])
            file = rebuilt(recorded, registry, files)
        _set_modes(recorded, file)
        record, described = _made_of(file, registry)
        found = _differences(recorded, record, described, partly=True)
        _say(sessions_told(recorded.record))
        _say(facts_told(found))
        if check_only:
            return EXIT_CHECK_FAILED if found else EXIT_DONE
        unfinished = None if fresh else _unfinished(recorded, logdir / file.experiment.name, record)
        folder = _done_again(file, registry, logdir, unfinished)
        return EXIT_DONE if folder is None else _compared(recorded, folder, told=found)


def _set_modes(recorded: RecordedRun, file: SettingsFile) -> None:
    """As many threads as the run had, where the settings leave that to torch."""
    import torch

    torch.use_deterministic_algorithms(True, warn_only=True)
    known = recorded.record.get("determinism")
    threads = file.experiment.threads or (known.get("threads") if isinstance(known, dict) else None)
    if isinstance(threads, int) and 0 < threads <= _THREADS:
        torch.set_num_threads(threads)


def _made_of(file: SettingsFile, registry: Registry) -> tuple[dict[str, Any], dict[str, Any]]:
    """What a run would be made of here: as ``run.json`` and ``experiment.json`` say it."""
    base = file.path.resolve().parent
    try:
        built = build(file.experiment, registry, base, check(file.experiment, registry, base))
    except SettingsError as error:
        raise SettingsError(error.problems, str(file.path.parent)) from error.__cause__
    try:
        described = describe_experiment(built)
        record = describe_run(file, built, "", settings_sha256(described), describe_data(built, base))
    finally:
        built.source.close()
    return record, described


def _differences(
    recorded: RecordedRun, record: dict[str, Any], described: dict[str, Any], *, partly: bool = False
) -> list[Difference]:
    then = with_settings(recorded.record, recorded.described)
    return differences(then, with_settings(record, described), partly=partly)


def _unfinished(recorded: RecordedRun, runs: Path, record: dict[str, Any]) -> RunFolder | None:
    """The newest run of these settings, if it is a repetition of this run that can go on."""
    newest = latest_run(runs.parent, runs.name, record["settings_sha256"])
    if newest is None:
        return None
    known = newest.read_json(newest.run_json)
    way = (known.get("settings_file") or {}).get("folder")
    ours = way is not None and found_again(way, newest.path.resolve()) == recorded.folder.path.resolve()
    return newest if ours and known.get("status") != "finished" else None


def _done_again(file: SettingsFile, registry: Registry, logdir: Path, unfinished: RunFolder | None) -> RunFolder | None:
    """The folder of a new run, or of the unfinished one; None in processes that write none."""
    parent = logdir / file.experiment.name
    before = set(parent.glob("*/run.json"))
    run(file, registry, logdir=logdir, fresh=unfinished is None)
    if not _is_first():
        return None
    new = sorted(set(parent.glob("*/run.json")) - before)
    if unfinished is None and not new:
        raise RunFailedError(f"no run folder is left in {parent}")
    return unfinished or RunFolder(new[-1].parent)


def _compared(recorded: RecordedRun, folder: RunFolder, *, told: list[Difference]) -> int:
    record, described = folder.read_json(folder.run_json), folder.read_json(folder.experiment_json)
    results = compare(recorded.folder, folder, recorded.record, record)
    _say(verdict(_differences(recorded, record, described), results, told=told))
    return EXIT_DONE if results.identical else EXIT_CHECK_FAILED


def _say(lines: Iterable[str]) -> None:
    for line in lines if _is_first() else ():
        print(printable(line))


def _is_first() -> bool:
    """Whether this is the first of the processes that were started together."""
    return os.environ.get("RANK", os.environ.get("SLURM_PROCID", "0")) == "0"


__all__ = ["reproduce"]
