"""Events that telescopes of two types saw, in any number of each: four LSTs and nine MSTs.

    gammalearn showers -o examples/stereo_mixed --particle gamma --events 4000 --array mixed --viewcone 2 --jobs 2
    gammalearn showers -o examples/stereo_mixed --particle proton --events 4000 --array mixed --viewcone 2 --jobs 2
    gammalearn run examples/stereo_mixed.py --logdir runs

Each camera has an encoder of its own, ``"*"`` being all that are not named. In training images are left out at random,
so that the network learns events of few telescopes, too; there are no more of them in an event than of it in the file.
"""

from gammalearn_core import Experiment
from gammalearn_core import ref

POOLING = ["mean", "max", "centroid"]

experiment = Experiment(
    name="stereo-mixed",
    data=ref("core.dl1", level="subarray", paths=["stereo_mixed/*.h5"], channels=["image", "peak_time", "image_mask"]),
    filters=[ref("core.intensity", minimum=50), ref("core.multiplicity", minimum=2)],
    transforms=[
        ref("stereo.drop_telescopes", probability=0.2, minimum=2),
        ref("stereo.random_turn"),
        ref("stereo.moments", mask="image_mask"),
        ref("core.relative_time", mask="image_mask", clip=20.0, zero_outside=True),
        ref("core.log_charge", scale=3.0),
        ref("core.normalise"),
    ],
    network=ref(
        "stereo.attention",
        encoder={
            "LSTCam": ref("hexconv.resnet", channels=[8, 16, 32], depths=[1, 1, 1], pooling=POOLING),
            "*": ref("hexconv.resnet", channels=[8, 16, 32], depths=[1, 1, 1], pooling=POOLING),
        },
    ),
    losses={
        "particle": ref("core.cross_entropy"),
        "energy": ref("core.smooth_l1", beta=0.2),
        "direction": ref("core.smooth_l1", beta=0.2),
        "impact": ref("core.smooth_l1", beta=0.2),
    },
    balance=ref("core.fixed_weights", weights={"energy": 2.0, "direction": 3.0}),
    optimizer=ref("core.adamw", lr=3e-3),
    schedule=ref("core.one_cycle"),
    epochs=4,
    clip_norm=1.0,
    batch_size=32,
    reports=[ref("core.html")],
    requires=["gammalearn-hexconv>=0.1", "gammalearn-stereo>=0.1"],
)
