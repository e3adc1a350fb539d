from __future__ import annotations

import tempfile
from contextlib import redirect_stderr
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import pytest
from attrs import frozen
from runs import run
from runs import write_settings

LOOKING = """
import torch

CALLS = []


def create(experiment, label):
    def look(engine):
        lr = experiment.optimizer.param_groups[0]["lr"]
        CALLS.append((label, engine.state.iteration, experiment.settings.epochs, lr))
        print(f"<{label} {engine.state.iteration} of {experiment.settings.epochs}, lr {lr}>")
        experiment.writer.add_scalar(label, 1.0, engine.state.iteration)

    return look
"""

BROKEN = (
    LOOKING
    + """

def draw(experiment):
    def draw_figure(engine):
        figure = None
        figure.plot([1, 2])

    return draw_figure


def unmade(experiment):
    raise OSError("no pen")


class Report:
    def __init__(self, run):
        self.run = run

    def __call__(self, results):
        return self.run.ink
"""
)


@frozen
class Rehearsal:
    code: int
    text: str
    """What was printed."""
    left: tuple[Path, ...]
    """What is there afterwards, beside the settings."""


def rehearse(settings: Path) -> Rehearsal:
    """`gammalearn run --debug` in this process."""
    told, before = StringIO(), tempfile.tempdir
    scratch = settings.parent / "scratch"
    scratch.mkdir()
    tempfile.tempdir = str(scratch)
    try:
        with redirect_stdout(told), redirect_stderr(told):
            code = run(settings, "--debug")
    finally:
        tempfile.tempdir = before
    # torch makes an empty folder of its own when it is imported.
    left = [p for p in scratch.iterdir() if not p.name.startswith("torchinductor_")]
    left += [p for p in settings.parent.iterdir() if p not in (settings, scratch)]
    return Rehearsal(code, told.getvalue(), tuple(left))


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Rehearsal:
    handlers = "[on('ITERATION_COMPLETED', ref(create, label='rare'), every=5), ref(create, label='epoch')]"
    return rehearse(
        write_settings(
            tmp_path_factory.mktemp("sound"),
            LOOKING,
            handlers=handlers,
            reports="[ref('core.html')]",
            schedule="ref('core.one_cycle')",
            clip_norm="1.0",
            epochs="7",
        )
    )


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Rehearsal:
    handlers = """[
        ref(draw),
        ref(unmade),
        on('EPOCH_COMPLETED', ref(create, label='never'), every=100),
        on('COMPLETED', ref(create, label='tested'), engine='tester'),
    ]"""
    settings = write_settings(
        tmp_path_factory.mktemp("broken"), BROKEN, handlers=handlers, reports="[ref(Report), ref('core.html')]"
    )
    return rehearse(settings)


def test_a_rehearsal_leaves_nothing_behind(sound: Rehearsal, broken: Rehearsal) -> None:
    assert (sound.code, sound.left) == (0, ())
    assert broken.left == ()


def test_a_rehearsal_shows_the_images_after_each_transform(sound: Rehearsal) -> None:
    lines = sound.text.splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("Images of NectarCam"))
    places = [line.split("  ")[1] for line in lines[start:] if line.startswith(("  loading", "  transforms["))]
    assert places == [
        "loading",
        "transforms[0] core.log_charge",
        "transforms[1] core.normalise",
        "transforms[2] core.to_square",
    ]
    assert "transforms[2] core.to_square  (16, 2, 16, 16) float32" in sound.text


def test_a_rehearsal_tells_what_is_learned_and_by_what(sound: Rehearsal) -> None:
    for words in ("gamma, ", "proton", "validation", "parameters that no gradient reaches: none", "shortened to 1"):
        assert words in sound.text
    assert "of the 3 steps of the first epoch are made: 1, 2, 3; on cpu" in sound.text


def test_a_rehearsal_projects_speed_memory_and_disk(sound: Rehearsal) -> None:
    for words in ("reading alone: ", "a training step of 16: ", ": 7 epochs, ", "peak memory", "are free for"):
        assert words in sound.text


def test_a_checkpoint_of_a_rehearsal_goes_on_with_the_same_bits(sound: Rehearsal) -> None:
    assert "kept after step 2" in sound.text
    assert "the epoch ended with the same bits" in sound.text


def test_results_of_a_rehearsal_are_written_and_read_back(sound: Rehearsal) -> None:
    for file in ("metrics.jsonl", "predictions/gamma.dl2.h5", "report.html", "tensorboard/events"):
        assert f"\n  {file}" in sound.text


def test_a_handler_whose_turn_does_not_come_in_a_rehearsal_is_called_once(sound: Rehearsal) -> None:
    assert sound.text.count("<rare ") == 1
    assert sound.text.count("<epoch ") == 1
    assert "ITERATION_COMPLETED of the trainer, every 5  once, directly" in sound.text


def test_handlers_of_a_rehearsal_find_the_settings_and_the_schedule_of_the_run(
    sound: Rehearsal, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    handlers = "[ref(create, label='epoch')]"
    settings = write_settings(tmp_path, LOOKING, handlers=handlers, schedule="ref('core.one_cycle')", epochs="7")
    assert run(settings) == 0
    first = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("<epoch 3 of 7, lr"))
    assert first in sound.text


