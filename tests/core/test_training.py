"""A training step: parts, averages, precision, clipping, and what is not finite."""

from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from runs import read
from runs import record
from runs import run
from runs import run_folders
from runs import write_settings

from gammalearn_core.engine.folder import RunFolder

PLAIN = """
import os, signal, time
from pathlib import Path
from torch import nn

MARKER = Path(__file__).with_name("stop")


class Plain(nn.Module):
    '''Nothing that depends on the other images of a batch.'''

    def __init__(self, *, inputs, outputs):
        super().__init__()
        camera = inputs.camera
        self.body = nn.Sequential(nn.Flatten(), nn.Linear(camera.geometry.n_pixels * len(camera.channels), 8))
        self.heads = nn.ModuleDict({name: nn.Linear(8, task.size) for name, task in outputs.tasks.items()})

    def forward(self, pixels):
        features = self.body(pixels).relu()
        return {name: head(features) for name, head in self.heads.items()}


def keep(experiment, folder):
    '''Keep the weights after each step, and the norm of the gradient.'''
    Path(folder).mkdir(exist_ok=True)

    def write(trainer):
        state = {n: p.detach().clone() for n, p in experiment.network.named_parameters()}
        state["norm"] = trainer.state.output["gradient_norm"]
        torch.save(state, Path(folder) / f"{trainer.state.iteration}.pt")

    state = {n: p.detach().clone() for n, p in experiment.network.named_parameters()}
    torch.save(state, Path(folder) / "0.pt")
    return write


def stop_validation(experiment, epoch, counts):
    '''Ask for a stop within the validation of an epoch; write down steps and validations.'''
    def stop(engine):
        if experiment.trainer.state.epoch == epoch and MARKER.exists():
            MARKER.unlink()
            os.kill(os.getpid(), signal.SIGTERM)

    def count(trainer):
        with open(counts, "a") as stream:
            stream.write(f"{trainer.state.iteration}\\n")

    experiment.trainer.add_event_handler("ITERATION_COMPLETED", count)
    return stop
"""
SETTINGS = {
    "transforms": "[ref('core.log_charge'), ref('core.normalise')]",
    "network": "ref(Plain)",
    "epochs": "2",
    "batch_size": "20",
    "reports": "[]",
}


def settings_in(folder: Path, **settings: str) -> Path:
    folder.mkdir()
    keeping = f"[on('ITERATION_COMPLETED', ref(keep, folder={str(folder / 'kept')!r}))]"
    return write_settings(
        folder,
        PLAIN.replace("from torch", "import torch\nfrom torch", 1),
        **(SETTINGS | {"handlers": keeping} | settings),
    )


def kept(settings: Path) -> list[dict[str, torch.Tensor]]:
    """Weights before the first step and after each."""
    folder = settings.parent / "kept"
    return [torch.load(folder / f"{n}.pt") for n in range(len(list(folder.iterdir())))]


def losses(settings: Path) -> list[float]:
    return [line[s]["loss"] for line in RunFolder(run_folders(settings)[-1]).history() for s in ("train", "validation")]


def test_parts_of_a_batch_give_the_gradient_of_the_whole(tmp_path: Path) -> None:
    balance = "ref('core.fixed_weights', weights={'energy': 3.0})"
    whole = settings_in(tmp_path / "whole", balance=balance)
    parts = settings_in(tmp_path / "parts", balance=balance, accumulate="3")
    assert run(whole) == run(parts) == 0
    assert losses(parts) == pytest.approx(losses(whole), rel=0, abs=1e-6)
    for a, b in zip(kept(whole), kept(parts), strict=True):
        assert all(torch.allclose(a[name], b[name], atol=2e-5) for name in a if name != "norm")
        assert a.get("norm", 0) == pytest.approx(b.get("norm", 0), rel=1e-4)


def test_more_parts_than_samples_are_as_many_as_there_are(tmp_path: Path) -> None:
    assert run(settings_in(tmp_path / "a", batch_size="2", accumulate="5", epochs="1")) == 0


def test_gradients_are_clipped(tmp_path: Path) -> None:
    settings = settings_in(tmp_path / "a", optimizer="ref('core.sgd', lr=1.0)", clip_norm="1e-3", epochs="1")
    assert run(settings) == 0
    states = kept(settings)
    for before, after in pairwise(states):
        moved = math.sqrt(sum(float((after[n] - before[n]).square().sum()) for n in before if n != "norm"))
        assert moved == pytest.approx(1e-3, rel=1e-3)
        assert after["norm"] > 1e-2


