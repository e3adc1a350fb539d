"""The page on ``gammalearn info``, compared with what the command does."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs

from gammalearn_core.inspecting import records
from gammalearn_core.inspecting.records import CameraInfo
from gammalearn_core.inspecting.records import FileInfo
from gammalearn_core.inspecting.records import Finding
from gammalearn_core.inspecting.records import Simulation
from gammalearn_core.inspecting.records import Storage
from gammalearn_core.inspecting.structure import SCHEMA
from gammalearn_core.inspecting.structure import as_json

REPOSITORY = Path(__file__).parents[2]
PAGE = (REPOSITORY / "docs" / "info.md").read_text(encoding="utf-8")


def section(heading: str) -> str:
    found = re.search(rf"^## {heading}\n(.*?)(?=^## |\Z)", PAGE, flags=re.DOTALL | re.MULTILINE)
    assert found
    return found[1]


def names(value: Any) -> Iterator[str]:
    """Keys of dictionaries and of all that is in them."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from names(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from names(inner)


def test_the_output_is_what_the_page_shows() -> None:
    (shown,) = re.findall(r"```text\n(.*?)```", PAGE, flags=re.DOTALL)
    command, _, expected = shown.partition("\n")
    arguments = command.removeprefix("$ gammalearn ").split()
    done = subprocess.run(
        [sys.executable, "-m", "gammalearn_core", *arguments],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        env=os.environ | {"COLUMNS": "80"},
        check=True,
    )
    assert done.stdout == expected


def test_every_key_of_the_json_is_documented() -> None:
    documented = set(re.findall(r"`(\w+)`", section("JSON")))
    described = (FileInfo, CameraInfo, Simulation, Storage, Finding)
    fields = {field.name for record in described for field in attrs.fields(record)}
    assert (fields | set(names(as_json([])))) - documented == set()
    assert f"schema {SCHEMA}" in section("JSON")


def test_every_label_is_explained() -> None:
    rows = set(re.findall(r"^\| (.*?) \|", section("The output"), flags=re.MULTILINE))
    labels = {"format", "events", "simulated", "observed", "pointing", "holds", "predictions", "storage", "total"}
    source = Path(records.__file__).with_name("facts.py")
    yielded = set(re.findall(r'yield "(\w+)"', source.read_text(encoding="utf-8"))) - {"names"}
    assert yielded | {"total"} == labels
    assert {f"`{label}`" for label in labels} <= rows
