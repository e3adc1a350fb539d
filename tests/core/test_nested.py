"""Networks in parameters of a network: an event-level network with one encoder a camera."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from runs import EXAMPLES
from runs import read
from runs import run
from runs import run_folders
from runs import write_settings

from gammalearn_core.cli import main

NETWORKS = """
import torch
from torch import nn

from gammalearn_core import Network, hookimpl, ref, weights_of
from gammalearn_core.api import InputSpec, Maker, OutputSpec, TaskSpec


@hookimpl
def gammalearn_networks():
    yield Network(
        name="mean", target=f"{__name__}:Mean", summary="The mean of images", stereo=True, nested={"encoder": "network"}
    )
    yield Network(name="flat", target=f"{__name__}:Flat", summary="One linear map of pixels", lattice="pixels")


class Flat(nn.Module):
    lattice = "pixels"

    def __init__(self, *, inputs: InputSpec, outputs: OutputSpec, scale: float = 1.0, bias: bool = True) -> None:
        super().__init__()
        if scale <= 0:
            raise ValueError(f"scale must be above 0, got {scale}")
        self.scale = scale
        size = inputs.camera.geometry.n_pixels * len(inputs.camera.channels)
        self.body = nn.Linear(size, 4, bias=bias)
        self.heads = nn.ModuleDict({name: nn.Linear(4, task.size) for name, task in outputs.tasks.items()})

    def forward(self, pixels):
        found = self.body(self.scale * pixels.flatten(1)).relu()
        return {name: head(found) for name, head in self.heads.items()}


class Mean(nn.Module):
    stereo = True
    nested = {"encoder": "network"}

    def __init__(
        self, *, inputs: InputSpec, outputs: OutputSpec, encoder: "Maker | dict[str, Maker]", features: int = 3
    ) -> None:
        super().__init__()
        self.encoders = nn.ModuleDict()
        features_of = OutputSpec(tasks={"features": TaskSpec(name="features", target="features", size=features)})
        for key, camera in inputs.cameras.items():
            make = encoder.get(key, encoder.get("*")) if isinstance(encoder, dict) else encoder
            alone = InputSpec(level="telescope", cameras={key: camera})
            self.encoders[key] = make(inputs=alone, outputs=features_of)
        self.features = features
        self.heads = nn.ModuleDict({name: nn.Linear(features, task.size) for name, task in outputs.tasks.items()})

    def forward(self, batch):
        sums = self.heads["energy"].weight.new_zeros(len(batch), self.features)
        for key, images in batch.images.items():
            sums = sums.index_add(0, images.event, self.encoders[key](images.pixels)["features"])
        return {name: head(sums) for name, head in self.heads.items()}
"""
SETTINGS = {
    "data": "ref('core.dl1', paths=[DATA + 'gamma_diffuse_prod6_run10*'], level='subarray')",
    "transforms": "[ref('core.log_charge')]",
    "network": "ref('local.mean', encoder={'MSTx-NectarCam': ref('local.flat', scale=0.5), '*': ref('local.flat')})",
    "losses": "{'energy': ref('core.l1')}",
    "epochs": "1",
}


@pytest.fixture(autouse=True)
def apart(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """A working directory, imports and threads of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


def stereo(folder: Path, **settings: str) -> Path:
    """A settings file with the networks above."""
    return write_settings(folder, NETWORKS, **SETTINGS | settings)


def test_a_network_makes_those_in_its_parameters(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = stereo(tmp_path)
    assert run(settings) == 0
    (folder,) = run_folders(settings)
    described = read(folder / "experiment.json")["network"]["parameters"]
    assert {key: (part["component"], part["parameters"]) for key, part in described["encoder"].items()} == {
        "MSTx-NectarCam": ("local.flat", {"scale": 0.5, "bias": True}),
        "*": ("local.flat", {"scale": 1.0, "bias": True}),
    }
    predict = ["predict", str(folder), str(EXAMPLES / "gamma_diffuse_prod6_run10.dl1.h5"), "-o", "dl2"]
    assert main(predict) == 2
    assert "network['encoder']['*']" in capsys.readouterr().err
    assert main([*predict, "--trust-settings"]) == 0
    assert main(["reproduce", str(folder), "--trust-settings"]) == 0
    assert capsys.readouterr().out.endswith("identical\n")
