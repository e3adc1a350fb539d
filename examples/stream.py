"""Showers without files: they are simulated in memory, and again where they no longer fit.

A small camera and few events, so that it takes a minute; more `particles` give better numbers.
"""

from gammalearn_core import Experiment
from gammalearn_core import ref

experiment = Experiment(
    name="stream",
    data=ref(
        "showers.stream",
        particles={"gamma": 1000, "proton": 1000},
        array="mst-mono",
        camera="hex331",
        energy_range=[0.3, 30],
        channels=["image", "peak_time", "image_mask"],
    ),
    filters=[ref("core.intensity", minimum=80)],
    transforms=[ref("core.log_charge", scale=3.0), ref("core.normalise")],
    network=ref("hexconv.resnet", channels=[8, 16, 32], depths=[1, 1, 1], pooling=["mean", "max", "centroid"]),
    losses={"particle": ref("core.cross_entropy"), "energy": ref("core.smooth_l1"), "direction": ref("core.smooth_l1")},
    optimizer=ref("core.adamw", lr=3e-3),
    schedule=ref("core.one_cycle"),
    epochs=8,
    batch_size=32,
)
