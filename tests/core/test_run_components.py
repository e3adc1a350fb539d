from __future__ import annotations

import json
from pathlib import Path

import pytest
from runs import TESTS
from runs import read
from runs import record
from runs import run
from runs import run_folders
from runs import write_settings

from gammalearn_core.cli import main


def test_a_plugin_in_the_settings_file_is_used_by_its_id(tmp_path: Path) -> None:
    head = """
from gammalearn_core import Network
from torch import nn


@hookimpl
def gammalearn_networks():
    yield Network(name="linear", target=f"{__name__}:Linear", summary="One linear map", lattice="hexagonal")


class Linear(nn.Module):
    def __init__(self, *, inputs, outputs):
        super().__init__()
        camera = inputs.camera
        size = len(camera.channels) * camera.geometry.n_pixels
        self.heads = nn.ModuleDict({name: nn.Linear(size, task.size) for name, task in outputs.tasks.items()})

    def forward(self, pixels):
        return {name: head(pixels.flatten(1)) for name, head in self.heads.items()}
"""
    settings = write_settings(
        tmp_path, head, network="ref('local.linear')", transforms="[ref('core.log_charge')]", epochs="1"
    )
    assert run(settings) == 0
    experiment = read(run_folders(settings)[0] / "experiment.json")
    assert experiment["network"]["component"] == "local.linear"


HEAD_ON_PIXELS = """
from gammalearn_core import Network
from torch import nn


@hookimpl
def gammalearn_networks():
    yield Network(name="linear", target=f"{__name__}:Linear", summary="One linear map", lattice="LATTICE")


class Linear(nn.Module):
    def __init__(self, *, inputs, outputs):
        super().__init__()


class Fold:
    def __init__(self, *, inputs):
        self.outputs = inputs.with_cameras({key: {"shape": (2, 3)} for key in inputs.cameras})
"""


@pytest.mark.parametrize(
    ("lattice", "camera", "transforms", "told"),
    [
        ("hexagonal", "ASTRICam", "[]", "wants hexagonal pixels, but those of ASTRICam are square"),
        ("hexagonal", "FlashCam", "[ref(Fold)]", "wants hexagonal pixels, but those of FlashCam are on a grid"),
        ("pixels", "FlashCam", "[ref(Fold)]", "wants the camera's own pixels, but those of FlashCam are on a grid"),
        ("pixels", "ASTRICam", "[]", ""),
        ("pixels", "FlashCam", "[]", ""),
    ],
)  # fmt: skip
def test_a_network_has_the_pixels_that_its_record_wants(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], lattice: str, camera: str, transforms: str, told: str
) -> None:
    data = f"ref('core.dl1', paths={str(TESTS / 'gamma_prod3_large_trunc.dl1.h5')!r}, cameras={camera!r})"
    head = HEAD_ON_PIXELS.replace("LATTICE", lattice)
    losses = "{'energy': ref('core.l1')}"
    settings = write_settings(
        tmp_path, head, data=data, network="ref('local.linear')", transforms=transforms, losses=losses
    )
    assert main(["check", str(settings), "--build"]) == (2 if told else 0)
    assert told in capsys.readouterr().err


def test_a_change_in_a_component_of_the_settings_file_starts_another_run(tmp_path: Path) -> None:
    head = "def keep(**bounds):\n    return lambda events: events['true_energy'] > {}\n"
    settings = write_settings(tmp_path, head.format(0), filters="[ref(keep)]", epochs="1")
    assert run(settings) == 0
    write_settings(tmp_path, head.format(-1), filters="[ref(keep)]", epochs="1")
    assert run(settings) == 0
    assert len(run_folders(settings)) == 2


def test_a_change_in_a_plugin_of_the_settings_file_starts_another_run(tmp_path: Path) -> None:
    head = """
from gammalearn_core import Filter


@hookimpl
def gammalearn_filters():
    yield Filter(name="mine", target=f"{__name__}:mine", summary="Everything above a bound")


def mine():
    return lambda events: events["true_energy"] > BOUND
"""
    settings = write_settings(tmp_path, head.replace("BOUND", "0"), filters="[ref('local.mine')]", epochs="1")
    assert run(settings) == 0
    write_settings(tmp_path, head.replace("BOUND", "-1"), filters="[ref('local.mine')]", epochs="1")
    assert run(settings) == 0
    assert len(run_folders(settings)) == 2


def test_a_parameter_named_version_is_part_of_the_settings(tmp_path: Path) -> None:
    (tmp_path / "keeping.py").write_text("def keep(version):\n    return lambda events: events['true_energy'] > 0\n")
    settings = write_settings(tmp_path, "from keeping import keep\n", filters="[ref(keep, version=1)]", epochs="1")
    before = settings.read_text()
    assert run(settings) == 0
    settings.write_text(before.replace("version=1", "version=2"))
    assert run(settings) == 0
    parameters = [read(f / "experiment.json")["filters"][0]["parameters"] for f in run_folders(settings)]
    assert sorted(p["version"] for p in parameters) == [1, 2]


