from __future__ import annotations

import json
from pathlib import Path

import pytest
from ignite.engine import Events
from runs import TESTS
from runs import read
from runs import record
from runs import run
from runs import run_folders
from runs import write_settings

from gammalearn_core.settings.ref import EVENTS


def test_the_names_of_events_are_those_of_ignite() -> None:
    assert set(EVENTS) == {event.name for event in Events}


def test_a_handler_in_the_settings_file_is_called_on_any_event(tmp_path: Path) -> None:
    head = """
import json
from pathlib import Path

FILE = Path(__file__).with_name("calls.json")
CALLS = []


def create_new_handler(experiment, label):
    def handle_an_event(trainer):
        CALLS.append([label, trainer.state.epoch, trainer.state.iteration])
        FILE.write_text(json.dumps(CALLS))

    return handle_an_event
"""
    handlers = """[
        on("STARTED", ref(create_new_handler, label="started")),
        on("ITERATION_COMPLETED", ref(create_new_handler, label="every second step"), every=2),
        on("COMPLETED", ref(create_new_handler, label="validated"), engine="validator"),
        on("COMPLETED", ref(create_new_handler, label="tested"), engine="tester"),
        ref(create_new_handler, label="epoch"),
    ]"""
    assert run(write_settings(tmp_path, head, handlers=handlers)) == 0
    calls = json.loads((tmp_path / "calls.json").read_text())
    labels = [c[0] for c in calls]
    assert labels.count("started") == 1
    assert [c[2] for c in calls if c[0] == "every second step"] == [2, 4, 6]
    assert labels.count("validated") == 2
    assert labels.count("tested") == 1
    assert [c[1] for c in calls if c[0] == "epoch"] == [1, 2]


def test_a_handler_is_given_the_running_experiment(tmp_path: Path) -> None:
    head = """
from pathlib import Path


def look(experiment):
    seen = {
        "settings": experiment.settings.name,
        "folder": experiment.folder.path.name,
        "parameters": sum(p.numel() for p in experiment.network.parameters()),
        "lr": experiment.optimizer.param_groups[0]["lr"],
        "engines": sorted(experiment.engines),
        "events": len(experiment.source.events),
        "device": str(experiment.device),
        "splits": sorted(experiment.splits),
    }
    experiment.writer.add_scalar("mine", 1.0, 0)
    Path(__file__).with_name("seen.txt").write_text(repr(seen))
    return lambda engine: None
"""
    settings = write_settings(tmp_path, head, handlers="[ref(look)]", epochs="1")
    assert run(settings) == 0
    seen = (tmp_path / "seen.txt").read_text()
    assert "'settings': 'test'" in seen
    assert "'engines': ['tester', 'trainer', 'validator']" in seen
    assert "'events': 64" in seen
    assert list((run_folders(settings)[0] / "tensorboard").iterdir())


def test_a_handler_with_state_is_in_the_checkpoint(tmp_path: Path) -> None:
    import torch

    head = """
class Counter:
    def __init__(self, experiment):
        self.count = 0

    def __call__(self, engine):
        self.count += 1

    def state_dict(self):
        return {"count": self.count}

    def load_state_dict(self, state):
        self.count = state["count"]
"""
    settings = write_settings(tmp_path, head, handlers="[ref(Counter)]")
    assert run(settings) == 0
    state = torch.load(run_folders(settings)[0] / "checkpoints" / "last.pt", weights_only=True)
    assert state["part:handler0"] == {"count": 2}


def test_early_stopping_ends_training_and_the_run_finishes(tmp_path: Path) -> None:
    settings = write_settings(
        tmp_path,
        optimizer="ref('core.sgd', lr=0.0)",
        epochs="20",
        handlers="[ref('core.early_stopping', patience=2, metric='particle/n', mode='max')]",
    )
    assert run(settings) == 0
    assert len((run_folders(settings)[0] / "metrics.jsonl").read_text().splitlines()) == 3
    assert record(settings)["status"] == "finished"


