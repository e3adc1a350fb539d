"""Gamma or proton? A classification of the quickstart's showers, mapped to a square grid."""

from gammalearn_core import Experiment
from gammalearn_core import ref

experiment = Experiment(
    name="particle",
    data=ref("core.dl1", paths="showers/*.h5", channels=["image", "peak_time", "image_mask"]),
    filters=[ref("core.intensity", minimum=80)],
    transforms=[ref("core.log_charge", scale=3.0), ref("core.normalise"), ref("core.to_square", conserve=[])],
    network=ref("core.cnn2d", channels=[8, 16, 32]),
    losses={"particle": ref("core.cross_entropy", class_weights={"proton": 1.5})},
    optimizer=ref("core.adamw", lr=3e-3),
    schedule=ref("core.one_cycle"),
    epochs=4,
)
