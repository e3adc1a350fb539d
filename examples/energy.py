"""The energy of gamma showers, from images of DigiCam with their cleaning mask."""

from gammalearn_core import Experiment
from gammalearn_core import ref

experiment = Experiment(
    name="energy",
    data=ref("core.dl1", paths="data/gamma_prod4_sst1m.dl1.h5", channels=["image", "peak_time", "image_mask"]),
    filters=[ref("core.intensity", minimum=50), ref("core.energy", minimum=0.3, maximum=10)],
    transforms=[ref("core.log_charge"), ref("core.normalise"), ref("core.to_square", conserve=[])],
    network=ref("core.cnn2d", channels=[8, 16], dropout=0.1),
    losses={"energy": ref("core.l1")},
    optimizer=ref("core.adam", lr=2e-3),
    schedule=ref("core.plateau", patience=2),
    epochs=5,
    batch_size=16,
)
