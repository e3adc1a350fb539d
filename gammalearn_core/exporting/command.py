"""From a run folder to files that other programs compute, each checked and described."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator
from collections.abc import Sequence
from contextlib import contextmanager
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from attrs import frozen

from gammalearn_core.engine.checksums import sha256_of
from gammalearn_core.engine.folder import write_text
from gammalearn_core.engine.messages import held
from gammalearn_core.engine.messages import messages
from gammalearn_core.engine.progress import console
from gammalearn_core.errors import EXIT_DONE
from gammalearn_core.errors import Problem
from gammalearn_core.errors import RunFailedError
from gammalearn_core.errors import SettingsError
from gammalearn_core.exporting.checking import ABSOLUTE
from gammalearn_core.exporting.checking import RELATIVE
from gammalearn_core.exporting.checking import Checked
from gammalearn_core.exporting.checking import apart
from gammalearn_core.exporting.checking import compare
from gammalearn_core.exporting.checking import references
from gammalearn_core.exporting.describing import describe
from gammalearn_core.exporting.events import Sample
from gammalearn_core.exporting.events import files_of
from gammalearn_core.exporting.events import read_samples
from gammalearn_core.exporting.events import template
from gammalearn_core.exporting.onnx_file import OnnxFormat
from gammalearn_core.exporting.torch_file import TorchFormat
from gammalearn_core.exporting.tracing import Tracing
from gammalearn_core.plugin.registry import Registry
from gammalearn_core.predicting.model import Computing
from gammalearn_core.predicting.model import Model
from gammalearn_core.predicting.model import load_model
from gammalearn_core.reproducing.rebuild import nothing_compiled
from gammalearn_core.reproducing.recorded import RecordedRun
from gammalearn_core.reproducing.recorded import read_run

_log = logging.getLogger(__name__)
FOLDER = "export"
"""In the run folder, where files go by default."""
Format = OnnxFormat | TorchFormat


@frozen(kw_only=True)
class Options:
    """What is exported, and where to."""

    onnx: bool = True
    torch: bool = True
    output: Path | None = None
    """None for ``export`` in the run folder."""
    check_on: Sequence[Path] = ()
    """DL1 files; none for those of the run."""
    data_root: Path | None = None
    trust_settings: bool = False
    overwrite: bool = False


def export(run_folder: Path, registry: Registry, options: Options) -> int:
    """Write a run's network as files that need no package of ours.

    Parameters
    ----------
    run_folder : Path
    registry : Registry
    options : Options

    Returns
    -------
    int
        0.

    Raises
    ------
    SettingsError
        There is no such run, a package is missing, something is where a file is to go, or the network cannot be
        exported.
    DataError
        The run folder is damaged, or there are no events to check with.
    RunFailedError
        A file does not give what the network gives, or cannot be written.
    """
    formats = [kind for kind, wanted in ((OnnxFormat(), options.onnx), (TorchFormat(), options.torch)) if wanted]
    for kind in formats:
        kind.require()
    with held() as early, nothing_compiled():
        run = read_run(run_folder.expanduser().absolute(), finished=False)
        outputs = _outputs(run, formats, options)
        paths = list(options.check_on) or files_of(run, options.data_root)
        load = partial(load_model, run, registry, paths, trust_settings=options.trust_settings)
        model = load(computing=Computing(device="cpu", precision="fp32", fuse=False))
        with messages(None, console()):
            early.tell()
            making = _Making(run, model, read_samples(model, paths))
            if model.built.experiment.precision != "fp32":
                making.tell_apart(load(computing=Computing(device="cpu", fuse=False)))
            told = [making.write(kind, path) for kind, path in zip(formats, outputs, strict=True)]
    print("\n".join(told))
    return EXIT_DONE


def _outputs(run: RecordedRun, formats: Sequence[Format], options: Options) -> list[Path]:
    """Where files go.

    Raises
    ------
    SettingsError
        Something is there, or nothing can be written there.
    """
    folder = options.output or run.folder.path / FOLDER
    paths = [folder / f"{run.folder.path.parent.name}{kind.suffix}" for kind in formats]
    taken = [path for path in (*paths, *map(description_of, paths)) if path.exists()]
    if taken and not options.overwrite:
        hint = "--overwrite replaces it; or give another folder with -o"
        raise SettingsError([Problem(str(path), "is there already", hint) for path in taken], "the outputs")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        what = f"the folder {folder} cannot be made: {error.strerror}"
        raise SettingsError([Problem("--output", what)], "the command line") from error
    return paths


def description_of(path: Path) -> Path:
    """The JSON file beside an exported one."""
    return path.with_name(f"{path.name}.json")


class _Making:
    """Writes one format after the other."""

    def __init__(self, run: RecordedRun, model: Model, samples: Sequence[Sample]) -> None:
        self._run, self._model, self._samples = run, model, samples
        self._expected = references(model, samples)
        self._tracing = Tracing(model, template(model.reader.inputs, samples))
        self._apart: dict[str, float] | None = None

    def tell_apart(self, reduced: Model) -> None:
        """Remember how far the network is from itself in the precision that it was trained in."""
        self._apart = apart(self._expected, references(reduced, self._samples))

    def write(self, kind: Format, path: Path) -> str:
        """Write a file that has been checked and its description, and tell of it."""
        _log.info("%s: making the graph", path.name)
        traced, made = self._tracing.longest(kind.make)
        with _beside(path) as part:
            kind.write(part, made)
            checked = compare(kind, part, traced, self._model, self._samples, self._expected)
            checked.require(kind.label)
            file = {"name": path.name, "format": kind.label, "bytes": part.stat().st_size, "sha256": sha256_of(part)}
            described = describe(self._run, self._model, traced, packages=kind.packages)
            described |= {"file": file | kind.facts(made), "check": self._told(checked)}
        text = json.dumps(described, indent=1, allow_nan=False, ensure_ascii=False) + "\n"
        _written(description_of(path), text)
        largest = ", ".join(f"{task} {value:.1g}" for task, value in checked.differences.items())
        return f"{path}: {checked.events} events checked; largest differences: {largest}"

    def _told(self, checked: Checked) -> dict[str, Any]:
        files = [{"name": s.path.name, "sha256": sha256_of(s.path), "events": len(s.batch)} for s in self._samples]
        return {
            "events": checked.events,
            "files": files,
            "against": "the network of the run in single precision on a CPU, layer by layer",
            "tolerance": {"absolute": ABSOLUTE, "relative": RELATIVE},
            "largest_difference": dict(checked.differences),
            "largest_difference_of_trained_precision": self._apart,
        }


@contextmanager
def _beside(path: Path) -> Iterator[Path]:
    """A path that becomes this file if all went well, and nothing if not.

    Raises
    ------
    RunFailedError
        It cannot be written.
    """
    part = path.with_name(f".{path.name}.part{path.suffix}")
    try:
        yield part
        os.replace(part, path)
    except OSError as error:
        raise RunFailedError(f"{path} cannot be written: {error.strerror or error}") from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def _written(path: Path, text: str) -> None:
    try:
        write_text(path, text)
    except OSError as error:
        raise RunFailedError(f"{path} cannot be written: {error.strerror or error}") from error


__all__ = ["FOLDER", "Options", "description_of", "export"]
