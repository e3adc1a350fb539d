"""What ``gammalearn report`` and ``gammalearn compare`` do: read run folders, write a page, and say so."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path

from gammalearn_core.engine.messages import messages
from gammalearn_core.engine.progress import console
from gammalearn_core.errors import EXIT_DONE
from gammalearn_core.errors import DataError
from gammalearn_core.errors import Problem
from gammalearn_core.errors import SettingsError
from gammalearn_core.plugin.registry import Registry
from gammalearn_core.reporting.compare_page import compare_page
from gammalearn_core.reporting.compare_page import run_folders
from gammalearn_core.reporting.run_page import Page
from gammalearn_core.reporting.run_page import make_page
from gammalearn_core.reporting.studies.of_data import Wanted
from gammalearn_core.reporting.studies.of_data import studies_of_data
from gammalearn_core.reporting.writing import check_free
from gammalearn_core.reporting.writing import write_report
from gammalearn_core.reproducing.recorded import read_run
from gammalearn_core.reproducing.telling import printable

_MALFORMED = (KeyError, TypeError, ValueError, AttributeError, IndexError)
"""What files that no run has written may lead to."""


def report(
    path: Path,
    *,
    output: Path | None = None,
    figures: Mapping[str, Path] | None = None,
    data_root: Path | None = None,
    events: bool = True,
    registry: Registry | None = None,
    wanted: Wanted | None = None,
) -> int:
    """Write the page of a run.

    Parameters
    ----------
    path : Path
        A run folder, finished or not.
    output : Path, optional
        The page; ``report.html`` of the run unless given. A page that was made before is replaced.
    figures : mapping of str to Path, optional
        Folders for figures by ending: ``svg``, ``png``, ``pdf``.
    data_root : Path, optional
        A folder to look for the run's data in.
    events : bool
        Whether images of events are looked for.
    registry : Registry, optional
    wanted : Wanted, optional
        What is to be studied with the run's data.

    Returns
    -------
    int
        0

    Raises
    ------
    SettingsError
        It is no run folder, its settings have been changed, or nothing can be written.
    DataError
        A file of it is damaged, or what is wanted needs data that are not there.
    """
    folder = read_run(path.expanduser().absolute(), finished=False).folder
    page_file = output or folder.path / "report.html"
    check_free(page_file)
    with messages(None, console()):
        try:
            more = studies_of_data(folder, registry or Registry().discover(), wanted or Wanted())
            page = make_page(folder, data_root=data_root, events=events, figures=folder.figures.is_dir(), more=more)
        except _MALFORMED as error:
            raise _not_a_runs(folder.path, error) from error
    return _write(page_file, page, figures or {})


def compare(
    paths: Sequence[Path],
    *,
    output: Path,
    figures: Mapping[str, Path] | None = None,
    different_events: bool = False,
) -> int:
    """Write the page that compares runs.

    Parameters
    ----------
    paths : sequence of Path
        Run folders, two or more; the first is what the others are compared with.
    output : Path
        The page. One that was made before is replaced.
    figures : mapping of str to Path, optional
        Folders for figures by ending: ``svg``, ``png``, ``pdf``.
    different_events : bool
        Whether runs without common test events are shown beside one another.

    Returns
    -------
    int
        0

    Raises
    ------
    SettingsError
        There are fewer than two, one is no run folder, or nothing can be written.
    DataError
        A file of them is damaged, or they have no common test events.
    """
    folders = run_folders(paths)
    if len(folders) < 2:
        raise SettingsError([Problem("RUN", "a comparison needs two different runs or more")])
    check_free(output)
    with messages(None, console()):
        try:
            page = compare_page(folders, different_events=different_events)
        except _MALFORMED as error:
            raise _not_a_runs(Path("one of the runs"), error) from error
    return _write(output, page, figures or {})


def _write(page_file: Path, page: Page, figures: Mapping[str, Path]) -> int:
    written = write_report(page_file, page, **dict(figures))
    for note in page.notes:
        print(printable(note))
    more = f", {len(written) - 1} figures in {', '.join(map(str, figures.values()))}" if figures else ""
    print(printable(f"done: {page_file} ({len(page.html.encode()) / 1e6:.2f} MB){more}"))
    return EXIT_DONE


def _not_a_runs(path: Path, error: Exception) -> DataError:
    what = f"{type(error).__name__}: {error}"
    return DataError(
        f"{path}: its JSON files are not what a run writes ({what}); take the folder as the run has left it"
    )


__all__ = ["compare", "report"]
