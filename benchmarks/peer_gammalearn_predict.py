"""GammaLearn 0.15's GammaPhysNet as its test loop calls it: the network alone, on random images, without gradients.

``python peer_gammalearn_predict.py NAME JSON`` with the name ``hexagonal`` or ``interpolated``, which its images of
1855 pixels are mapped to 55 x 55 for, before what is measured.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

Settings = dict[str, Any]
_TARGETS = {"energy": 1, "direction": 2, "class": 2}


def hexagonal(settings: Settings) -> tuple[Any, tuple[int, ...]]:
    """The network of its ``experiment_settings_gammaphysnet_indexed.py``, and the shape of an image."""
    import torch
    from gammalearn.nets.indexed_convolution.residual_net import ResNetAttentionIndexed

    geometry = _camera(settings["camera"])
    given = {"camera_geometry": geometry, "normalization": (torch.nn.BatchNorm1d, {})}
    return _network(ResNetAttentionIndexed, given), (2, geometry.n_pixels)


def interpolated(settings: Settings) -> tuple[Any, tuple[int, ...]]:
    """That of its ``experiment_settings_gammaphysnet.py``."""
    import torch
    from gammalearn.nets.residual_net import ResNetAttention

    given = {"normalization": (torch.nn.BatchNorm2d, {}), "output_size": (14, 14)}
    return _network(ResNetAttention, given), (2, 55, 55)


def _network(backbone: Any, given: dict[str, Any]) -> Any:
    import torch
    from gammalearn.nets.attention import DualAttention
    from gammalearn.nets.gammaphysnet import GammaPhysNet

    parameters = {
        "num_layers": 3,
        "initialization": (torch.nn.init.kaiming_uniform_, {"mode": "fan_out"}),
        "num_channels": 2,
        "block_features": [16, 32, 64],
        "attention_layer": (DualAttention, {"ratio": 16}),
        "non_linearity": (torch.nn.ReLU, {}),
        **given,
    }
    return GammaPhysNet(
        {
            "backbone": {"model": backbone, "parameters": parameters},
            "fc_width": 256,
            "non_linearity": (torch.nn.ReLU, {}),
            "last_bias_init": None,
            "targets": _TARGETS,
        }
    )


def _camera(path: str) -> Any:
    from ctapipe.instrument import SubarrayDescription
    from peer_gammalearn import give_camera

    with tempfile.TemporaryDirectory() as folder:
        give_camera(Path(folder), path)
        return next(iter(SubarrayDescription.from_hdf(path).tel.values())).camera.geometry


def main() -> None:
    """Measure and print one line of JSON: milliseconds of CPU time an event, and the number of parameters."""
    warnings.simplefilter("ignore")
    import torch

    torch.set_num_threads(1)
    settings = json.loads(sys.argv[2])
    network, shape = {"hexagonal": hexagonal, "interpolated": interpolated}[sys.argv[1]](settings)
    network = network.eval()
    images = torch.randn(settings["batch"], *shape)
    with torch.no_grad():
        for _ in range(3):
            network(images)
        start, steps = time.process_time(), 0
        while steps < 3 or time.process_time() - start < settings["seconds"]:
            network(images)
            steps += 1
    found = {"ms": (time.process_time() - start) / steps / settings["batch"] * 1e3}
    print(json.dumps(found | {"parameters": sum(p.numel() for p in network.parameters())}))


if __name__ == "__main__":
    main()
