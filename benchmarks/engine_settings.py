"""Settings of ours for `engine.py`: the experiment of `peer_gammalearn_settings.py`, with the same network.

The environment says where files are (``BENCHMARK_DATA``) and how long it is trained (``BENCHMARK_EPOCHS``).
"""

from __future__ import annotations

import os
import resource
from collections.abc import Callable

import torch

from gammalearn_core import Experiment
from gammalearn_core import on
from gammalearn_core import ref


def first_step(experiment: object) -> Callable[[object], None]:
    """Tells the CPU time at the end of the first step."""

    def tell(trainer: object) -> None:
        if trainer.state.iteration == 1:  # type: ignore[attr-defined]
            used = resource.getrusage(resource.RUSAGE_SELF)
            print(f"first step: {used.ru_utime + used.ru_stime}", flush=True)

    return tell


experiment = Experiment(
    name="benchmark",
    seed=1,
    threads=1,
    data=ref("core.dl1", paths=os.environ["BENCHMARK_DATA"] + "/*.h5", channels=["image", "peak_time"]),
    network=ref("hexconv.gammaphysnet", indexedconv_compat=True),
    losses={
        "energy": ref("core.l1"),
        "direction": ref("core.l1"),
        "particle": ref("core.cross_entropy", label_smoothing=0.1),
    },
    optimizer=ref("core.adam", lr=1e-3, weight_decay=1e-7),
    schedule=ref(torch.optim.lr_scheduler.StepLR, gamma=0.1, step_size=10),
    epochs=int(os.environ["BENCHMARK_EPOCHS"]),
    batch_size=64,
    validation=0.2,
    test=0,
    handlers=[ref("core.tensorboard"), on("ITERATION_COMPLETED", ref(first_step))],
    reports=[],
)
