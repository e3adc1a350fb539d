"""What the pages say of components, compared with what is called; their longer examples are run."""

from __future__ import annotations

import ast
import inspect
import math
import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import ignite.metrics
import pytest
import torch
from runs import record
from runs import run
from runs import run_folders
from runs import write_settings

from gammalearn_core.api import BatchTransform
from gammalearn_core.api import TaskSpec
from gammalearn_core.builtin.loaders.dl1 import DL1Source
from gammalearn_core.cli import main
from gammalearn_core.engine.checkpoint import weights_sha256
from gammalearn_core.engine.components import SUPPLIED
from gammalearn_core.errors import EXIT_SETTINGS
from gammalearn_core.plugin import Registry
from gammalearn_core.plugin.records import Component

DOCS = Path(__file__).parents[2] / "docs"
REGISTRY = Registry().discover([])
COMPONENTS = REGISTRY.components()
IGNITE = set(inspect.signature(ignite.metrics.Metric).parameters)


def blocks(name: str) -> list[tuple[str, str]]:
    """Language and text of the code blocks of a page."""
    text = (DOCS / name).read_text(encoding="utf-8")
    return re.findall(r"^```(\w*)\n(.*?)^```$", text, flags=re.DOTALL | re.MULTILINE)


def python(name: str, having: str) -> str:
    """The Python of a page that has this text in it."""
    (text,) = (text for language, text in blocks(name) if language == "python" and having in text)
    return text


def tables(heading: str) -> list[list[list[str]]]:
    """Cells of the tables under a heading of the page of components, without their heads."""
    text = (DOCS / "components.md").read_text(encoding="utf-8")
    (part,) = re.findall(rf"^## {heading}\n(.*?)(?=^## |\Z)", text, flags=re.DOTALL | re.MULTILINE)
    found = re.findall(r"(?:^\|.*\n)+", part, flags=re.MULTILINE)
    return [[_cells(line) for line in table.splitlines()[2:]] for table in found]


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def documented(id: str, heading: str) -> dict[str, object]:
    """Parameters of a component and their defaults, as the page has them."""
    found: dict[str, object] = {}
    current = ""
    for first, _, parameter, default, _ in tables(heading)[0]:
        current = first.strip("`") or current
        if current == id and parameter:
            found[parameter.strip("`")] = _value(default)
    return found


def _value(text: str) -> object:
    if text == "required":
        return inspect.Parameter.empty
    return math.inf if text == "`inf`" else ast.literal_eval(text.strip("`"))


def role(record: Component) -> str:
    """What a component is called as."""
    part = str(getattr(record, "part", record.kind))
    return part if part in ("balance", "schedule", "weight") else record.kind


def parameters(id: str, record: Component) -> dict[str, object]:
    """Parameters that settings may give, and their defaults."""
    keywords, positional = SUPPLIED[role(record)]
    signature = inspect.signature(REGISTRY.load(id, kind=record.kind))
    own = list(signature.parameters.values())[positional:]
    ignored = {*keywords, *(IGNITE if record.kind == "metric" else ())}
    return {p.name: p.default for p in own if p.name not in ignored}


def facts(heading: str, id: str) -> list[str]:
    """Cells of a component in the second table under a heading."""
    (row,) = (cells for cells in tables(heading)[1] if cells[0] == f"`{id}`")
    return row


def named(cell: str) -> tuple[str, ...]:
    """Names in code style."""
    return tuple(re.findall(r"`(\w[\w.]*)`", cell))


@pytest.mark.parametrize(("id", "component"), COMPONENTS, ids=[f"{r.kind} {id}" for id, r in COMPONENTS])
def test_parameters_and_defaults_are_those_of_the_signature(id: str, component: Component) -> None:
    heading = {"loss": "Losses"}.get(role(component), f"{role(component).capitalize()}s")
    told, true = documented(id, heading), parameters(id, component)
    if component.target.startswith("torch."):
        # torch adds parameters with every version; the page tells the usual ones.
        assert told
        true = {name: true[name] for name in told}
    assert told == true


def targets() -> list[tuple[str, Any]]:
    """Ids and records of the targets."""
    return list(REGISTRY.components("target"))


@pytest.mark.parametrize(("id", "target"), targets(), ids=[id for id, _ in targets()])
def test_facts_of_targets_are_those_of_their_records(id: str, target: Any) -> None:
    _, columns, geometry, who, table, metrics = facts("Targets", id)
    assert (named(columns), geometry.strip("`"), table.strip("`")) == (target.columns, target.geometry, target.dl2)
    assert named(metrics) == target.metrics
    assert {"all": (), "gammas": (0,)}[who] == target.applies_to


@pytest.mark.parametrize("id", REGISTRY.ids("metric"))
def test_numbers_of_metrics_are_those_that_they_give(id: str) -> None:
    _, geometries, numbers, _ = facts("Metrics", id)
    target = REGISTRY.load(id, kind="metric")
    task = TaskSpec(name="particle", target="core.particle", size=2, geometry="class", classes=("gamma", "proton"))
    metric = target(task=task) if "task" in inspect.signature(target).parameters else target()
    assert named(numbers) == tuple(metric.compute())
    assert named(geometries) == REGISTRY.find(id, kind="metric").geometries  # type: ignore[attr-defined]


def test_what_check_with_build_says_is_what_the_pages_show(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GAMMALEARN_PLUGINS", "")
    (tmp_path / "gamma.dl1.h5").write_bytes(b"\x89HDF\r\n\x1a\n")
    found = blocks("settings.md")
    pairs = [(a, b) for (_, a), (_, b) in pairwise(found) if b.startswith("$ gammalearn check --")]
    assert pairs
    for settings, shown in pairs:
        (tmp_path / "settings.py").write_text(settings, encoding="utf-8")
        assert main(["check", "--build", "settings.py"]) == EXIT_SETTINGS
        assert shown == f"$ gammalearn check --build settings.py\n{capsys.readouterr().err}"


def test_the_transform_of_the_pages_transforms(
    open_dl1: Callable[..., DL1Source], whole: Callable[[DL1Source], Any]
) -> None:
    names: dict[str, Any] = {}
    exec(python("plugins.md", "class ClipCharge"), names)
    source = open_dl1("gamma_prod4_sst1m")
    clip = names["ClipCharge"](inputs=source.inputs, maximum=20.0)
    assert isinstance(clip, BatchTransform)
    before = whole(source).mono.pixels
    after = clip(whole(source), torch.Generator()).mono.pixels
    assert before[:, 0].max() > 20
    assert torch.equal(after[:, 0], before[:, 0].clamp(max=20))
    assert torch.equal(after[:, 1], before[:, 1])


def test_the_handler_and_the_network_of_the_pages_work(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    handler = python("plugins.md", "def create_new_handler")
    settings = write_settings(tmp_path, handler, handlers="[ref(create_new_handler)]", epochs="1")
    assert run(settings) == 0
    assert "test 1 {'train': " in capsys.readouterr().out
    names: dict[str, Any] = {}
    exec(python("run_folder.md", "def load_network"), names)
    network = names["load_network"](run_folders(settings)[0])
    assert not network.training
    assert weights_sha256(network.state_dict()) == record(settings)["best_weights_sha256"]
