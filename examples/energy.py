"""The energy of gamma showers, from the quickstart's showers above 0.3 TeV."""

from gammalearn_core import Experiment
from gammalearn_core import ref

experiment = Experiment(
    name="energy",
    data=ref("core.dl1", paths="showers/gamma_*.h5", channels=["image", "image_mask"]),
    filters=[ref("core.intensity", minimum=80), ref("core.energy", minimum=0.3, maximum=10)],
    transforms=[ref("core.log_charge"), ref("core.normalise"), ref("core.to_square", conserve=[])],
    network=ref("core.cnn2d", channels=[8, 16, 32], dropout=0.1),
    losses={"energy": ref("core.l1")},
    optimizer=ref("core.adam", lr=2e-3),
    schedule=ref("core.plateau", patience=2),
    epochs=5,
    batch_size=32,
)
