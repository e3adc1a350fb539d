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
import gammalearn_showers
from gammalearn_core import Command
from gammalearn_core import Loader
from gammalearn_core.plugin import Registry
from gammalearn_core.plugin import Switches
from gammalearn_showers import plugin

SOURCE = Path(gammalearn_showers.__file__).parent
PUBLIC = {"gammalearn_core": gammalearn_core.__all__, "gammalearn_core.api": gammalearn_core.api.__all__}
HEAVY = "{'numba', 'torch', 'h5py', 'matplotlib'}"


@pytest.fixture
def registry() -> Registry:
    return Registry(Switches()).discover()


def heavy_after(*arguments: str) -> str:
    """What is imported of what takes long, when the command line has done this."""
    code = f"""
import sys
from gammalearn_core.cli import main
try:
    main({list(arguments)!r})
except SystemExit:
    pass
sys.stdout = sys.__stderr__
print(sorted({HEAVY} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stderr.splitlines()[-1]


def test_the_registry_finds_the_plug_in(registry: Registry) -> None:
    found = registry.plugins["showers"]
    assert (found.state, found.reason, found.heavy) == ("ok", "", ())
    assert found.distribution == "gammalearn-showers"


def test_it_declares_a_command_and_a_loader_without_files() -> None:
    (command,) = plugin.gammalearn_commands()
    (loader,) = plugin.gammalearn_loaders()
    assert isinstance(command, Command)
    assert isinstance(loader, Loader)
    assert (command.name, loader.name, loader.paths) == ("showers", "stream", "")


def test_the_records_lead_to_what_they_name(registry: Registry) -> None:
    assert (
        registry.load("showers.showers", kind="command") is importlib.import_module("gammalearn_showers.command").main
    )
    assert registry.load("showers.stream", kind="loader").__name__ == "ShowerStream"


@pytest.mark.parametrize(
    "arguments",
    [("--help",), ("plugins", "list"), ("showers", "--help"), ("showers", "--particle", "gama", "--array", "5mst")],
    ids=["help", "list", "showers-help", "errors"],
)
def test_nothing_heavy_is_imported_before_showers_are_thrown(arguments: tuple[str, ...]) -> None:
    assert heavy_after(*arguments) == "[]"


def test_its_module_imports_not_even_numpy() -> None:
    code = "import gammalearn_showers.plugin, sys; print({'torch', 'numpy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def imports(path: Path) -> Iterator[tuple[str, str]]:
    """Modules that a file imports, and names from them."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            yield from ((node.module or "", alias.name) for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)


def test_it_uses_only_public_names_of_the_core() -> None:
    used = {pair for path in SOURCE.rglob("*.py") for pair in imports(path) if pair[0].startswith("gammalearn_core")}
    assert used
    assert [(module, name) for module, name in used if name not in PUBLIC.get(module, ())] == []


@pytest.mark.parametrize("name", ["parameters", "runs", "panels"])
def test_the_examples_in_docstrings_run(name: str) -> None:
    result = doctest.testmod(importlib.import_module(f"gammalearn_showers.{name}"))
    assert result.attempted
    assert not result.failed


def test_every_option_is_in_the_readme() -> None:
    from gammalearn_showers.command import add_arguments

    parser = argparse.ArgumentParser(add_help=False)
    add_arguments(parser)
    options = [option for action in parser._actions for option in action.option_strings]
    assert len(options) > 18
    readme = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
    assert [option for option in options if f"`{option}" not in readme] == []


def test_the_settings_in_the_readme_are_valid(registry: Registry) -> None:
    from gammalearn_core.settings.check import check

    readme = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
    blocks = [block.partition("```")[0] for block in readme.split("```python\n")[1:]]
    settings = next(block for block in blocks if "Experiment(" in block)
    names: dict[str, object] = {}
    exec(settings, names)
    experiment = names["experiment"]
    assert isinstance(experiment, gammalearn_core.Experiment)
    assert check(experiment, registry, Path()) == []