def test_a_rehearsal_tells_every_failure_with_the_lines_of_the_user(broken: Rehearsal) -> None:
    assert broken.code == 1
    for words in (
        "handlers[0] ",
        "settings.py, line",
        "in draw_figure",
        "figure.plot([1, 2])",
        "OSError: no pen",
        "no attribute 'ink'",
        "return self.run.ink",
        "3 problems",
    ):
        assert words in broken.text
    assert "Traceback" not in broken.text


def test_what_fails_in_a_rehearsal_does_not_keep_the_rest_from_its_turn(broken: Rehearsal) -> None:
    assert "<tested " in broken.text
    assert "report.html" in broken.text
    assert "the epoch ended with the same bits" in broken.text
    assert "peak memory" in broken.text


def test_a_rehearsal_tells_of_a_handler_that_is_never_called(broken: Rehearsal) -> None:
    assert "its turn never comes: EPOCH_COMPLETED of the trainer, every 100, which comes 2 times" in " ".join(
        broken.text.split()
    )


HIDDEN = """
import numpy as np
import torch
from torch import nn

RANDOM = np.random.default_rng()


class Jitter:
    def __init__(self, *, inputs):
        self.outputs = inputs

    def __call__(self, batch, generator):
        images = batch.mono
        images.pixels = images.pixels * float(RANDOM.uniform(0.9, 1.1))
        return batch


class Warming(nn.Module):
    def __init__(self, *, inputs, outputs):
        super().__init__()
        self.calls = 0
        pixels = sum(len(c.channels) * c.shape[0] for c in inputs.cameras.values())
        self.heads = nn.ModuleDict({name: nn.Linear(pixels, task.size) for name, task in outputs.tasks.items()})

    def forward(self, pixels):
        self.calls += self.training
        return {name: head(pixels.flatten(1)) * self.calls for name, head in self.heads.items()}


class Growing:
    def __init__(self, *, task):
        self.calls = 0

    def __call__(self, prediction, truth):
        self.calls += 1
        return (prediction - truth).abs().sum(1) * self.calls


def cooling(experiment):
    calls = []

    def cool(trainer):
        calls.append(1)
        experiment.optimizer.param_groups[0]["weight_decay"] = len(calls) / 10

    return cool


def some(events):
    return RANDOM.uniform(size=len(events)) < 0.9
"""


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"transforms": "[ref('core.log_charge'), ref(Jitter)]", "network": "ref(Warming)"}, "transforms[1] "),
        ({"transforms": "[ref('core.log_charge')]", "network": "ref(Warming)"}, "network "),
        ({"losses": "{'energy': ref(Growing)}"}, "losses['energy'] "),
        ({"handlers": "[on('ITERATION_STARTED', ref(cooling))]"}, "optimizer"),
        ({"filters": "[lambda: some]"}, "filters"),
    ],
)
def test_a_rehearsal_names_what_a_checkpoint_does_not_hold(tmp_path: Path, changed: dict[str, str], named: str) -> None:
    found = rehearse(write_settings(tmp_path, HIDDEN, **changed, test="0.0"))
    assert found.code == 1
    problems = found.text[found.text.index("\n1 problem\n") :].splitlines()
    assert problems[2].startswith(f"  {named}"), problems


def test_a_loss_that_is_not_finite_ends_a_rehearsal_with_its_exit_code(tmp_path: Path) -> None:
    head = """
class Bad:
    def __init__(self, *, task):
        pass

    def __call__(self, prediction, truth):
        return (prediction * float("nan")).sum(1)
"""
    found = rehearse(write_settings(tmp_path, head, losses="{'energy': ref(Bad)}", test="0.0"))
    assert found.code == 3
    assert "the loss of energy is not finite at step 1" in found.text
    assert "event_id" in found.text
    assert found.left == ()


def test_a_rehearsal_without_validation_or_test_is_one(tmp_path: Path) -> None:
    found = rehearse(write_settings(tmp_path, validation="0.0", test="0.0", batch_size="500"))
    assert found.code == 0
    assert "a batch of 500 is more than the 64 samples of the training split" in found.text
    assert "kept after step 0" in found.text


def test_data_that_are_all_cut_end_a_rehearsal_with_its_exit_code(tmp_path: Path) -> None:
    found = rehearse(write_settings(tmp_path, filters="[ref('core.intensity', minimum=1e9)]"))
    assert found.code == 4
    assert "no event is left after the cuts" in found.text


def test_a_rehearsal_of_wrong_settings_tells_them_all_as_a_check_does(tmp_path: Path) -> None:
    found = rehearse(write_settings(tmp_path, network="ref('core.cnn2d', chanels=[4])", device="'gpu'"))
    assert found.code == 2
    assert "chanels" in found.text
    assert found.left == ()


def test_a_rehearsal_that_is_interrupted_leaves_nothing(tmp_path: Path) -> None:
    head = "def stop(experiment):\n    def now(engine):\n        raise KeyboardInterrupt\n    return now\n"
    found = rehearse(write_settings(tmp_path, head, handlers="[on('ITERATION_COMPLETED', ref(stop))]", test="0.0"))
    assert (found.code, found.left) == (75, ())
