"""Interpreter, machine and installed distributions."""

from __future__ import annotations

import json
import platform
import re
import sys
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import suppress
from importlib.metadata import Distribution
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import torch

from gammalearn_core._version import __version__

_FLAGS = re.compile(r"sse4_\w+|avx\w*|fma\w*|amx\w*|f16c|asimd\w*|sve\w*|bf16|i8mm")
"""Instructions of a processor that kernels are chosen by."""


def describe_environment() -> dict[str, Any]:
    """Interpreter, machine, torch's libraries and every installed distribution."""
    installed = {d.metadata["Name"]: d for d in distributions() if d.metadata["Name"]}
    named = sorted(installed.items(), key=lambda item: item[0].lower())
    origins = {name: origin for name, d in named if (origin := _origin(d))}
    return {
        "gammalearn_core": __version__,
        "python": sys.version.split()[0],
        "python_build": f"{platform.python_implementation()} {' '.join(platform.python_build())}",
        "system": f"{platform.system()} {platform.machine()}",
        "distribution": _distribution(),
        "libc": " ".join(platform.libc_ver()).strip(),
        "cpu": torch.backends.cpu.get_cpu_capability(),
        **_processor(),
        "cuda": torch.version.cuda,
        "gpus": [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())],
        "gpu_capabilities": [
            ".".join(map(str, torch.cuda.get_device_capability(i))) for i in range(torch.cuda.device_count())
        ],
        "torch": _torch(),
        "packages": {name: d.version for name, d in named},
        "origins": origins,
    }


def _distribution() -> str:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", "")
    except OSError:
        return platform.platform(aliased=True, terse=True)


def _processor() -> dict[str, Any]:
    """Name and instructions, as Linux tells them."""
    facts: dict[str, str] = {}
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            key, _, value = line.partition(":")
            facts.setdefault(key.strip().lower(), value.strip())
    flags = (facts.get("flags") or facts.get("features") or "").split()
    return {
        "cpu_model": facts.get("model name") or platform.processor(),
        "cpu_flags": sorted(flag for flag in flags if _FLAGS.fullmatch(flag)),
    }


def _torch() -> dict[str, Any]:
    """The build of torch and of the libraries in it."""
    return {
        "commit": torch.version.git_version,
        "cuda": torch.version.cuda,
        "hip": torch.version.hip,
        "cudnn": _version(torch.backends.cudnn.version),
        "nccl": _nccl(),
        "libraries": list(_libraries(torch.__config__.show())),
    }


def _nccl() -> str | None:
    if not (torch.distributed.is_available() and torch.distributed.is_nccl_available()):
        return None
    return _version(torch.cuda.nccl.version)


def _version(ask: Callable[[], object]) -> str | None:
    """A number or several, as torch's libraries tell them; None where there is none."""
    found = ask()
    return ".".join(map(str, found)) if isinstance(found, tuple) else None if found is None else str(found)


def _libraries(config: str) -> Iterator[str]:
    """Versions of compiler, MKL, oneDNN and OpenMP, as torch lists them; its build flags are left out."""
    for line in config.splitlines():
        text = line.strip().removeprefix("- ")
        if re.match(r"GCC|Clang|MSVC|Intel|OpenMP|LAPACK|Apple|OpenBLAS", text):
            yield text


def _origin(distribution: Distribution) -> dict[str, Any] | None:
    """How a distribution was installed, if not from an index: no address, which may hold a token or a path."""
    try:
        known = json.loads(distribution.read_text("direct_url.json") or "null")
    except (OSError, ValueError):
        return None
    if not isinstance(known, dict):
        return None
    vcs, archive = known.get("vcs_info") or {}, known.get("archive_info") or {}
    if vcs:
        return {"vcs": vcs.get("vcs"), "commit": vcs.get("commit_id")}
    if archive:
        return {"hash": archive.get("hash") or archive.get("hashes")}
    return {"editable": bool((known.get("dir_info") or {}).get("editable"))}


__all__ = ["describe_environment"]
