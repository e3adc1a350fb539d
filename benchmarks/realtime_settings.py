"""Settings of the networks of `realtime.py`, trained just long enough to be there.

The environment says which network (``BENCHMARK_NETWORK``) and where files are (``BENCHMARK_DATA``).
"""

from __future__ import annotations

import os

from gammalearn_core import Experiment
from gammalearn_core import ref

NETWORKS = {
    "quickstart": ref(
        "hexconv.resnet", channels=[16, 32, 64, 96], depths=[1, 1, 1, 1], pooling=["mean", "max", "centroid"]
    ),
    "gammaphysnet": ref("hexconv.gammaphysnet", indexedconv_compat=True),
}
CHANNELS = {"quickstart": ["image", "peak_time", "image_mask"], "gammaphysnet": ["image", "peak_time"]}
CHARGES = [ref("core.log_charge", scale=3.0), ref("core.normalise")]
TRANSFORMS = {
    "quickstart": [
        ref("core.random_symmetry"),
        ref("core.relative_time", mask="image_mask", clip=20.0, zero_outside=True),
        *CHARGES,
    ],
    "gammaphysnet": CHARGES,
}
_name = os.environ["BENCHMARK_NETWORK"]

experiment = Experiment(
    name=_name,
    seed=1,
    threads=1,
    data=ref("core.dl1", paths=os.environ["BENCHMARK_DATA"] + "/*.h5", channels=CHANNELS[_name]),
    transforms=TRANSFORMS[_name],
    network=NETWORKS[_name],
    losses={
        "particle": ref("core.cross_entropy"),
        "energy": ref("core.smooth_l1", beta=0.2),
        "direction": ref("core.smooth_l1", beta=0.2),
    },
    epochs=1,
    test=0,
    reports=[],
)
