"""Examples of single images."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from example_runs import EXAMPLES
from example_runs import Examples
from example_runs import call

MONO = sorted(path.stem for path in EXAMPLES.glob("*.py") if not path.stem.startswith("stereo_"))


@pytest.mark.parametrize("name", MONO)
def test_an_example_runs_and_learns(name: str, examples: Examples, tmp_path: Path) -> None:
    folder = examples.run(name, tmp_path)
    # A stream has no DL1 file from which a DL2 file could take its tables.
    assert bool(list((folder / "predictions").glob("*.dl2.h5"))) == (name != "stream")
    if name == "quickstart":
        export_works(folder)


def export_works(folder: Path) -> None:
    """The network is exported without the kernel that computes it here."""
    call("export", folder, "--torch")
    check = json.loads((folder / "export" / "quickstart.pt2.json").read_text())["check"]
    assert check["events"] > 100
    assert max(check["largest_difference"].values()) < 1e-4


def test_the_readme_shows_the_quickstart_as_it_is() -> None:
    readme = (EXAMPLES.parent / "README.md").read_text(encoding="utf-8")
    source = (EXAMPLES / "quickstart.py").read_text(encoding="utf-8")
    assert source[source.index("experiment = Experiment(") :].strip() in readme