def test_protons_do_not_take_part_in_the_regressions(tmp_path: Path) -> None:
    head = """
class Watching:
    def __init__(self, *, task):
        self.task = task

    def __call__(self, prediction, truth):
        # What stands in the place of missing truth is 0, which the logarithm of no shower's energy is.
        assert bool((truth != 0).all())
        return (prediction - truth).abs().mean(dim=1)
"""
    settings = write_settings(tmp_path, head, losses="{'energy': ref(Watching), 'particle': ref('core.cross_entropy')}")
    assert run(settings) == 0
    splits = record(settings)["splits"]
    test = read(run_folders(settings)[0] / "metrics.json")["splits"]["test"]
    assert test["energy/n"] == splits["test"]["by_primary"].get("0", 0)
    assert test["particle/n"] == splits["test"]["samples"]


def test_a_loss_may_ask_for_more_numbers_and_decode_them(tmp_path: Path) -> None:
    head = """
import torch


class Gaussian:
    def __init__(self, *, task):
        self.size = 2 * task.size

    def __call__(self, prediction, truth):
        mean, log_sigma = prediction.chunk(2, dim=1)
        return (log_sigma + 0.5 * ((truth - mean) / log_sigma.exp()) ** 2).mean(dim=1)

    def decode(self, prediction):
        return prediction.chunk(2, dim=1)[0]
"""
    settings = write_settings(tmp_path, head, losses="{'energy': ref(Gaussian)}", epochs="1")
    assert run(settings) == 0
    assert read(run_folders(settings)[0] / "specs.json")["outputs"]["energy"]["size"] == 2


def test_a_network_is_given_the_columns_that_it_takes(tmp_path: Path) -> None:
    head = """
from torch import nn


class Wide(nn.Module):
    lattice = "any"
    takes = ("hillas_width", "multiplicity")

    def __init__(self, *, inputs, outputs):
        super().__init__()
        self.heads = nn.ModuleDict({name: nn.Linear(2, task.size) for name, task in outputs.tasks.items()})

    def forward(self, pixels, hillas_width, multiplicity):
        assert hillas_width.shape == multiplicity.shape == (len(pixels),)
        assert bool((multiplicity >= 1).all())
        both = pixels.new_tensor([1.0, 1.0]) * 0 + pixels.new_zeros(len(pixels), 2)
        both[:, 0], both[:, 1] = hillas_width, multiplicity
        return {name: head(both) for name, head in self.heads.items()}
"""
    settings = write_settings(
        tmp_path, head, network="ref(Wide)", filters="[ref('core.intensity', minimum=1)]", epochs="1"
    )
    assert run(settings) == 0


