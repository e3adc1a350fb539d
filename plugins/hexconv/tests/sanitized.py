"""Runs the kernel's tests on a kernel that is compiled with AddressSanitizer and UndefinedBehaviorSanitizer.

    python plugins/hexconv/tests/sanitized.py [arguments of pytest]

Any read or write outside of the tensors, and any undefined behaviour, ends the run with a report. The sanitizers are
those of the compiler that ``CC`` names, or else of gcc. Leaks are not looked for, as Python leaves much until its end.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

FLAGS = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer", "-g1", "-O1")
HERE = Path(__file__).parent
TESTS = ("test_kernel_conv.py", "test_kernel_act.py", "test_kernel_pool.py", "test_kernel_refusals.py")
START = """
import sys
from pathlib import Path
from gammalearn_hexconv.kernel import library
library.LIBRARY = Path(sys.argv[1])
assert library.available(), library.why_not()
print("sanitized kernel:", library.isa(), flush=True)
"""
PYTEST = """
import pytest
raise SystemExit(pytest.main(["-q", "--capture=no", "-p", "no:cacheprovider", *sys.argv[2:]]))
"""


def compiler() -> str:
    """Name the compiler."""
    return os.environ.get("CC", "gcc")


def _find(*names: str) -> str:
    """Path of the first of these libraries that the compiler has; empty if it has none."""
    for name in names:
        command = [compiler(), f"-print-file-name={name}"]
        found = subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
        if Path(found).is_file():
            return found
    return ""


def preload() -> str:
    """What must be loaded before all else: the sanitizer, and the C++ library, whose exceptions it watches.

    It is empty where the compiler has no sanitizer.
    """
    sanitizer = _find("libasan.so", "libclang_rt.asan-x86_64.so")
    return sanitizer and f"{sanitizer}:{_find('libstdc++.so.6', 'libstdc++.so')}"


def compile_sanitized(folder: Path) -> Path:
    """Compile the kernel with the sanitizers."""
    from gammalearn_hexconv.kernel.building import compile_kernel

    library = folder / "sanitized.so"
    flags = (*FLAGS, "-shared-libasan") if "clang" in compiler() else FLAGS
    compile_kernel(library, compiler=compiler(), flags=flags)
    return library


def run(code: str, library: Path, *arguments: str, capture: bool = False) -> subprocess.CompletedProcess[str]:
    """Run Python code in a process that has the sanitizers and the sanitized kernel."""
    options = {"ASAN_OPTIONS": "detect_leaks=0", "UBSAN_OPTIONS": "print_stacktrace=1", "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, "-c", START + code, str(library), *arguments],
        env=os.environ | options | {"LD_PRELOAD": preload()},
        cwd=HERE,
        check=False,
        capture_output=capture,
        text=True,
    )


def main() -> int:
    """Compile, and run the tests."""
    if not preload():
        raise SystemExit(f"{compiler()} has no AddressSanitizer")
    with tempfile.TemporaryDirectory() as folder:
        return run(PYTEST, compile_sanitized(Path(folder)), *(sys.argv[1:] or TESTS)).returncode


if __name__ == "__main__":
    raise SystemExit(main())
