"""What the bits of the weights depend on besides settings, code and data."""

from __future__ import annotations

import os
from typing import Any

import torch
from torch import distributed

from gammalearn_core.settings.experiment import Experiment

VARIABLES = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_CBWR",
    "CUBLAS_WORKSPACE_CONFIG",
    "NVIDIA_TF32_OVERRIDE",
    "PYTHONHASHSEED",
)
"""The environment variables that are recorded; no other is read."""


def describe_determinism(experiment: Experiment) -> dict[str, Any]:
    """Threads, modes of torch and processes, as they are now."""
    several = distributed.is_available() and distributed.is_initialized()
    return {
        "threads": torch.get_num_threads(),
        "interop_threads": torch.get_num_interop_threads(),
        "processes": distributed.get_world_size() if several else 1,
        "backend": distributed.get_backend() if several else None,
        "deterministic_algorithms": torch.are_deterministic_algorithms_enabled(),
        "precision": experiment.precision,
        "float32_matmul_precision": torch.get_float32_matmul_precision(),
        "compile": experiment.compile,
        "cudnn_deterministic": torch.backends.cudnn.deterministic,
        "cudnn_benchmark": torch.backends.cudnn.benchmark,
        "cudnn_allow_tf32": torch.backends.cudnn.allow_tf32,
        "environment": {n: os.environ[n] for n in VARIABLES if n in os.environ},
    }


__all__ = ["VARIABLES", "describe_determinism"]
