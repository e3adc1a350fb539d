"""A search for the learning rate, width and dropout of a small network that measures the energy of gamma showers.

    gammalearn sweep examples/sweep.py --trials 20

makes 20 runs with other values of the settings in ``search``, of half a minute each, and shows which are the best; the
same command in another shell, or in each task of an array of jobs, shares the work. It needs Optuna:
``pip install 'gammalearn-core[sweep]'``. ``gammalearn run`` makes one run with the values of ``network`` and
``optimizer``. The showers are those of the quickstart.
"""

from gammalearn_core import Experiment
from gammalearn_core import choice
from gammalearn_core import log_uniform
from gammalearn_core import ref
from gammalearn_core import uniform

experiment = Experiment(
    name="energy",
    seed=1,
    threads=1,
    data=ref("core.dl1", paths="showers/gamma_*.h5", channels=["image", "image_mask"]),
    filters=[ref("core.intensity", minimum=80), ref("core.max_events", events=2000)],
    transforms=[ref("core.log_charge"), ref("core.normalise"), ref("core.to_square", size=20, conserve=[])],
    network=ref("core.cnn2d", channels=[8, 16], dropout=0.1),
    losses={"energy": ref("core.l1")},
    optimizer=ref("core.adamw", lr=2e-3),
    epochs=5,
    batch_size=32,
    search={
        "optimizer.lr": log_uniform(1e-4, 1e-1),
        "network.channels": choice([[8], [8, 16], [8, 16, 32]]),
        "network.dropout": uniform(0.0, 0.5),
    },
)
