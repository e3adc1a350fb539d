"""Transforms of camera pixels in whole runs, and what the engine tells them."""

from __future__ import annotations

from pathlib import Path

import pytest
from runs import read
from runs import record
from runs import run
from runs import run_folders
from runs import write_settings

from gammalearn_core.cli import main
from gammalearn_core.errors import EXIT_SETTINGS

NETWORK = """
import torch
from torch import nn


class Linear(nn.Module):
    def __init__(self, *, inputs, outputs):
        super().__init__()
        size = len(inputs.camera.channels) * inputs.camera.geometry.n_pixels
        self.heads = nn.ModuleDict({name: nn.Linear(size, task.size) for name, task in outputs.tasks.items()})

    def forward(self, pixels, **columns):
        assert pixels.isfinite().all()
        return {name: head(pixels.flatten(1)) for name, head in self.heads.items()}
"""
CLEAN = (
    "ref('core.tailcuts', picture_threshold=8.0, boundary_threshold=4.0), "
    "ref('core.relative_time', mask='cleaned', clip=20.0), "
)
ALL = CLEAN + (
    "ref('core.random_symmetry'), ref('core.night_sky_noise', mean=0.5), ref('core.gaussian_noise', sigma=0.3), "
    "ref('core.pixel_dropout', probability=0.01), ref('core.asinh_charge', scale=3.0), "
    "ref('core.select_channels', channels=['image', 'peak_time'])"
)
ON_PIXELS = {"network": "ref(Linear)", "optimizer": "ref('core.sgd', lr=1e-4)"}


def weights(folder: Path, transforms: str, seed: int = 1) -> str:
    """Checksum of the weights that two epochs end with."""
    folder.mkdir()
    settings = write_settings(folder, NETWORK, transforms=f"[{transforms}]", seed=str(seed), **ON_PIXELS)
    assert run(settings) == 0
    metrics = read(run_folders(settings)[0] / "metrics.json")
    assert metrics["splits"]["test"]["direction/n"] > 0
    checksum: str = record(settings)["weights_sha256"]
    return checksum


@pytest.fixture(scope="module")
def turned(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Weights of a run with random turns."""
    return weights(tmp_path_factory.mktemp("turned") / "run", CLEAN + "ref('core.random_symmetry')")


def test_a_run_with_random_turns_can_be_repeated(tmp_path: Path, turned: str) -> None:
    assert weights(tmp_path / "again", CLEAN + "ref('core.random_symmetry')") == turned


def test_random_turns_take_part_in_training_and_follow_the_seed(tmp_path: Path, turned: str) -> None:
    assert weights(tmp_path / "still", CLEAN) != turned
    assert weights(tmp_path / "other", CLEAN + "ref('core.random_symmetry')", seed=2) != turned


def test_all_transforms_of_pixels_work_together(tmp_path: Path) -> None:
    first, second = (weights(tmp_path / name, ALL) for name in ("first", "second"))
    assert first == second


def check(folder: Path, capsys: pytest.CaptureFixture[str], head: str = "", **settings: str) -> str:
    """What `check --build` says of settings that are wrong."""
    path = write_settings(
        folder, NETWORK + head, **(ON_PIXELS | {"transforms": "[ref('core.random_symmetry')]"} | settings)
    )
    assert main(["check", "--build", str(path)]) == EXIT_SETTINGS
    return capsys.readouterr().err


def test_a_transform_is_told_the_tasks_and_the_columns_that_the_network_takes(tmp_path: Path) -> None:
    head = (
        NETWORK
        + """
Linear.takes = ("multiplicity",)


class Curious:
    def __init__(self, *, inputs, tasks, takes, factor: float = 1.0):
        self.outputs = inputs
        assert {name: (t.size, t.geometry) for name, t in tasks.items()} == {
            "particle": (2, "class"), "energy": (1, "scalar"), "direction": (2, "camera_vector")
        }
        assert takes == ("multiplicity",)

    def __call__(self, batch, generator):
        return batch
"""
    )
    settings = write_settings(tmp_path, head, transforms="[ref(Curious)]", epochs="1", **ON_PIXELS)
    assert run(settings) == 0
    experiment = read(run_folders(settings)[0] / "experiment.json")
    assert experiment["transforms"][0]["parameters"] == {"factor": 1.0}


def test_settings_cannot_give_what_the_core_gives_to_transforms(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = check(tmp_path, capsys, transforms="[ref('core.random_symmetry', tasks={}, takes=[])]")
    assert "transforms[0] core.random_symmetry: 'tasks' is given by the core, not by the settings" in told
    assert "transforms[0] core.random_symmetry: 'takes' is given by the core, not by the settings" in told


def test_a_vector_on_the_ground_is_refused_before_anything_is_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    head = """
import numpy as np


class Impact:
    columns = ("true_core_x", "true_core_y")
    geometry = "ground_vector"
    size = 2
    classes = ()

    def encode(self, events):
        return np.column_stack([events["true_core_x"], events["true_core_y"]]).astype(np.float32)

    def decode(self, prediction, events):
        return {"core_x": prediction[:, 0], "core_y": prediction[:, 1]}
"""
    told = check(tmp_path, capsys, head, losses="{'impact': ref('core.l1')}", targets="{'impact': ref(Impact)}")
    assert "transforms[0] core.random_symmetry: the truth of task 'impact' is a place on the ground, and where" in told


def test_turns_after_the_mapping_to_a_grid_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = check(tmp_path, capsys, transforms="[ref('core.to_square'), ref('core.random_symmetry')]")
    assert "transforms[1] core.random_symmetry: the images of " in told
    assert "are on a grid already: put this transform before the mapping" in told


def test_turns_of_single_images_of_an_event_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = check(
        tmp_path,
        capsys,
        "\nLinear.stereo = True\n",
        data="ref('core.dl1', paths=[DATA + 'gamma_mono*.h5'], cameras='NectarCam', level='subarray')",
    )
    assert "transforms[0] core.random_symmetry: turning single images of an event would break its stereoscopy" in told


def test_a_network_that_takes_what_cannot_be_turned_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = check(tmp_path, capsys, "\nLinear.takes = ('core_psi',)\n")
    assert "transforms[0] core.random_symmetry: nothing says how a turn of the camera changes the column" in told


def test_parameters_that_the_network_takes_are_turned_or_the_run_ends(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    head = NETWORK + "\nLinear.takes = ('hillas_psi',)\n"
    transforms = "[ref('core.random_symmetry')]"
    settings = write_settings(tmp_path, head, transforms=transforms, epochs="1", **ON_PIXELS)
    assert run(settings) == EXIT_SETTINGS
    assert "the network takes 'hillas_psi', which cannot be turned because it does not come" in capsys.readouterr().err
    data = "ref('core.dl1', paths=[DATA + 'gamma_mono*.h5'], cameras='NectarCam', columns=['hillas_psi'])"
    settings = write_settings(tmp_path, head, transforms=transforms, epochs="1", data=data, **ON_PIXELS)
    assert run(settings) == 0
