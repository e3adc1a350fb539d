"""Gamma or proton? A classification of LST images, mapped to a square grid."""

from gammalearn_core import Experiment
from gammalearn_core import ref

experiment = Experiment(
    name="particle",
    data=ref("core.dl1", paths=["data/gamma_*.h5", "data/proton_*.h5"], cameras="LST"),
    transforms=[ref("core.log_charge"), ref("core.to_square"), ref("core.normalise")],
    network=ref("core.cnn2d", channels=[8, 16]),
    losses={"particle": ref("core.cross_entropy", class_weights={"proton": 2.0})},
    epochs=5,
    batch_size=8,
)
