"""Compiles the kernel, for ``python -m gammalearn_hexconv.kernel`` and the build of the plug-in.

This module is loaded by itself when the plug-in is built, so it imports nothing but the standard library.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

SOURCE = Path(__file__).with_name("source")
LIBRARY = Path(__file__).with_name("hexconv_kernel.so")

FLAGS = ("-std=c11", "-O3", "-fPIC", "-fvisibility=hidden", "-Wall", "-Wextra", "-ffp-contract=fast", "-fno-math-errno")
AVX2 = ("-mavx2", "-mfma", "-mprfchw")
AVX512 = (*AVX2, "-mavx512f", "-mavx512bw", "-mavx512dq", "-mavx512vl", "-mprefer-vector-width=512")
VARIANTS = {
    "variant_avx512bf16.c": (*AVX512, "-mavx512bf16"),
    "variant_avx512.c": AVX512,
    "variant_avx2.c": AVX2,
}
"""The files for x86-64 only, and the flags by which each may use what not every such processor has."""


class KernelError(Exception):
    """The kernel cannot be compiled here; the text says why."""


def find_compiler() -> str:
    """Name the C compiler: the one that ``CC`` names, or else the first of cc, gcc and clang.

    Raises
    ------
    KernelError
        There is none, or the system is Windows, for whose compilers the kernel is not written.
    """
    if sys.platform == "win32":
        raise KernelError("the kernel is written for gcc and clang on Linux and macOS, and this is Windows")
    named = os.environ.get("CC")
    for name in [named] if named else ["cc", "gcc", "clang"]:
        found = shutil.which(name)
        if found:
            return found
    raise KernelError(f"CC names the C compiler {named!r}, which is not there" if named else "no cc, gcc or clang")


def sources(machine: str) -> dict[Path, tuple[str, ...]]:
    """List the C files for a kind of machine, with the flags of each."""
    files = sorted(SOURCE.glob("*.c"))
    if machine not in {"x86_64", "AMD64"}:
        files = [file for file in files if file.name not in VARIANTS]
    return {file: VARIANTS.get(file.name, ()) for file in files}


def _run(command: list[str]) -> None:
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        raise KernelError(f"{Path(command[0]).name} failed:\n{result.stderr[-2000:]}")


def compile_kernel(
    library: Path = LIBRARY, *, compiler: str | None = None, flags: tuple[str, ...] = (), machine: str | None = None
) -> None:
    """Compile the kernel into a shared library.

    Parameters
    ----------
    library : pathlib.Path
        The file to write, in one go and only if all goes well.
    compiler : str, optional
        The C compiler; `find_compiler` names it where this does not.
    flags : tuple of str
        More flags, for compiling and linking.
    machine : str, optional
        The kind of machine that the compiler compiles for; this one's by default.

    Raises
    ------
    KernelError
        There is no compiler, or it fails.
    """
    compiler = compiler or find_compiler()
    paths = f"-ffile-prefix-map={SOURCE}=source"
    with tempfile.TemporaryDirectory(dir=library.parent) as folder, ThreadPoolExecutor(os.cpu_count()) as pool:
        compiled = []
        for file, own in sources(machine or platform.machine()).items():
            target = f"{folder}/{file.stem}.o"
            command = [compiler, *FLAGS, *own, paths, *flags, "-c", str(file), "-o", target]
            compiled.append((target, pool.submit(_run, command)))
        for _, done in compiled:
            done.result()
        linked = f"{folder}/{library.name}"
        _run([compiler, "-shared", *flags, *(target for target, _ in compiled), "-lm", "-o", linked])
        os.replace(linked, library)


def main() -> int:
    """Compile the kernel beside its source, and say how it went."""
    try:
        compile_kernel()
    except KernelError as error:
        print(f"The kernel of gammalearn-hexconv is not compiled: {error}", file=sys.stderr)
        return 1
    print(f"Compiled {LIBRARY}")
    return 0


__all__ = ["KernelError", "compile_kernel", "find_compiler", "main"]
