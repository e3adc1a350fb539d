"""What the documentation says, compared with the code; examples in it are tried out."""

from __future__ import annotations

import ast
import inspect
import re
import subprocess
import typing
from argparse import ArgumentParser
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from types import ModuleType

import attrs
import pytest

import gammalearn_core
from gammalearn_core import Experiment
from gammalearn_core import errors
from gammalearn_core.cli import COMMANDS
from gammalearn_core.cli import baseline
from gammalearn_core.cli import compare
from gammalearn_core.cli import plugins as plugins_command
from gammalearn_core.cli import report
from gammalearn_core.plugin import API_VERSION
from gammalearn_core.plugin import GROUP
from gammalearn_core.plugin import Registry
from gammalearn_core.plugin import hookspecs
from gammalearn_core.plugin import switches
from gammalearn_core.plugin.loading import State
from gammalearn_core.plugin.names import NAME
from gammalearn_core.plugin.names import api_text
from gammalearn_core.plugin.records import RECORDS
from gammalearn_core.plugin.records import Component
from gammalearn_core.settings import check
from gammalearn_core.settings import load_settings
from gammalearn_core.settings.check import slots
from gammalearn_core.settings.ref import ENGINES
from gammalearn_core.settings.ref import EVENTS

DOCS = Path(__file__).parents[2] / "docs"
PACKAGE = Path(gammalearn_core.__file__).parent
PAGES = (
    "index.md",
    "settings.md",
    "running.md",
    "components.md",
    "data.md",
    "info.md",
    "baseline.md",
    "stereo.md",
    "showers.md",
    "run_folder.md",
    "predicting.md",
    "export.md",
    "metrics.md",
    "report.md",
    "studies.md",
    "plugins.md",
)
HDF5 = b"\x89HDF\r\n\x1a\n"
HOOKS = [name for name in vars(hookspecs) if name.startswith(f"{NAME}_")]
EXITS = {name: code for name, code in vars(errors).items() if name.startswith("EXIT_")}
FIELDS = {field.name: field for field in attrs.fields(Experiment)}
CORE = Registry().discover([]).components()


def page(name: str) -> str:
    """Text of a page."""
    return (DOCS / name).read_text(encoding="utf-8")


def blocks(name: str) -> list[tuple[str, str]]:
    """Language and text of the code blocks of a page."""
    return re.findall(r"^```(\w*)\n(.*?)^```$", page(name), flags=re.DOTALL | re.MULTILINE)


def section(name: str, heading: str) -> str:
    """What stands under a heading, before the next one of any level."""
    found = re.search(rf"^#+ {re.escape(heading)}\n(.*?)(?=^#+ |\Z)", page(name), flags=re.DOTALL | re.MULTILINE)
    assert found, f"{name} has no heading {heading!r}"
    return found[1]


