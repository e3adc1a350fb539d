"""The kernel stays within its tensors: some of its tests with AddressSanitizer; `sanitized.py` runs them all."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest
import sanitized

pytestmark = pytest.mark.skipif(
    not (sys.platform.startswith("linux") and shutil.which(sanitized.compiler()) and sanitized.preload()),
    reason="there is no compiler with AddressSanitizer",
)

BEYOND = """
import torch
from gammalearn_hexconv.kernel import calls, plans
from gammalearn_hexconv.kernel.packing import pack
rows = torch.tensor([[0], [9]], dtype=torch.int32)
x, weight = torch.ones(1, 2, 16), torch.ones(16, 16, 1)
print("calling", flush=True)
calls._run(x, pack(weight, 1, torch.float32), plans.forward(rows))
print("not seen", flush=True)
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sanitized.compile_sanitized(tmp_path_factory.mktemp("sanitized"))


def test_the_sanitizer_sees_what_the_checks_keep_from_the_kernel(library: Path) -> None:
    result = sanitized.run(BEYOND, library, capture=True)
    assert "calling" in result.stdout
    assert "not seen" not in result.stdout
    assert "AddressSanitizer: heap-buffer-overflow" in result.stderr


def test_the_kernel_stays_within_its_tensors(library: Path) -> None:
    tests = ("test_kernel_conv.py", "test_kernel_act.py", "test_kernel_pool.py")
    result = sanitized.run(sanitized.PYTEST, library, *tests, "-k", "float64 or table or order or taken", capture=True)
    assert result.returncode == 0, result.stdout[-2000:] + result.stderr[-2000:]
    assert " passed" in result.stdout