def test_early_stopping_takes_no_nan_for_an_improvement() -> None:
    from types import SimpleNamespace

    from ignite.engine import Engine

    from gammalearn_core.builtin.handlers.early_stopping import create

    trainer = Engine(lambda engine, batch: None)
    scores = iter([1.0, float("nan"), float("nan"), float("nan"), 0.5])
    handler = create(SimpleNamespace(trainer=trainer, splits={"validation": [0]}), patience=3)  # type: ignore[arg-type]
    validator = Engine(lambda engine, batch: None)
    trainer.add_event_handler(Events.EPOCH_COMPLETED, lambda _: _validate(validator, next(scores), handler))
    trainer.run([0], max_epochs=5)
    assert trainer.state.epoch == 4


def _validate(validator: object, score: float, handler: object) -> None:
    validator.state.metrics = {"loss": score}  # type: ignore[attr-defined]
    handler(validator)  # type: ignore[operator]


def test_tensorboard_has_losses_metrics_and_the_learning_rate(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    settings = write_settings(tmp_path, handlers="[ref('core.tensorboard', every=1)]")
    assert run(settings) == 0
    events = EventAccumulator(str(run_folders(settings)[0] / "tensorboard"))
    events.Reload()
    tags = set(events.Tags()["scalars"])
    assert {"loss/train", "loss/validation", "learning_rate/0", "train_step/energy"} <= tags
    assert len(events.Scalars("loss/train")) == 2


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
SEEN = []


class Watching:
    def __init__(self, *, task):
        self.task = task

    def __call__(self, prediction, truth):
        SEEN.append(len(truth))
        assert bool((truth > -2).all())
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


STEREO = """
import torch
from torch import nn


class Sum(nn.Module):
    stereo = True

    def __init__(self, *, inputs, outputs):
        super().__init__()
        self.embed = nn.ModuleDict(
            {key: nn.Linear(len(c.channels) * c.geometry.n_pixels, 8) for key, c in inputs.cameras.items()}
        )
        self.heads = nn.ModuleDict({name: nn.Linear(8, task.size) for name, task in outputs.tasks.items()})

    def forward(self, batch):
        total = torch.zeros(len(batch), 8)
        for key, images in batch.images.items():
            total = total.index_add(0, images.event, self.embed[key](images.pixels.flatten(1)))
        return {name: head(total) for name, head in self.heads.items()}
"""


def test_events_of_several_cameras_run_from_end_to_end(tmp_path: Path) -> None:
    path = str(TESTS / "gamma_test.dl1.h5")
    settings = write_settings(
        tmp_path,
        STEREO,
        data=f"ref('core.dl1', paths={path!r}, level='subarray')",
        filters="[ref('core.intensity', minimum=10)]",
        transforms="[ref('core.log_charge'), ref('core.normalise')]",
        network="ref(Sum)",
        losses="{'energy': ref('core.l1'), 'direction': ref('core.l1')}",
        validation="0.3",
        test="0.3",
        batch_size="3",
    )
    assert run(settings) == 0
    specs = read(run_folders(settings)[0] / "specs.json")
    assert set(specs["inputs"]["cameras"]) == {"LSTCam", "NectarCam", "CHEC", "SCTCam"}
    cut = record(settings)["cuts"][0]
    assert (cut["scope"], cut["before"]) == ("image", 42)
    assert cut["after"] < 42


def test_a_second_source_without_labels_takes_part_without_truth(tmp_path: Path) -> None:
    head = """
class Watching:
    def __init__(self, *, task):
        pass

    def __call__(self, prediction, truth):
        return (prediction - truth).abs().mean(dim=1)
"""
    settings = write_settings(
        tmp_path,
        head,
        data="{'labelled': ref('core.dl1', paths=DATA + 'gamma_mono*.h5', cameras='NectarCam'),"
        " 'unlabelled': ref('core.dl1', paths=DATA + 'gamma_diffuse*.h5', cameras='MST')}",
        losses="{'energy': ref(Watching)}",
        epochs="1",
    )
    assert run(settings) == 0
    facts = record(settings)["splits"]
    assert sum(s["samples"] for s in facts.values()) == 46 + 6
