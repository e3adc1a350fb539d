"""Real plug-in distributions, real settings files and the real command, without anything heavy."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path

import pytest

from gammalearn_core import Experiment
from gammalearn_core import Problem
from gammalearn_core import ref
from gammalearn_core.plugin import Registry
from gammalearn_core.plugin import Switches
from gammalearn_core.settings import check

HEADER = """
from gammalearn_core import *

api_version = "1.0"

"""
NETWORK = """
@hookimpl
def gammalearn_networks():
    yield Network(name="tiny", target="{package}.tiny:Tiny", summary="The smallest network")
"""
EXTRA = """
@hookimpl
def gammalearn_networks():
    yield Network(name="hexagonal", target="a:B", summary="Wants hexagonal pixels", lattice="hexagonal")
    yield Network(name="pixels", target="a:B", summary="Wants pixels of any camera", lattice="pixels")
    yield Network(name="stereo", target="a:B", summary="Wants whole events", stereo=True)

@hookimpl
def gammalearn_handlers():
    yield Handler(name="never", target="a:b", summary="Waits for what does not happen", event="EPOCH_ENDED")

@hookimpl
def gammalearn_loaders():
    yield Loader(name="text", target="a:B", summary="Reads something that is not HDF5", paths="files")
    yield Loader(name="memory", target="a:B", summary="Reads no file", paths="")
"""


@pytest.fixture(autouse=True)
def _clean_interpreter(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """No switches from outside; afterwards nothing that was imported from the test's folder stays."""
    for name in [n for n in os.environ if n.startswith("GAMMALEARN_") and n != "GAMMALEARN_UPDATE_GOLDEN"]:
        monkeypatch.delenv(name)
    paths = list(sys.path)
    yield
    sys.path[:] = paths
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None) or "").startswith(str(tmp_path)) or name == "gammalearn_settings":
            del sys.modules[name]
    importlib.invalidate_caches()


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on ``sys.path`` that distributions can be installed in."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    return folder


@pytest.fixture
def install(site: Path) -> Callable[..., str]:
    """Install a plug-in: ``install(name, body)`` gives its package; ``{package}`` in the body stands for it."""

    def create(name: str, body: str = NETWORK, *, header: str = HEADER, version: str = "2.5", dist: str = "") -> str:
        dist = dist or f"gammalearn-{name}"
        package = dist.replace("-", "_")
        (site / package).mkdir()
        (site / package / "__init__.py").write_text("", encoding="utf-8")
        source = header + textwrap.dedent(body).replace("{package}", package)
        (site / package / "plugin.py").write_text(source, encoding="utf-8")
        info = site / f"{package}-{version}.dist-info"
        info.mkdir()
        metadata = f"Metadata-Version: 2.1\nName: {dist}\nVersion: {version}\nSummary: Made for a test\n"
        (info / "METADATA").write_text(metadata, encoding="utf-8")
        entry = f"[gammalearn_core.plugins]\n{name} = {package}.plugin\n"
        (info / "entry_points.txt").write_text(entry, encoding="utf-8")
        files = [f"{package}/__init__.py", f"{package}/plugin.py", *(f"{info.name}/{f.name}" for f in info.iterdir())]
        record = "".join(f"{file},,\n" for file in [*files, f"{info.name}/RECORD"])
        (info / "RECORD").write_text(record, encoding="utf-8")
        importlib.invalidate_caches()
        return package

    return create


@pytest.fixture
def discover() -> Callable[..., Registry]:
    """A registry of what is installed, with the switches of the environment."""

    def create(no_plugins: str | None = None) -> Registry:
        return Registry(Switches.read(no_plugins=no_plugins)).discover()

    return create


@pytest.fixture
def core_only() -> Registry:
    """A registry of the core alone, whatever is installed."""
    return Registry().discover([])


@pytest.fixture
def write_settings(tmp_path: Path) -> Callable[..., Path]:
    """Write a settings file; ``Experiment``, ``ref`` and the rest are imported for it on its first line."""

    def write(body: str, name: str = "settings.py") -> Path:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text("from gammalearn_core import *\n" + textwrap.dedent(body), encoding="utf-8")
        return path

    return write


@pytest.fixture
def gammalearn(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run ``gammalearn`` in a process of its own, in the test's folder and with what `install` installed there."""

    def run(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
        variables = dict(os.environ) | {"PYTHONPATH": str(tmp_path / "site"), "PYTHONUTF8": "1"} | environment
        command = [sys.executable, "-m", "gammalearn_core", *map(str, arguments)]
        return subprocess.run(
            command, cwd=tmp_path, env=variables, capture_output=True, text=True, encoding="utf-8", check=False
        )

    return run


def _experiment(**changes: object) -> Experiment:
    sound = {
        "name": "energy",
        "data": ref("core.dl1", paths=["gamma.h5"]),
        "network": ref("core.cnn2d"),
        "losses": {"energy": ref("core.l1")},
    }
    return Experiment(**(sound | changes))  # type: ignore[arg-type]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of a settings file, with one file of data."""
    folder = tmp_path / "work [1]"
    folder.mkdir()
    (folder / "gamma.h5").write_bytes(b"\x89HDF\r\n\x1a\nand so on")
    return folder


@pytest.fixture
def problems(core_only: Registry, folder: Path) -> Callable[..., list[Problem]]:
    """All problems of a sound experiment with changes."""

    def find(**changes: object) -> list[Problem]:
        return check(_experiment(**changes), core_only, folder)

    return find


@pytest.fixture
def extra(install: Callable[..., str], discover: Callable[..., Registry], folder: Path) -> Callable[..., list[Problem]]:
    """As `problems`, with the plug-in ``extra`` installed."""
    install("extra", EXTRA)

    def find(**changes: object) -> list[Problem]:
        return check(_experiment(**changes), discover(), folder)

    return find
