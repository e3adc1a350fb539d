from __future__ import annotations

import argparse
import ast
import doctest
import importlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import gammalearn_core
import gammalearn_core.api
import gammalearn_irf
from gammalearn_core import Command
from gammalearn_core import Report
from gammalearn_core.plugin import Registry
from gammalearn_core.plugin import Switches
from gammalearn_irf import plugin
from gammalearn_irf.command import add_arguments
from gammalearn_irf.options import BACKGROUNDS
from gammalearn_irf.options import SOURCES
from gammalearn_irf.options import Options
from gammalearn_irf.reference import names
from gammalearn_irf.spectra import SPECTRA

SOURCE = Path(gammalearn_irf.__file__).parent
README = Path(__file__).parents[1] / "README.md"
PUBLIC = {"gammalearn_core": gammalearn_core.__all__, "gammalearn_core.api": gammalearn_core.api.__all__}
HEAVY = "{'astropy', 'h5py', 'matplotlib', 'numpy', 'pyirf', 'torch'}"


@pytest.fixture
def registry() -> Registry:
    return Registry(Switches()).discover()


def heavy_after(code: str) -> str:
    """What is imported of what takes long, when this has been done."""
    shown = f"import sys\n{code}\nsys.stderr.write(repr(sorted({HEAVY} & set(sys.modules))))"
    done = subprocess.run([sys.executable, "-c", shown], capture_output=True, text=True, check=True)
    return done.stderr.splitlines()[-1]


def test_the_registry_finds_the_plug_in(registry: Registry) -> None:
    found = registry.plugins["irf"]
    assert (found.state, found.reason, found.heavy) == ("ok", "", ())
    assert found.distribution == "gammalearn-irf"


def test_it_declares_a_command_and_a_report() -> None:
    (command,) = plugin.gammalearn_commands()
    (report,) = plugin.gammalearn_reports()
    assert isinstance(command, Command)
    assert isinstance(report, Report)
    assert (command.name, report.name) == ("irf", "benchmarks")


def test_the_plug_in_and_the_reference_curves_import_nothing_heavy() -> None:
    assert heavy_after("import gammalearn_irf.plugin\nfrom gammalearn_irf.reference import curves\ncurves()") == "[]"


def test_a_wrong_option_is_told_before_anything_heavy_is_imported() -> None:
    code = "from gammalearn_core.cli import main\nassert main(['irf', 'none', '-o', 'none', '--alpha', '0']) == 2"
    assert heavy_after(code) == "[]"


def test_options_of_the_command_and_parameters_of_the_report_have_the_same_defaults(registry: Registry) -> None:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    given = vars(parser.parse_args(["run", "-o", "out"]))
    defaults = registry.load("irf.benchmarks", kind="report").__init__.__kwdefaults__
    for name in (field.name for field in Options.__attrs_attrs__):
        assert given[name] == getattr(Options(), name) == defaults[name], name


def test_spectra_that_may_be_chosen_are_there() -> None:
    assert {*SOURCES, *BACKGROUNDS} <= {*SPECTRA}
    assert [*SOURCES] == sorted(SOURCES)
    assert [*BACKGROUNDS] == sorted(BACKGROUNDS)


def test_the_readme_tells_every_option_and_every_reference() -> None:
    text = README.read_text(encoding="utf-8")
    parser = argparse.ArgumentParser(add_help=False)
    add_arguments(parser)
    for action in parser._actions:
        for option in action.option_strings:
            assert f"`{option}" in text, option
    for name in (*names(), *SOURCES, *BACKGROUNDS):
        assert name in text, name


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
    paths = sorted(SOURCE.rglob("*.py"))
    return [".".join(p.relative_to(SOURCE.parent).with_suffix("").parts).removesuffix(".__init__") for p in paths]


@pytest.mark.parametrize("name", modules())
def test_examples_in_docstrings_are_true(name: str) -> None:
    module = importlib.import_module(name)
    failed, _ = doctest.testmod(
        module, optionflags=doctest.NORMALIZE_WHITESPACE, extraglobs={"np": sys.modules["numpy"]}
    )
    assert failed == 0
