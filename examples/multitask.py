"""Particle, energy and direction at once, by the multi-task network with attention of the GammaLearn team."""

from gammalearn_core import Experiment
from gammalearn_core import ref

experiment = Experiment(
    name="multitask",
    data=ref("core.dl1", paths="showers/*.h5", channels=["image", "peak_time"]),
    filters=[ref("core.intensity", minimum=80)],
    transforms=[ref("core.log_charge", scale=3.0), ref("core.normalise")],
    network=ref("hexconv.gammaphysnet", channels=[8, 16, 32], depths=[2, 2, 2], hidden=64, attention="dual", ratio=4),
    losses={
        "particle": ref("core.cross_entropy"),
        "energy": ref("core.smooth_l1", beta=0.2),
        "direction": ref("core.smooth_l1", beta=0.2),
    },
    optimizer=ref("core.adamw", lr=2e-3),
    schedule=ref("core.one_cycle"),
    epochs=4,
    batch_size=32,
    requires=["gammalearn-hexconv>=0.1"],
)
