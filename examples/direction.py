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
    data=ref("core.dl1", paths="showers/gamma_*.h5", channels=["image", "peak_time", "image_mask"]),
    filters=[ref("core.intensity", minimum=80)],
    transforms=[ref("core.log_charge", scale=3.0), ref("core.normalise")],
    network=ref("hexconv.resnet", channels=[8, 16, 32, 64], depths=[1, 1, 1, 1], pooling=["max", "centroid"]),
    losses={"direction": ref("core.smooth_l1", beta=0.5)},
    optimizer=ref("core.sgd", lr=1e-2, momentum=0.9),
    schedule=ref("core.cosine"),
    epochs=5,
    batch_size=32,
    handlers=[on("EPOCH_COMPLETED", ref(print_best), every=1)],
)
