"""The direction of gamma showers, with a handler of one's own.

``print_best`` is written in the prototype that GammaLearn published: it is given the experiment and returns a function
that ignite calls with the engine.
"""

from gammalearn_core import Experiment
from gammalearn_core import on
from gammalearn_core import ref


def print_best(experiment, metric="direction/resolution"):
    """Tell whenever the validation improves."""
    best = float("inf")

    def tell(trainer):
        nonlocal best
        value = experiment.latest.get("validation", {}).get(metric, float("nan"))
        if value < best:
            best = value
            print(f"epoch {trainer.state.epoch}: {metric} is now {value:.3f} deg")

    return tell


experiment = Experiment(
    name="direction",
    data=ref("core.dl1", paths="data/gamma_prod4_sst1m.dl1.h5"),
    transforms=[ref("core.log_charge"), ref("core.to_square"), ref("core.normalise")],
    network=ref("core.cnn2d", channels=[8, 16]),
    losses={"direction": ref("core.smooth_l1", beta=0.5)},
    optimizer=ref("core.sgd", lr=1e-2, momentum=0.9),
    schedule=ref("core.cosine"),
    epochs=5,
    batch_size=16,
    handlers=[on("EPOCH_COMPLETED", ref(print_best), every=1)],
)
