from __future__ import annotations

import subprocess
import sys

import pytest

import gammalearn_hexconv


@pytest.mark.parametrize("name", gammalearn_hexconv.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(gammalearn_hexconv, name) is not None
    assert name in dir(gammalearn_hexconv)


def test_another_name_is_missing_as_in_any_module() -> None:
    with pytest.raises(AttributeError, match="module 'gammalearn_hexconv' has no attribute 'HexConv5d'"):
        gammalearn_hexconv.HexConv5d  # noqa: B018


def test_tables_need_no_torch_until_it_is_used() -> None:
    code = (
        "import sys, gammalearn_hexconv as h; print('numpy' in sys.modules); "
        "h.NeighbourTable([(0, 1)], 2).inverse; print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
