from __future__ import annotations

import ast
import doctest
import importlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

import gammalearn_core
import gammalearn_core.api
import gammalearn_stereo
from gammalearn_core.cli import main
from gammalearn_core.plugin import Registry
from gammalearn_core.plugin import Switches
from gammalearn_stereo import plugin

SOURCE = Path(gammalearn_stereo.__file__).parent
README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
PUBLIC = {"gammalearn_core": gammalearn_core.__all__, "gammalearn_core.api": gammalearn_core.api.__all__}
RECORDS = [*plugin.gammalearn_networks(), *plugin.gammalearn_transforms()]


@pytest.fixture(scope="module")
def registry() -> Registry:
    return Registry(Switches()).discover()


def test_the_registry_finds_the_plug_in(registry: Registry) -> None:
    found = registry.plugins["stereo"]
    assert (found.state, found.reason, found.heavy) == ("ok", "", ())
    assert found.distribution == "gammalearn-stereo"
    ids = [name for kind in ("network", "transform") for name in registry.ids(kind) if name.startswith("stereo.")]
    assert ids == [
        "stereo.attention",
        "stereo.mono_average",
        "stereo.pooling",
        "stereo.rnn",
        "stereo.drop_telescopes",
        "stereo.moments",
        "stereo.random_turn",
    ]


def test_listing_and_showing_it_imports_nothing_heavy() -> None:
    names = [f"stereo.{record.name}" for record in RECORDS]
    code = f"""
import sys
from gammalearn_core.cli import main
assert main(["plugins", "list"]) == 0
for name in {names}:
    assert main(["plugins", "show", name]) == 0
print({{"torch", "numpy", "gammalearn_stereo.networks"}} & set(sys.modules))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "set()"


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: str(record.name))
def test_a_record_leads_to_its_class(registry: Registry, record: gammalearn_core.Network) -> None:
    module, _, name = record.target.partition(":")
    target = registry.load(f"stereo.{record.name}", kind=record.kind)
    assert target is getattr(importlib.import_module(module), name)


def test_networks_take_whole_batches_and_networks_as_encoders() -> None:
    for record in plugin.gammalearn_networks():
        assert record.stereo
        assert dict(record.nested) == {"encoder": "network"}


def test_transforms_that_draw_say_so() -> None:
    drawing = {record.name for record in plugin.gammalearn_transforms() if record.random}
    assert drawing == {"drop_telescopes", "random_turn"}


def imports(path: Path) -> Iterator[tuple[str, str]]:
    """Modules that a file imports, and names from them."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            yield from ((node.module or "", alias.name) for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)


def test_it_uses_only_public_names_of_the_core() -> None:
    used = {pair for path in SOURCE.rglob("*.py") for pair in imports(path)}
    core = {pair for pair in used if pair[0].startswith("gammalearn_core")}
    assert core
    assert [(module, name) for module, name in core if name not in PUBLIC.get(module, ())] == []
    others = {module.partition(".")[0] for module, _ in used if module.startswith("gammalearn")}
    assert others == {"gammalearn_core", "gammalearn_stereo"}


def test_it_is_typed() -> None:
    assert (SOURCE / "py.typed").is_file()


MODULES = [".".join(path.relative_to(SOURCE.parent).with_suffix("").parts) for path in sorted(SOURCE.rglob("*.py"))]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_in_docstrings_run(name: str) -> None:
    module = importlib.import_module(name)
    assert not doctest.testmod(module, extraglobs={"torch": torch}).failed


def parameters(target: type) -> dict[str, object]:
    """What settings may say, with defaults."""
    import inspect

    given = inspect.signature(target).parameters.values()
    own = {"inputs", "outputs", "tasks", "encoder"}
    return {p.name: p.default for p in given if p.name not in own}


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: str(record.name))
def test_the_readme_has_every_parameter_with_its_default(registry: Registry, record: gammalearn_core.Network) -> None:
    section = README.partition(f"### `stereo.{record.name}`\n")[2].partition("\n### ")[0].partition("\n## ")[0]
    assert section, f"README has no section of stereo.{record.name}"
    target = registry.load(f"stereo.{record.name}", kind=record.kind)
    rows = dict(line.strip("| ").split(" | ")[:2] for line in section.splitlines() if line.startswith("| `"))
    told = {name.strip("` "): value.strip("` ") for name, value in rows.items()}
    told.pop("encoder", None)
    assert told == {name: repr(value).replace("'", '"') for name, value in parameters(target).items()}


def test_the_settings_in_the_readme_are_valid() -> None:
    blocks = [block.partition("```")[0] for block in README.split("```python\n")[1:]]
    assert blocks
    for block in blocks:
        names: dict[str, object] = {}
        exec(block, names)
        assert names["experiment"].network.target.startswith("stereo.")  # type: ignore[attr-defined]


def test_showing_a_network_tells_its_parameters(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plugins", "show", "stereo.attention"]) == 0
    assert "encoder" in capsys.readouterr().out
