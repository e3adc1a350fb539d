from __future__ import annotations

import argparse
import ast
import doctest
import importlib
import inspect
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

import gammalearn_core
import gammalearn_core.api
import gammalearn_gammaboard_export
from gammalearn_core import Command
from gammalearn_core import Report
from gammalearn_core.plugin import Registry
from gammalearn_core.plugin import Switches
from gammalearn_gammaboard_export import plugin
from gammalearn_gammaboard_export.command import add_arguments
from gammalearn_gammaboard_export.panels import PANELS
from gammalearn_gammaboard_export.report import Figures
from gammalearn_gammaboard_export.report import Files

SOURCE = Path(gammalearn_gammaboard_export.__file__).parent
README = Path(__file__).parents[1] / "README.md"
PUBLIC = {"gammalearn_core": gammalearn_core.__all__, "gammalearn_core.api": gammalearn_core.api.__all__}
HEAVY = "{'astropy', 'ctaplot', 'h5py', 'matplotlib', 'numpy', 'torch'}"


def heavy_after(code: str) -> str:
    """What is imported of what takes long, when this has been done."""
    shown = f"import sys\n{code}\nsys.stderr.write(repr(sorted({HEAVY} & set(sys.modules))))"
    done = subprocess.run([sys.executable, "-c", shown], capture_output=True, text=True, check=True)
    return done.stderr.splitlines()[-1]


def test_the_registry_finds_the_plug_in() -> None:
    found = Registry(Switches()).discover().plugins["gammaboard_export"]
    assert (found.state, found.reason, found.heavy) == ("ok", "", ())
    assert found.distribution == "gammalearn-gammaboard-export"


def test_it_declares_a_command_and_two_reports() -> None:
    (command,) = plugin.gammalearn_commands()
    figures, files = plugin.gammalearn_reports()
    assert isinstance(command, Command)
    assert isinstance(figures, Report)
    assert isinstance(files, Report)
    assert (command.name, figures.name, files.name) == ("gammaboard", "figures", "files")


def test_the_plug_in_imports_nothing_heavy() -> None:
    assert heavy_after("import gammalearn_gammaboard_export.plugin") == "[]"


def test_a_wrong_option_is_told_before_anything_heavy_is_imported() -> None:
    code = "from gammalearn_core.cli import main\nassert main(['gammaboard', 'none', '-o', 'x', '--layout', 'y']) == 2"
    assert heavy_after(code) == "[]"


def test_the_readme_tells_every_option_parameter_and_figure() -> None:
    text = README.read_text(encoding="utf-8")
    parser = argparse.ArgumentParser(add_help=False)
    add_arguments(parser)
    options = [option for action in parser._actions for option in action.option_strings]
    parameters = [n for report in (Files, Figures) for n in list(inspect.signature(report).parameters)[1:]]
    for name in (*options, *parameters, *PANELS):
        assert f"`{name}" in text, name


def test_the_source_imports_only_what_the_core_promises() -> None:
    for path in SOURCE.rglob("*.py"):
        for module, name in imported(path):
            assert name in PUBLIC.get(module, []), f"{path.name} imports {module}.{name}"


def imported(path: Path) -> Iterator[tuple[str, str]]:
    """What a module takes from the core."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("gammalearn_core"):
            yield from ((node.module or "", alias.name) for alias in node.names)


def modules() -> list[str]:
    paths = sorted(path for path in SOURCE.rglob("*.py") if path.parent.name != "launcher")
    names = [".".join(p.relative_to(SOURCE.parent).with_suffix("").parts).removesuffix(".__init__") for p in paths]
    return [name for name in names if ".drawing" not in name or find_spec("ctaplot")]


@pytest.mark.parametrize("name", modules())
@pytest.mark.filterwarnings("ignore")
def test_examples_in_docstrings_are_true(name: str) -> None:
    module = importlib.import_module(name)
    numpy = importlib.import_module("numpy")
    failed, _ = doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE, extraglobs={"np": numpy})
    assert failed == 0