def rows(text: str) -> list[list[str]]:
    """Cells of all rows of tables."""
    lines = [line for line in text.splitlines() if line.startswith("|") and not line.startswith("| ---")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


def default(attribute: attrs.Attribute[object]) -> str:
    """A default as the tables write it."""
    if attribute.default is attrs.NOTHING:
        return "required"
    factory = getattr(attribute.default, "factory", None)
    value = attribute.default if factory is None else factory()
    return f"`{dict(value) if isinstance(value, Mapping) else value!r}`"


def classes(path: str) -> Iterator[ast.ClassDef]:
    """Classes of a module that imports too much to be imported here."""
    tree = ast.parse((PACKAGE / path).read_text(encoding="utf-8"))
    return (node for node in tree.body if isinstance(node, ast.ClassDef))


def function(path: str, name: str) -> ast.FunctionDef:
    """A function of such a module."""
    tree = ast.parse((PACKAGE / path).read_text(encoding="utf-8"))
    return next(node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == name)


def keys(tree: ast.AST) -> set[str]:
    """Keys of the outermost dictionary that is written in a piece of code."""
    written = next(node for node in ast.walk(tree) if isinstance(node, ast.Dict) and len(node.keys) > 4)
    return {key.value for key in written.keys if isinstance(key, ast.Constant) and isinstance(key.value, str)}


def members(node: ast.ClassDef) -> set[str]:
    """Public attributes and methods of a class."""
    named = [n.name for n in node.body if isinstance(n, ast.FunctionDef)]
    annotated = [n.target.id for n in node.body if isinstance(n, ast.AnnAssign) and isinstance(n.target, ast.Name)]
    assigned = [t.id for n in node.body if isinstance(n, ast.Assign) for t in n.targets if isinstance(t, ast.Name)]
    return {name for name in [*named, *annotated, *assigned] if not name.startswith("_")}


def mentioned(text: str) -> set[str]:
    """Words in code style."""
    return {word for code in re.findall(r"`([^`\n]+)`", text) for word in re.findall(r"\w+", code)}


# Pages and links.


def test_the_pages_are_those_that_are_tested() -> None:
    assert sorted(path.name for path in DOCS.glob("*.md")) == sorted(PAGES)


def test_the_index_names_every_page() -> None:
    assert [name for name in PAGES if name != "index.md" and f"({name})" not in page("index.md")] == []


def anchors(name: str) -> set[str]:
    """Anchors of the headings of a page, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page(name), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("name", PAGES)
def test_relative_links_lead_somewhere(name: str) -> None:
    links = [link for link in re.findall(r"\]\(([^)]+)\)", page(name)) if "://" not in link]
    for file, _, anchor in (link.partition("#") for link in links):
        assert (DOCS / file).exists(), file
        if anchor:
            assert anchor in anchors(file or name), f"{file}#{anchor}"


@pytest.mark.parametrize("name", PAGES)
def test_no_page_names_a_folder_of_a_machine(name: str) -> None:
    assert re.findall(r"(?:/tmp|/home|/work|/Users|/root)/", page(name)) == []


@pytest.mark.parametrize("name", PAGES)
def test_python_in_the_pages_compiles(name: str) -> None:
    for language, text in blocks(name):
        if language == "python":
            compile(text, name, "exec")


def test_every_command_is_in_the_index() -> None:
    assert [name for name in COMMANDS if f"`gammalearn {name}`" not in page("index.md")] == []


@pytest.mark.parametrize(
    ("command", "name", "title"),
    [
        (baseline, "baseline.md", "Options"),
        (report, "report.md", "Options"),
        (compare, "report.md", "Comparing runs"),
    ],
)
def test_every_option_of_a_command_is_documented(command: ModuleType, name: str, title: str) -> None:
    parser = ArgumentParser(add_help=False)
    command.add_arguments(parser)
    options = {text for action in parser._actions for text in action.option_strings}
    told = " ".join(row[0] for row in rows(section(name, title))[1:])
    assert options == set(re.findall(r"`(--?[a-z-]+)", told))


# Settings.


def test_every_setting_is_documented_with_its_default() -> None:
    table = rows(section("settings.md", "Settings"))[1:]
    assert {row[0]: row[2] for row in table} == {f"`{name}`": default(field) for name, field in FIELDS.items()}


@pytest.mark.parametrize("name", FIELDS)
def test_the_example_of_a_setting_is_one(name: str) -> None:
    (example,) = (row[4] for row in rows(section("settings.md", "Settings")) if row[0] == f"`{name}`")
    settings = eval(f"dict({example.strip('`')})", {n: getattr(gammalearn_core, n) for n in ("ref", "log_uniform")})
    assert list(settings) == [name]
    assert list(FIELDS[name].metadata["check"](name, settings[name])) == []


@pytest.mark.parametrize("name", EXITS)
def test_every_exit_code_is_documented(name: str) -> None:
    assert str(EXITS[name]) in [row[0] for row in rows(section("settings.md", "Exit codes"))]


@pytest.mark.parametrize("name", [*EVENTS, *ENGINES])
def test_every_event_and_engine_is_documented(name: str) -> None:
    heading = "`on`: when a handler is called"
    assert f"`{name}`" in section("settings.md", heading)


# Components of the core.


@pytest.mark.parametrize(("id", "record"), CORE, ids=[f"{record.kind} {id}" for id, record in CORE])
def test_every_component_of_the_core_is_documented_with_its_summary(id: str, record: Component) -> None:
    part = getattr(record, "part", record.kind)
    plurals = {"loss": "Losses"}
    table = rows(section("components.md", plurals.get(part, f"{part.capitalize()}s")))
    assert [f"`{id}`", record.summary] in [row[:2] for row in table]


def test_no_component_is_documented_that_the_core_lacks() -> None:
    documented = {row[0].strip("`") for row in rows(page("components.md")) if row[0].startswith("`core.")}
    assert documented == {id for id, _ in CORE}


def test_every_metric_is_documented_with_its_definition() -> None:
    cells = {cell.replace("\\|", "|") for row in rows(section("components.md", "Metrics")) for cell in row}
    assert [id for id, r in CORE if r.kind == "metric" and r.definition not in cells] == []  # type: ignore[attr-defined]


# Hooks, records and protocols.


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_is_documented_with_its_signature(hook: str) -> None:
    returns = inspect.signature(getattr(hookspecs, hook)).return_annotation
    assert f"`{hook}() -> {returns}`" in [row[0] for row in rows(section("plugins.md", "Hooks"))]


@pytest.mark.parametrize("record", [Component, *RECORDS.values()], ids=lambda record: record.__name__)
def test_every_record_is_documented_with_its_fields_and_defaults(record: type[Component]) -> None:
    common = {field.name for field in attrs.fields(Component)} if record is not Component else set()
    own = {f"`{field.name}`": default(field) for field in attrs.fields(record) if field.name not in common}
    table = rows(section("plugins.md", record.__name__))[1:]
    assert {row[0]: row[2] for row in table} == own


def test_every_name_of_the_api_is_documented() -> None:
    tree = ast.parse((PACKAGE / "api.py").read_text(encoding="utf-8"))
    (exported,) = (n.value for n in tree.body if isinstance(n, ast.Assign) and ast.unparse(n.targets[0]) == "__all__")
    assert [name for name in ast.literal_eval(exported) if name not in mentioned(page("plugins.md"))] == []


PROTOCOLS = [
    node
    for path in ("api.py", "data/source.py", "data/codec.py", "data/table.py")
    for node in classes(path)
    if "Protocol" in map(ast.unparse, node.bases)
]


@pytest.mark.parametrize("protocol", PROTOCOLS, ids=lambda node: node.name)
def test_every_protocol_is_documented_with_its_members(protocol: ast.ClassDef) -> None:
    assert {protocol.name, *members(protocol)} - mentioned(page("plugins.md")) == set()


def test_what_a_handler_is_given_exists() -> None:
    (running,) = classes("engine/running.py")
    told = [row[0] for row in rows(section("plugins.md", "Handlers"))[1:]]
    assert mentioned(" ".join(told)) - members(running) == set()


def test_what_a_report_is_given_is_documented() -> None:
    (folder,) = classes("engine/folder.py")
    private = {"lock", "unlock", "write_json", "append_metrics", "keep_history"}
    assert members(folder) - private - mentioned(section("plugins.md", "Reports")) == set()


@pytest.mark.parametrize("state", typing.get_args(State))
def test_every_state_of_a_plugin_is_documented(state: str) -> None:
    assert f"`{state}`" in [row[0] for row in rows(section("plugins.md", "States"))]


@pytest.mark.parametrize("name", [switches.ENV_ONLY, switches.ENV_DISABLED, switches.ENV_STRICT, "--no-plugins"])
def test_every_switch_is_documented(name: str) -> None:
    assert f"`{name}`" in [row[0] for row in rows(section("plugins.md", "Switches"))]


def test_every_switch_of_the_environment_is_tested_here() -> None:
    assert len([name for name in vars(switches) if name.startswith("ENV_")]) == 3


def test_the_json_of_plugins_list_is_documented(core_only: Registry) -> None:
    listing = plugins_command._listing(core_only, "loader")
    (core,) = listing["plugins"]
    text = section("plugins.md", "What you may rely on")
    assert {*listing, *core, "id", "kind"} - mentioned(text) == set()
    assert f"schema {plugins_command.SCHEMA}" in text


def test_the_version_of_the_plugin_api_is_documented() -> None:
    assert f"version of its own, {api_text(API_VERSION)}:" in page("plugins.md")
    assert f'api_version = "{api_text(API_VERSION)}"' in page("plugins.md")
    assert f"`{GROUP}`" in page("plugins.md")


# The run folder.


def test_every_file_of_a_run_folder_is_documented() -> None:
    source = (PACKAGE / "engine" / "folder.py").read_text(encoding="utf-8")
    names = re.findall(r'self\.path / "([\w.]+)"', source)
    assert len(names) > 10
    assert [name for name in names if name not in section("run_folder.md", "Files")] == []


@pytest.mark.parametrize(
    ("heading", "path", "name"),
    [
        ("run.json", "engine/provenance/run.py", "describe_run"),
        ("run.json", "engine/provenance/environment.py", "describe_environment"),
        ("run.json", "engine/provenance/environment.py", "_torch"),
        ("run.json", "engine/provenance/determinism.py", "describe_determinism"),
        ("run.json", "engine/provenance/code.py", "describe_plugins"),
        ("run.json", "engine/provenance/code.py", "_describe_component"),
        ("Checkpoints", "engine/state.py", "state_of"),
        ("metrics.jsonl and metrics.json", "engine/ending.py", "_metrics"),
    ],
)
def test_every_field_of_a_file_of_the_run_folder_is_documented(heading: str, path: str, name: str) -> None:
    assert keys(function(path, name)) - mentioned(section("run_folder.md", heading)) == set()


# Examples.


def settings_blocks() -> Iterator[tuple[str, str, str]]:
    """Page, text and what is shown next of each whole settings file in the pages."""
    for name in PAGES:
        found = [*blocks(name), ("", "")]
        for (language, text), (_, shown) in pairwise(found):
            if language == "python" and "experiment = Experiment(" in text:
                yield name, text, shown


SETTINGS = list(settings_blocks())
SOUND = [(name, text) for name, text, shown in SETTINGS if "error: " not in shown]
UNSOUND = [(name, text, shown) for name, text, shown in SETTINGS if shown.startswith("$ gammalearn check settings.py")]


def plugin_example() -> str:
    """The ``plugin.py`` of the pages."""
    (text,) = (text for language, text in blocks("plugins.md") if language == "python" and "api_version" in text)
    return text


@pytest.fixture
def clip(install: Callable[..., str], discover: Callable[[], Registry]) -> Registry:
    """A registry with the plug-in of the pages."""
    assert install("clip", plugin_example(), header="") == "gammalearn_clip"
    return discover()


def test_the_plugin_of_the_pages_loads(clip: Registry) -> None:
    assert (clip.plugins["clip"].state, clip.plugins["clip"].heavy) == ("ok", ())
    assert clip.find("clip.charge", kind="transform").target == "gammalearn_clip.charge:ClipCharge"


def test_the_entry_point_of_the_pages_is_that_of_the_plugin() -> None:
    (text,) = (text for language, text in blocks("plugins.md") if language == "toml")
    assert f'[project.entry-points."{GROUP}"]\nclip = "gammalearn_clip.plugin"\n' in text


def test_hooks_of_the_pages_are_marked() -> None:
    marked = [t for n in PAGES for language, t in blocks(n) if language == "python" and "def gammalearn_" in t]
    assert len(marked) >= 2
    assert all(re.search(r"@hookimpl\ndef gammalearn_", text) for text in marked)


def test_there_are_examples_that_are_sound_and_some_that_are_not() -> None:
    assert len(SOUND) >= 5
    assert len(UNSOUND) >= 2


@pytest.mark.parametrize(("name", "text"), SOUND, ids=[f"{name}-{i}" for i, (name, _) in enumerate(SOUND)])
def test_whole_settings_files_of_the_pages_are_sound(name: str, text: str, clip: Registry, tmp_path: Path) -> None:
    path = tmp_path / "settings.py"
    path.write_text(text, encoding="utf-8")
    experiment = load_settings(path, clip).experiment
    for pattern in (item.parameters["paths"] for _, kind, item in slots(experiment) if kind == "loader"):
        file = tmp_path / str(pattern).replace("*", "1")
        file.parent.mkdir(exist_ok=True, parents=True)
        file.write_bytes(HDF5)
    assert check(experiment, clip, tmp_path) == []


@pytest.mark.parametrize(
    ("name", "text", "shown"), UNSOUND, ids=[f"{name}-{i}" for i, (name, _, _) in enumerate(UNSOUND)]
)
def test_what_check_says_is_what_the_pages_show(
    name: str, text: str, shown: str, gammalearn: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    (tmp_path / "settings.py").write_text(text, encoding="utf-8")
    (tmp_path / "gamma.dl1.h5").write_bytes(HDF5)
    result = gammalearn("check", "settings.py", GAMMALEARN_PLUGINS="")
    assert shown == f"$ gammalearn check settings.py\n{result.stderr}"
    assert result.returncode == errors.EXIT_SETTINGS
