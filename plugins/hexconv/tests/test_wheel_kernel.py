"""Wheels with the compiled kernel and without: what is in them, and that they work."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from gammalearn_hexconv import kernel
from gammalearn_hexconv.kernel import building

PLUGIN = Path(__file__).parents[1]
LIBRARY = "gammalearn_hexconv/kernel/hexconv_kernel.so"
ASK = "from gammalearn_hexconv import kernel; print(kernel.available(), kernel.why_not())"
CONVOLVE = """
import torch
from gammalearn_hexconv.kernel import ops
rows = torch.tensor([[0, 1], [1, -1]], dtype=torch.int32)
inverse = torch.tensor([[0, -1], [1, 0]], dtype=torch.int32)
x, weight = torch.tensor([[[2.0], [3.0]]]), torch.tensor([[[10.0, 1.0]]])
print(ops.conv(x, weight, None, rows, inverse, torch.tensor([0, 1], dtype=torch.int32), 1).flatten().tolist())
"""


def compiles() -> bool:
    try:
        building.find_compiler()
    except building.KernelError:
        return False
    return True


needs_compiler = pytest.mark.skipif(not compiles(), reason="there is no C compiler")


@needs_compiler
@pytest.mark.skipif("GAMMALEARN_HEXCONV_KERNEL" in os.environ, reason="the environment decides about the kernel")
def test_the_kernel_is_there_where_it_can_be_compiled() -> None:
    """Without it, all other tests of the kernel would be skipped, and nothing would be seen of it."""
    assert kernel.available(), kernel.why_not()


def run(*arguments: str, **environment: str | None) -> subprocess.CompletedProcess[str]:
    merged = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"} | environment
    kept = {name: value for name, value in merged.items() if value is not None}
    command = [sys.executable, *arguments]
    return subprocess.run(command, env=kept, capture_output=True, text=True, check=False, cwd=PLUGIN)


def said(code: str, package: Path, **environment: str | None) -> str:
    result = run("-c", code, PYTHONPATH=str(package), **environment)
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


@pytest.fixture(scope="module")
def hatchling(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The build backend, apart from what is installed here."""
    folder = str(tmp_path_factory.mktemp("hatchling"))
    result = run("-m", "pip", "install", "--quiet", "--target", folder, "hatchling>=1.26")
    assert result.returncode == 0, result.stderr
    return folder


def build(kind: str, into: Path, hatchling: str, **environment: str | None) -> tuple[Path, str]:
    """Build a wheel or an sdist; give it, and what was said."""
    result = run("-m", "hatchling", "build", "-t", kind, "-d", str(into), PYTHONPATH=hatchling, **environment)
    assert result.returncode == 0, result.stderr
    (file,) = into.iterdir()
    return file, result.stdout + result.stderr


def unpacked(wheel: Path, into: Path) -> Path:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(into)
    return into


@pytest.fixture(scope="module")
def without(tmp_path_factory: pytest.TempPathFactory, hatchling: str) -> tuple[Path, str]:
    """A wheel from where no compiler is found."""
    nowhere = str(tmp_path_factory.mktemp("empty"))
    return build("wheel", tmp_path_factory.mktemp("without"), hatchling, PATH=nowhere, CC=None)


@pytest.fixture(scope="module")
def having(tmp_path_factory: pytest.TempPathFactory, hatchling: str) -> Path:
    """A wheel from where there is a compiler."""
    return build("wheel", tmp_path_factory.mktemp("with"), hatchling, GAMMALEARN_HEXCONV_REQUIRE_KERNEL="1")[0]


@needs_compiler
def test_a_wheel_with_the_kernel_is_for_this_kind_of_machine(having: Path) -> None:
    assert having.name.split("-")[2:4] == ["py3", "none"]
    assert not having.name.endswith("-any.whl")
    assert LIBRARY in zipfile.ZipFile(having).namelist()


