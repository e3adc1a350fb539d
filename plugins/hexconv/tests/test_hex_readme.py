"""What the pages say of the networks, compared with the code; the README's Python is run by `test_hexconv_plugin`."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

from gammalearn_hexconv import plugin
from gammalearn_hexconv.kernel import library

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
COMPONENTS = Path(__file__).parents[3] / "docs" / "components.md"
RECORDS = {str(record.name): record for record in plugin.gammalearn_networks()}


def told(name: str) -> dict[str, object]:
    """Parameters of a network and their defaults, as the README has them."""
    (part,) = (part for part in README.split("\n### ")[1:] if f"`hexconv.{name}`" in part.partition("\n")[0])
    rows = re.findall(r"^\| `(\w+)` \| (`.*?`|by geometry) \| (.*) \|$", part, flags=re.MULTILINE)
    return {
        parameter: None if default == "by geometry" else ast.literal_eval(default.strip("`"))
        for parameter, default, meaning in rows
        if f"(not `{name}`)" not in meaning
    }


@pytest.mark.parametrize("name", RECORDS)
def test_parameters_and_defaults_are_those_of_the_networks(name: str) -> None:
    module, _, target = RECORDS[name].target.partition(":")
    signature = inspect.signature(getattr(importlib.import_module(module), target))
    true = {p.name: p.default for p in signature.parameters.values() if p.name not in ("inputs", "outputs")}
    assert told(name) == true


@pytest.mark.skipif(not COMPONENTS.is_file(), reason="the page of components is in the repository of the core")
def test_the_page_of_components_has_every_network() -> None:
    rows = re.findall(r"^\| `hexconv\.(\w+)` \| (.*) \|$", COMPONENTS.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert dict(rows) == {name: record.summary for name, record in RECORDS.items()}


def test_every_variable_of_the_environment_is_in_the_readme() -> None:
    root = Path(library.__file__).parents[1]
    sources = [*root.rglob("*.py"), *Path(__file__).parents[1].glob("hatch_build.py")]
    used = {name for path in sources for name in re.findall(r"GAMMALEARN_HEXCONV_\w+", path.read_text("utf-8"))}
    assert used
    assert used <= set(re.findall(r"GAMMALEARN_HEXCONV_\w+", README))


def test_the_command_that_tells_of_the_kernel_runs() -> None:
    (code,) = re.findall(r'^\$ python -c "(.*)"$', README, flags=re.MULTILINE)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == (library.isa() or library.why_not())
