"""Files of ``torch.export``."""

from __future__ import annotations

import io
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from attrs import frozen
from numpy.typing import NDArray
from torch.export import ExportedProgram


@frozen(kw_only=True)
class TorchFormat:
    """What ``torch.export.load`` reads, without a package of ours."""

    suffix = ".pt2"
    label = "torch.export"
    packages: Sequence[str] = ("torch",)

    def require(self) -> None:
        """Nothing is needed that is not there."""

    def make(self, program: ExportedProgram, inputs: Mapping[str, str], outputs: Sequence[str]) -> bytes:
        """The bytes of the file. Its module is called with the inputs in their order, and gives a dictionary."""
        program.example_inputs = None
        buffer = io.BytesIO()
        torch.export.save(program, buffer)
        return buffer.getvalue()

    def write(self, path: Path, made: bytes) -> None:
        """Write it."""
        path.write_bytes(made)

    def facts(self, made: bytes) -> dict[str, Any]:
        """Nothing that the versions do not say."""
        return {}

    def compute(self, path: Path, tensors: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[np.float32]]:
        """Outputs by task, as torch computes them."""
        module = torch.export.load(path).module()
        with torch.no_grad():
            outputs = module(*(torch.from_numpy(value) for value in tensors.values()))
        return {name: value.numpy() for name, value in outputs.items()}


__all__ = ["TorchFormat"]
