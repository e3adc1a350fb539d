"""Compiles the kernel when the plug-in is built, where there is a C compiler."""

from __future__ import annotations

import importlib.util
import os
import sysconfig
import tempfile
from pathlib import Path
from types import ModuleType
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

KERNEL = Path("src/gammalearn_hexconv/kernel")


def load_building(root: Path) -> ModuleType:
    """Import ``building.py`` by itself: the plug-in is not installed yet."""
    spec = importlib.util.spec_from_file_location("hexconv_building", root / KERNEL / "building.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def wheel_tag() -> str:
    """Name the wheels that hold the library: any Python 3, this kind of machine."""
    return f"py3-none-{sysconfig.get_platform().replace('-', '_').replace('.', '_')}"


class KernelBuildHook(BuildHookInterface[Any]):
    """Puts the kernel into a wheel, and beside its source for an editable installation.

    Where it cannot be compiled, the build says so and goes on without, and the wheel suits every machine. It fails
    instead where the environment variable ``GAMMALEARN_HEXCONV_REQUIRE_KERNEL`` is set.
    """

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        building = load_building(Path(self.root))
        self.folder = tempfile.TemporaryDirectory()
        name = building.LIBRARY.name
        library = building.LIBRARY if version == "editable" else Path(self.folder.name) / name
        try:
            building.compile_kernel(library)
        except building.KernelError as error:
            if os.environ.get("GAMMALEARN_HEXCONV_REQUIRE_KERNEL"):
                raise
            self.app.display_warning(f"gammalearn-hexconv is built without its compiled kernel: {error}")
            return
        build_data["pure_python"] = False
        build_data["tag"] = wheel_tag()
        if version != "editable":
            build_data["force_include"][str(library)] = f"gammalearn_hexconv/kernel/{name}"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        self.folder.cleanup()