def test_a_column_that_the_data_do_not_have_is_refused_by_check(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    head = """
from torch import nn


class Odd(nn.Linear):
    takes = ("hillas_widht", "true_energy")

    def __init__(self, *, inputs, outputs):
        super().__init__(1, 1)
"""
    settings = write_settings(tmp_path, head, network="ref(Odd)")
    assert run(settings) == 2
    error = capsys.readouterr().err
    assert "takes the column 'hillas_widht', which the data do not have" in error
    assert "did you mean 'hillas_width'" in error
    assert "asks for 'true_energy', simulated truth" in error


def test_a_class_target_of_ones_own_may_use_any_columns(tmp_path: Path) -> None:
    head = """
import numpy as np


class Bright:
    columns = ("true_energy", "true_shower_primary_id")
    geometry = "class"
    size = 2
    classes = ("faint", "bright")

    def encode(self, events):
        return (np.asarray(events["true_energy"]) > 0.2).astype(np.int64)

    def decode(self, prediction, events):
        return {}
"""
    settings = write_settings(
        tmp_path, head, targets="{'bright': ref(Bright)}", losses="{'bright': ref('core.cross_entropy')}", epochs="1"
    )
    assert run(settings) == 0
    assert read(run_folders(settings)[0] / "specs.json")["outputs"]["bright"]["classes"] == ["faint", "bright"]


def test_infinite_parameters_are_recorded_as_such(tmp_path: Path) -> None:
    settings = write_settings(tmp_path, filters="[ref('core.intensity', minimum=20)]", epochs="1")
    assert run(settings) == 0
    parameters = read(run_folders(settings)[0] / "experiment.json")["filters"][0]["parameters"]
    assert parameters == {"minimum": 20, "maximum": {"float": "inf"}}


@pytest.mark.parametrize(
    ("name", "first", "second"),
    [
        ("metrics", "{'particle': [ref('core.auc')]}", "{'particle': [ref('core.auc', positive='proton')]}"),
        ("filters", "[ref(partial(keep, 0))]", "[ref(partial(keep, 1))]"),
    ],
)
def test_parameters_that_are_easily_overlooked_are_part_of_the_settings(
    tmp_path: Path, name: str, first: str, second: str
) -> None:
    (tmp_path / "keeping2.py").write_text(
        "def keep(bound):\n    return lambda events: events['true_energy'] > bound - 2\n"
    )
    head = "from functools import partial\nfrom keeping2 import keep\n"
    for value in (first, second):
        assert run(write_settings(tmp_path, head, epochs="1", **{name: value})) == 0
    assert len(run_folders(tmp_path / "settings.py")) == 2


def test_the_training_loss_is_the_mean_over_samples_with_truth_for_any_batch_size(tmp_path: Path) -> None:
    head = """
from torch import nn


class Flat(nn.Module):
    def __init__(self, *, inputs, outputs):
        super().__init__()
        self.heads = nn.ModuleDict({name: nn.Linear(1, task.size) for name, task in outputs.tasks.items()})

    def forward(self, pixels):
        mean = pixels.flatten(1).mean(dim=1, keepdim=True)
        return {name: head(mean) for name, head in self.heads.items()}
"""
    losses = []
    for size in ("2", "100"):
        settings = write_settings(
            tmp_path, head, network="ref(Flat)", optimizer="ref('core.sgd', lr=0.0)", batch_size=size, epochs="1"
        )
        assert run(settings) == 0
    for folder in run_folders(settings):
        line = json.loads((folder / "metrics.jsonl").read_text().splitlines()[0])
        losses.append(line["train"])
    for name, value in losses[0].items():
        assert losses[1][name] == pytest.approx(value, rel=1e-4), name


def test_a_balance_may_own_parameters_that_are_trained(tmp_path: Path) -> None:
    import torch

    head = """
import torch
from torch import nn


class Uncertainty(nn.Module):
    def __init__(self, *, tasks):
        super().__init__()
        self.log_variance = nn.ParameterDict({name: nn.Parameter(torch.zeros(())) for name in tasks})

    def forward(self, losses, shared_parameters):
        assert len(shared_parameters) > 1
        terms = [loss * torch.exp(-self.log_variance[n]) + self.log_variance[n] for n, loss in losses.items()]
        return torch.stack(terms).sum()
"""
    settings = write_settings(tmp_path, head, balance="ref(Uncertainty)")
    assert run(settings) == 0
    state = torch.load(run_folders(settings)[0] / "checkpoints" / "last.pt", weights_only=True)
    assert all(float(v) != 0 for v in state["part:balance"].values())


def test_a_loss_of_scope_outputs_is_given_the_outputs_of_all_tasks(tmp_path: Path) -> None:
    head = """
class Joint:
    scope = "outputs"

    def __init__(self, *, task):
        self.task = task

    def __call__(self, outputs, truth):
        assert set(outputs) == {"energy", "direction"}
        assert all(len(v) == len(truth) for v in outputs.values())
        return (outputs[self.task.name] - truth).abs().mean(dim=1)
"""
    settings = write_settings(tmp_path, head, losses="{'energy': ref(Joint), 'direction': ref('core.l1')}", epochs="1")
    assert run(settings) == 0


def test_a_random_transform_runs_in_training_only_and_gives_the_same_weights_twice(tmp_path: Path) -> None:
    head = """
from dataclasses import replace

import torch

CALLS = []


class Noise:
    random = True

    def __init__(self, *, inputs):
        self.outputs = inputs

    def __call__(self, batch, generator):
        CALLS.append(len(batch))
        noisy = {}
        for key, group in batch.images.items():
            noise = torch.randn(group.pixels.shape, generator=generator)
            noisy[key] = replace(group, pixels=group.pixels + noise)
        return replace(batch, images=noisy)


def count(run):
    def report(results):
        (run.path / "calls.txt").write_text(str(sum(CALLS)))
        CALLS.clear()
        return []

    return report
"""
    transforms = "[ref('core.log_charge'), ref(Noise), ref('core.to_square', method='rebinning', size=16, conserve=[])]"
    settings = write_settings(tmp_path, head, transforms=transforms, reports="[ref(count)]")
    assert run(settings) == 0
    assert run(settings, "--fresh") == 0
    first, second = run_folders(settings)
    train = record(settings)["splits"]["train"]["samples"]
    assert int((first / "calls.txt").read_text()) == 2 * train
    assert read(first / "run.json")["weights_sha256"] == read(second / "run.json")["weights_sha256"]
