"""Examples of events that several telescopes see."""

from __future__ import annotations

from pathlib import Path

import pytest
from example_runs import EXAMPLES
from example_runs import Examples

STEREO = sorted(path.stem for path in EXAMPLES.glob("stereo_*.py"))


@pytest.mark.parametrize("name", STEREO)
def test_an_example_runs_and_learns(name: str, examples: Examples, tmp_path: Path) -> None:
    folder = examples.run(name, tmp_path)
    assert list((folder / "predictions").glob("*.dl2.h5"))
