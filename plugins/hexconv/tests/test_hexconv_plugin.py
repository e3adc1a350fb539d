from __future__ import annotations

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
import gammalearn_hexconv
from gammalearn_core import Network
from gammalearn_core.plugin import Registry
from gammalearn_core.plugin import Switches
from gammalearn_hexconv import plugin

SOURCE = Path(gammalearn_hexconv.__file__).parent
PUBLIC = {"gammalearn_core": gammalearn_core.__all__, "gammalearn_core.api": gammalearn_core.api.__all__}


@pytest.fixture
def registry() -> Registry:
    return Registry(Switches()).discover()


def python(code: str) -> str:
    """What a new interpreter prints."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_the_registry_finds_the_plug_in(registry: Registry) -> None:
    found = registry.plugins["hexconv"]
    assert (found.state, found.reason, found.heavy) == ("ok", "", ())
    assert found.distribution == "gammalearn-hexconv"
    assert registry.ids("network").count("hexconv.resnet") == 1


def test_loading_it_in_a_new_interpreter_pulls_in_nothing_heavy() -> None:
    code = """
    import sys
    from gammalearn_core.plugin import Registry, Switches
    found = Registry(Switches()).discover().plugins["hexconv"]
    print(found.state, found.heavy, {"torch", "numpy", "gammalearn_hexconv.resnet"} & set(sys.modules))
    """
    assert python(f"if True:{code}") == "ok () set()"


def test_its_module_imports_nothing_heavy() -> None:
    code = "import gammalearn_hexconv.plugin, sys; print({'torch', 'numpy'} & set(sys.modules))"
    assert python(code) == "set()"


def test_it_declares_one_network() -> None:
    (record,) = plugin.gammalearn_networks()
    assert record == Network(
        name="resnet",
        target="gammalearn_hexconv.resnet:HexResNet",
        summary="Residual network that convolves the hexagonal pixels themselves",
        lattice="hexagonal",
    )


def test_the_record_leads_to_the_network(registry: Registry) -> None:
    module = importlib.import_module("gammalearn_hexconv.resnet")
    assert registry.load("hexconv.resnet", kind="network") is module.HexResNet


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


def test_it_is_typed() -> None:
    assert (SOURCE / "py.typed").is_file()


@pytest.mark.parametrize("name", ["lattice", "conv", "pool", "resnet"])
def test_the_examples_in_docstrings_run(name: str) -> None:
    import torch

    module = importlib.import_module(f"gammalearn_hexconv.{name}")
    result = doctest.testmod(module, extraglobs={"torch": torch})
    assert result.attempted
    assert not result.failed


def test_the_settings_in_the_readme_are_valid() -> None:
    readme = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
    blocks = [block.partition("```")[0] for block in readme.split("```python\n")[1:]]
    assert len(blocks) == 2
    names: dict[str, object] = {}
    for block in blocks:
        exec(block, names)
    network = names["experiment"].network  # type: ignore[attr-defined]
    assert network.target == "hexconv.resnet"
