from __future__ import annotations

import json
from pathlib import Path

from ignite.engine import Events
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
    handler = create(SimpleNamespace(trainer=trainer, splits={"validation": [0]}, metric_names=["loss"]), patience=3)  # type: ignore[arg-type]
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