def test_validation_and_predictions_are_made_with_the_average(tmp_path: Path) -> None:
    settings = settings_in(tmp_path / "a", ema="0.8")
    assert run(settings) == 0
    states = kept(settings)
    expected = {n: t.clone() for n, t in states[1].items() if n != "norm"}
    for state in states[2:]:
        expected = {n: 0.8 * mean + 0.2 * state[n] for n, mean in expected.items()}
    last = torch.load(run_folders(settings)[0] / "checkpoints" / "last.pt", weights_only=True)
    average = {n.removeprefix("module."): t for n, t in last["part:average"].items() if n != "n_averaged"}
    assert all(torch.allclose(average[n], expected[n], atol=1e-6) for n in expected)
    assert all(torch.equal(last["part:network"][n], states[-1][n]) for n in expected)
    # Without the average the first epoch gives other numbers.
    plain = settings_in(tmp_path / "b")
    assert run(plain) == 0
    assert losses(plain)[0] == losses(settings)[0]
    assert losses(plain)[1] != losses(settings)[1]
    assert record(settings)["weights_sha256"] != record(settings)["best_weights_sha256"]


def test_bfloat16_learns_nearly_the_same_and_keeps_single_precision(tmp_path: Path) -> None:
    single, half = settings_in(tmp_path / "a"), settings_in(tmp_path / "b", precision="'bf16'")
    assert run(single) == run(half) == 0
    assert losses(half) == pytest.approx(losses(single), rel=0.03)
    assert losses(half) != losses(single)
    assert {t.dtype for n, t in kept(half)[-1].items() if n != "norm"} == {torch.float32}


def test_a_compiled_network_keeps_its_names_and_learns_the_same(tmp_path: Path) -> None:
    plain, compiled = settings_in(tmp_path / "a", epochs="1"), settings_in(tmp_path / "b", epochs="1", compile="True")
    assert run(plain) == run(compiled) == 0
    assert losses(compiled) == pytest.approx(losses(plain), rel=1e-4)
    assert list(kept(compiled)[-1]) == list(kept(plain)[-1])


def test_a_compiler_that_is_not_there_is_missed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    assert run(settings_in(tmp_path / "a", compile="True")) == 2
    assert "compile: torch.compile needs a C++ compiler" in capsys.readouterr().err


def test_a_gradient_that_is_not_finite_leaves_the_weights(tmp_path: Path) -> None:
    head = (
        PLAIN
        + """
class Root(Plain):
    '''The derivative of its output is infinite.'''

    def forward(self, pixels):
        return {name: value + (value * 0).sqrt() for name, value in super().forward(pixels).items()}
"""
    )
    (tmp_path / "a").mkdir()
    settings = write_settings(
        tmp_path / "a", head, **SETTINGS | {"network": "ref(Root)", "losses": "{'energy': ref('core.l1')}"}
    )
    assert run(settings) == 3
    report = read(run_folders(settings)[0] / "non_finite.json")
    assert math.isfinite(report["losses"]["energy"])
    assert len(report["events"]) == 20
    assert set(report["events"][0]) == {"file", "obs_id", "event_id", "tel_id"}
    assert "the gradient is not finite at step 1" in record(settings)["error"]


def test_the_end_of_the_time_stops_a_run_that_can_go_on(tmp_path: Path) -> None:
    head = "import time\n\ndef wait(experiment):\n    return lambda trainer: time.sleep(0.3)\n"
    limited = settings_in(tmp_path / "a", max_time="'0:00:02'", epochs="6")
    limited.write_text(
        limited.read_text()
        .replace("\nexperiment", f"\n{head}\nexperiment", 1)
        .replace("handlers=[", "handlers=[on('ITERATION_COMPLETED', ref(wait)), ")
    )
    assert run(limited) == 75
    assert "stopped by max_time='0:00:02'" in record(limited)["error"]
    assert run(limited, "--set", "max_time=None") == 0
    assert len(run_folders(limited)) == 1


def test_a_run_that_was_stopped_in_a_validation_goes_on_with_it(tmp_path: Path) -> None:
    runs = []
    for name in "ab":
        folder = tmp_path / name
        handler = f"ref(stop_validation, epoch=2, counts={str(folder / 'counts')!r})"
        when = f"[on('ITERATION_STARTED', {handler}, engine='validator')]"
        runs.append(settings_in(folder, handlers=when, epochs="3", schedule="ref('core.one_cycle')"))
    stopped, whole = runs
    (stopped.parent / "stop").touch()
    assert run(stopped) == 75
    assert run(stopped) == 0
    assert run(whole) == 0
    assert (stopped.parent / "counts").read_text() == (whole.parent / "counts").read_text()
    assert record(stopped)["weights_sha256"] == record(whole)["weights_sha256"]
    assert losses(stopped) == losses(whole)


def test_checkpoints_within_an_epoch_come_in_pairs(tmp_path: Path) -> None:
    settings = settings_in(tmp_path / "a", checkpoint_minutes="1e-9", batch_size="4", epochs="1")
    assert run(settings) == 0
    names = sorted(p.name for p in (run_folders(settings)[0] / "checkpoints").iterdir())
    assert names == ["best.pt", "last.pt", "previous.pt"]
    last, previous = (
        torch.load(run_folders(settings)[0] / "checkpoints" / f"{n}.pt", weights_only=True)
        for n in ("last", "previous")
    )
    assert last["iteration"] == previous["iteration"] > 1
    assert (last["epochs"], previous["epochs"]) == (1, 0)
