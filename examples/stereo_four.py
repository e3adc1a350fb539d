"""Events that four identical telescopes saw: particle, energy, direction and impact point, by attention over images.

    gammalearn showers -o examples/stereo_four --particle gamma --events 10000 --array 4mst --camera VERITAS \
        --energy-range 0.2 20 --viewcone 1.5 --scatter-radius 300 --seed 1
    gammalearn showers -o examples/stereo_four --particle proton --events 10000 --array 4mst --camera VERITAS \
        --energy-range 0.5 50 --viewcone 1.5 --scatter-radius 350 --seed 1
    gammalearn run examples/stereo_four.py --logdir runs
    gammalearn baseline runs/stereo-four/…

A sample is an event, with the images of two to four telescopes. One encoder sees all images; ``stereo.attention`` then
compares those of an event, with what ``stereo.moments`` measures of them. ``random_turn`` shows each event in six
orientations: images, telescopes and truth together.

Training takes six minutes of an idle processor core. Expect, in the test split, an AUC of 0.979, an energy resolution
of 13.9 %, two directions in three within 0.085 deg, and two impact points in three within 15.2 m. Hillas parameters,
crossing axes and random forests come to 0.960, 17.8 %, 0.120 deg and 36.6 m on the same events.
"""

from gammalearn_core import Experiment
from gammalearn_core import ref

experiment = Experiment(
    name="stereo-four",
    seed=1,
    threads=1,
    data=ref("core.dl1", level="subarray", paths=["stereo_four/*.h5"], channels=["image", "peak_time", "image_mask"]),
    filters=[ref("core.intensity", minimum=50), ref("core.multiplicity", minimum=2)],
    transforms=[
        ref("stereo.random_turn"),
        ref("stereo.moments", mask="image_mask"),
        ref("core.relative_time", mask="image_mask", clip=20.0, zero_outside=True),
        ref("core.log_charge", scale=3.0),
        ref("core.normalise"),
    ],
    network=ref(
        "stereo.attention",
        encoder=ref(
            "hexconv.resnet", channels=[16, 32, 64, 96], depths=[1, 1, 1, 1], pooling=["mean", "max", "centroid"]
        ),
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
    epochs=16,
    clip_norm=1.0,
    batch_size=64,
    reports=[ref("core.html")],
    requires=["gammalearn-hexconv>=0.1", "gammalearn-stereo>=0.1"],
)
