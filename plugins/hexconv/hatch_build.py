"""Compiles the kernel when the plug-in is built, where there is a C compiler."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

KERNEL = Path("src/gammalearn_hexconv/kernel")
LIBRARY = "hexconv_kernel.so"

FLAGS = ["-std=c11", "-O3", "-fPIC", "-fvisibility=hidden", "-Wall", "-Wextra", "-ffp-contract=fast", "-fno-math-errno"]
AVX512 = ["-mavx2", "-mfma", "-mavx512f", "-mavx512bw", "-mavx512dq", "-mavx512vl", "-mprefer-vector-width=512"]
VARIANTS = {
    "variant_avx512bf16.c": [*AVX512, "-mavx512bf16"],
    "variant_avx512.c": AVX512,
    "variant_avx2.c": ["-mavx2", "-mfma"],
}
"""The files that need instructions which not every x86-64 processor has, and what lets the compiler use them."""


class KernelError(Exception):
    """The kernel cannot be compiled here; the text says why."""


def compiler() -> str:
    """Name the C compiler: the one that ``CC`` names, or else the first of cc, gcc and clang.

    Raises
    ------
    KernelError
        There is none, or the system is Windows, for whose compilers the kernel is not written.
    """
    if sys.platform == "win32":
        raise KernelError("the kernel is written for gcc and clang on Linux and macOS")
    named = os.environ.get("CC")
    for name in [named] if named else ["cc", "gcc", "clang"]:
        found = shutil.which(name)
        if found:
            return found
    raise KernelError(f"no C compiler: CC names {named!r}, which is not there" if named else "no cc, gcc or clang")


def sources(source: Path) -> dict[Path, list[str]]:
    """List the C files for this processor, each with its own flags."""
    files = sorted(source.glob("*.c"))
    if platform.machine() not in {"x86_64", "AMD64"}:
        files = [file for file in files if file.name not in VARIANTS]
    return {file: VARIANTS.get(file.name, []) for file in files}


def run(command: list[str]) -> None:
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        raise KernelError(f"{' '.join(command[:1])} failed:\n{result.stderr[-2000:]}")


def compile_kernel(source: Path, library: Path, *, cc: str | None = None, extra: tuple[str, ...] = ()) -> None:
    """Compile the C files of a folder into a shared library.

    Parameters
    ----------
    source : pathlib.Path
        Folder of the C files.
    library : pathlib.Path
        The file to write, at once and only if all goes well.
    cc : str, optional
        The compiler; `compiler` finds it where this is not given.
    extra : tuple of str
        More flags, for the compiler and the linker.

    Raises
    ------
    KernelError
        There is no compiler, or it fails.
    """
    cc = cc or compiler()
    with tempfile.TemporaryDirectory(dir=library.parent) as folder:
        objects = []
        for file, flags in sources(source).items():
            objects.append(f"{folder}/{file.stem}.o")
            paths = f"-ffile-prefix-map={source}=source"
            run([cc, *FLAGS, *flags, paths, *extra, "-c", str(file), "-o", objects[-1]])
        linked = f"{folder}/{library.name}"
        run([cc, "-shared", *extra, *objects, "-o", linked])
        os.replace(linked, library)


def wheel_tag() -> str:
    """Name the wheels that hold the library: any Python 3, this kind of machine."""
    return f"py3-none-{sysconfig.get_platform().replace('-', '_').replace('.', '_')}"


class KernelBuildHook(BuildHookInterface[Any]):
    """Puts the kernel into a wheel, and beside its source for an editable installation.

    Where it cannot be compiled, the build says so and goes on without, and the wheel suits every machine. It fails
    instead where the environment variable ``GAMMALEARN_HEXCONV_REQUIRE_KERNEL`` is set.
    """

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        root = Path(self.root)
        self.folder = tempfile.TemporaryDirectory()
        library = root / KERNEL / LIBRARY if version == "editable" else Path(self.folder.name) / LIBRARY
        try:
            compile_kernel(root / KERNEL / "source", library)
        except KernelError as error:
            if os.environ.get("GAMMALEARN_HEXCONV_REQUIRE_KERNEL"):
                raise
            self.app.display_warning(f"gammalearn-hexconv is built without its compiled kernel: {error}")
            return
        build_data["pure_python"] = False
        build_data["tag"] = wheel_tag()
        if version != "editable":
            build_data["force_include"][str(library)] = f"gammalearn_hexconv/kernel/{LIBRARY}"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        self.folder.cleanup()
