"""What the network is computed on, and whether it is compiled for it."""

from __future__ import annotations

import os
import shutil

import torch
from torch import nn

from gammalearn_core.engine.distributed import World
from gammalearn_core.errors import Problem
from gammalearn_core.errors import SettingsError


def choose_device(name: str, world: World) -> torch.device:
    """The device of a setting; ``auto`` and ``cuda`` give each process of a machine a GPU of its own.

    Raises
    ------
    SettingsError
        There is no such device.
    """
    chosen = ("cuda" if torch.cuda.is_available() else "cpu") if name == "auto" else name
    if chosen == "cuda" and world.size > 1:
        chosen = f"cuda:{world.local_rank}"
    try:
        device = torch.device(chosen)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        what = f"cannot use {chosen!r}: {str(error).splitlines()[0]}"
        raise SettingsError([Problem("device", what, "auto, cpu, cuda or cuda:N")]) from error
    return device


def compile_network(network: nn.Module, device: torch.device) -> None:
    """Let torch compile a network when it is first called. Its weights keep their names.

    Raises
    ------
    SettingsError
        There is no C++ compiler, which CPUs need.
    """
    compilers = (os.environ.get("CXX"), "g++", "clang++")
    if device.type == "cpu" and not any(shutil.which(name) for name in compilers if name):
        what = "torch.compile needs a C++ compiler, and none is found"
        raise SettingsError([Problem("compile", what, "install g++ or clang++, or write compile=False")])
    network.compile()


__all__ = ["choose_device", "compile_network"]
