"""Particle, energy and direction at once, from images of real simulations, on their own hexagonal pixels.

    gammalearn run examples/quickstart.py

The files hold 14 showers: enough to see everything work, far too few for numbers that mean anything.
"""

from gammalearn_core import Experiment
from gammalearn_core import ref

experiment = Experiment(
    name="quickstart",
    seed=1,
    threads=1,
    data=ref(
        "core.dl1", paths=["data/gamma_mono*.h5", "data/gamma_diffuse*.h5", "data/proton*.h5"], cameras="NectarCam"
    ),
    filters=[ref("core.intensity", minimum=20)],
    transforms=[ref("core.log_charge"), ref("core.normalise")],
    network=ref("hexconv.resnet", channels=[8, 16, 32], depths=[1, 1, 1]),
    losses={"particle": ref("core.cross_entropy"), "energy": ref("core.smooth_l1"), "direction": ref("core.smooth_l1")},
    balance=ref("core.fixed_weights", weights={"particle": 1.0, "energy": 1.0, "direction": 0.5}),
    optimizer=ref("core.adamw", lr=3e-3),
    schedule=ref("core.one_cycle"),
    epochs=20,
    batch_size=8,
    handlers=[ref("core.tensorboard"), ref("core.early_stopping", patience=10)],
    reports=[ref("core.html")],
)