@needs_compiler
def test_a_wheel_tells_nothing_of_where_it_was_built(having: Path) -> None:
    archive = zipfile.ZipFile(having)
    for name in archive.namelist():
        content = archive.read(name)
        for place in (str(PLUGIN), str(having.parent), str(Path.home()) + "/", "/tmp/"):
            assert place.encode() not in content, (name, place)


@needs_compiler
def test_the_kernel_of_a_wheel_works(having: Path, tmp_path: Path) -> None:
    package = unpacked(having, tmp_path)
    assert said(CONVOLVE, package) == "[23.0, 30.0]"
    assert said("import gammalearn_hexconv as h; print(h.__file__)", package).startswith(str(tmp_path))


def test_a_wheel_without_the_kernel_is_for_every_machine(without: tuple[Path, str]) -> None:
    wheel, output = without
    assert wheel.name.endswith("-py3-none-any.whl")
    assert LIBRARY not in zipfile.ZipFile(wheel).namelist()
    assert "built without its compiled kernel: no cc, gcc or clang" in " ".join(output.split())


def test_without_the_kernel_it_is_said_why_and_what_to_do(without: tuple[Path, str], tmp_path: Path) -> None:
    text = said(ASK, unpacked(without[0], tmp_path))
    assert text.startswith("False the plug-in was built without its compiled kernel")
    assert "python -m gammalearn_hexconv.kernel" in text


@needs_compiler
def test_the_kernel_can_be_compiled_where_the_plugin_is_installed(without: tuple[Path, str], tmp_path: Path) -> None:
    package = unpacked(without[0], tmp_path)
    result = run("-m", "gammalearn_hexconv.kernel", PYTHONPATH=str(package))
    assert result.returncode == 0, result.stderr
    assert result.stdout == f"Compiled {package / LIBRARY}\n"
    assert said(CONVOLVE, package) == "[23.0, 30.0]"


def test_without_compiler_compiling_fails_with_the_reason(tmp_path: Path) -> None:
    result = run("-m", "gammalearn_hexconv.kernel", CC=str(tmp_path / "nothing"))
    assert result.returncode == 1
    assert result.stderr.startswith("The kernel of gammalearn-hexconv is not compiled: CC names")


def test_a_compiler_that_fails_leaves_the_wheel_without_kernel(hatchling: str, tmp_path: Path) -> None:
    cc = tmp_path / "cc"
    cc.write_text("#!/bin/sh\necho this compiler is broken >&2\nexit 1\n")
    cc.chmod(0o755)
    wheel, output = build("wheel", tmp_path / "wheel", hatchling, CC=str(cc))
    assert wheel.name.endswith("-any.whl")
    assert "this compiler is broken" in output


def test_the_kernel_can_be_required(hatchling: str, tmp_path: Path) -> None:
    result = run(
        *("-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)),
        PYTHONPATH=hatchling,
        CC="no-such-compiler",
        GAMMALEARN_HEXCONV_REQUIRE_KERNEL="1",
    )
    assert result.returncode != 0
    assert "no-such-compiler" in result.stderr
    assert not list(tmp_path.iterdir())


@needs_compiler
def test_a_wheel_is_built_from_the_source_distribution(hatchling: str, tmp_path: Path) -> None:
    sdist, _ = build("sdist", tmp_path / "sdist", hatchling)
    with tarfile.open(sdist) as archive:
        names = archive.getnames()
        archive.extractall(tmp_path, filter="data")
    assert not [name for name in names if name.endswith(".so")]
    folder = tmp_path / sdist.name.removesuffix(".tar.gz")
    code = f"import os, hatchling.build as b; os.chdir({str(folder)!r}); print(b.build_wheel({str(tmp_path)!r}))"
    result = run("-c", code, PYTHONPATH=hatchling, GAMMALEARN_HEXCONV_REQUIRE_KERNEL="1")
    assert result.returncode == 0, result.stderr
    wheel = tmp_path / result.stdout.split()[-1]
    assert said(CONVOLVE, unpacked(wheel, tmp_path / "package")) == "[23.0, 30.0]"
