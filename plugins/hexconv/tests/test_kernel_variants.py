"""Every variant of the kernel that this processor runs, chosen by the environment in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gammalearn_hexconv import kernel
from gammalearn_hexconv.kernel import library

pytestmark = pytest.mark.skipif(not kernel.available(), reason=kernel.why_not())

HERE = Path(__file__).parent
BEST_FIRST = ["avx512bf16", "avx512", "avx2", "portable"]
LOWER = BEST_FIRST[BEST_FIRST.index(kernel.isa()) + 1 :] if kernel.available() else []
CHECKED = ["test_kernel_conv.py", "test_kernel_act.py", "test_kernel_pool.py"]


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        env=os.environ | {"OMP_NUM_THREADS": "1"} | environment,
        capture_output=True,
        text=True,
        check=False,
        cwd=HERE,
    )


def said(code: str, **environment: str) -> str:
    result = run("-c", code, **environment)
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


@pytest.mark.parametrize("isa", LOWER)
def test_a_lower_variant_gives_what_float64_gives(isa: str) -> None:
    result = run("-m", "pytest", "-q", "-p", "no:cacheprovider", *CHECKED, GAMMALEARN_HEXCONV_ISA=isa)
    assert result.returncode == 0, result.stdout[-4000:]
    assert "skipped" not in result.stdout


ASK = "from gammalearn_hexconv import kernel; print(kernel.available(), kernel.isa(), kernel.why_not())"


def test_the_environment_asks_for_no_better_variant_than_it_names() -> None:
    assert said(ASK, GAMMALEARN_HEXCONV_ISA="portable").split() == ["True", "portable"]
    assert said(ASK, GAMMALEARN_HEXCONV_ISA="").split() == ["True", kernel.isa()]


def test_an_unknown_variant_is_refused_with_the_known_ones() -> None:
    text = said(ASK, GAMMALEARN_HEXCONV_ISA="sse9")
    assert text.startswith("False")
    assert "'sse9'" in text
    assert "avx512bf16, avx512, avx2 or portable" in text


def test_the_environment_switches_the_kernel_off() -> None:
    text = said(ASK, GAMMALEARN_HEXCONV_KERNEL="off")
    assert text.startswith("False")
    assert "GAMMALEARN_HEXCONV_KERNEL" in text


def test_a_kernel_that_is_switched_off_says_so_when_it_is_called() -> None:
    code = (
        "import torch; from gammalearn_hexconv.kernel import ops\n"
        "t = torch.zeros(1, 1, dtype=torch.int32)\n"
        "try: ops.conv(torch.ones(1, 1, 1), torch.ones(1, 1, 1), None, t, t, t[0], 1)\n"
        "except RuntimeError as error: print(type(error).__name__, error)"
    )
    text = said(code, GAMMALEARN_HEXCONV_KERNEL="off")
    assert text.startswith("KernelMissingError")
    assert "Unset it" in text


def test_a_library_of_another_version_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library, "INTERFACE", -1)
    loaded = library._load.__wrapped__()
    assert loaded.library is None
    assert "another version" in loaded.why_not
    assert "python -m gammalearn_hexconv.kernel" in loaded.why_not


def test_a_file_that_is_no_library_is_not_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    broken = tmp_path / "broken.so"
    broken.write_bytes(b"not a library")
    monkeypatch.setattr(library, "LIBRARY", broken)
    loaded = library._load.__wrapped__()
    assert loaded.library is None
    assert "does not load" in loaded.why_not


def test_asking_for_the_kernel_imports_no_torch() -> None:
    code = f"{ASK}\nimport sys; print('torch' in sys.modules)"
    assert said(code).endswith("False")


THREADS = """
import torch
from gammalearn_hexconv.kernel import library, ops
import os
def runtimes():
    with open("/proc/self/maps") as maps:
        files = {line.split()[-1] for line in maps if ".so" in line}
    return sorted(file for file in files if "omp" in file.rsplit("/")[-1])
torch.set_num_threads(2)
torch.ones(1000, 1000) @ torch.ones(1000, 1000)
before = runtimes()
n = 4000
rows = torch.arange(n, dtype=torch.int32).view(n, 1)
y = ops.conv(torch.ones(8, n, 16), torch.ones(16, 16, 1), None, rows, rows, torch.zeros(1, dtype=torch.int32), 1)
print(library.share_openmp(), runtimes() == before, len(os.listdir("/proc/self/task")) >= 2)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")
def test_no_second_openmp_runtime_is_loaded() -> None:
    assert said(THREADS).split() == ["True", "True", "True"]


MEMORY = """
import resource, torch
from gammalearn_hexconv.kernel import ops
torch.set_num_threads(1)
n, channels, images = 1855, 64, {images}
rows = torch.stack([torch.randperm(n) for _ in range(7)], 1).int()
inverse = torch.stack([torch.argsort(rows[:, k]) for k in range(7)], 1).int()
tables = rows, inverse, torch.arange(7, dtype=torch.int32)
def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
weight = torch.randn(channels, channels, 7)
small = torch.randn(1, n, channels)
y = ops.conv(small, weight, None, *tables, 1)
ops.conv_input_grad(y, weight, *tables, 1); ops.conv_weight_grad(small, y, *tables, 1, True)
x = torch.randn(images, n, channels)
output = x.numel() * 4
start = peak()
y = ops.conv(x, weight, None, *tables, 1)
forward = peak() - start
ops.conv_weight_grad(x, y, *tables, 1, True)
back = ops.conv_input_grad(y, weight, *tables, 1)
print(forward / output, (peak() - start) / output)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="ru_maxrss is in other units elsewhere")
def test_a_layer_takes_no_memory_but_its_output() -> None:
    forward, both = map(float, said(MEMORY.format(images=64)).split())
    assert forward <= 1.2
    assert both <= 2.4
