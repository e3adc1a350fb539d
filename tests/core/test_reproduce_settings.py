from __future__ import annotations

import shutil
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
from gammalearn_core.engine.folder import RunFolder
from gammalearn_core.plugin.registry import Registry
from gammalearn_core.reproducing.facts import Difference
from gammalearn_core.reproducing.parameters import given
from gammalearn_core.reproducing.results import compare
from gammalearn_core.reproducing.telling import verdict

DATA = "ref('core.dl1', paths=[DATA + 'gamma_diffuse_prod6_run10*'], cameras='MSTx-NectarCam')"
NETWORK = """
from torch import nn


class Flat(nn.Module):
    def __init__(self, *, inputs, outputs):
        super().__init__()
        self.heads = nn.ModuleDict({name: nn.Linear(1, task.size) for name, task in outputs.tasks.items()})

    def forward(self, pixels):
        mean = pixels.flatten(1).mean(dim=1, keepdim=True)
        return {name: head(mean) for name, head in self.heads.items()}
"""


@pytest.fixture(autouse=True)
def apart(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """A working directory, imports and threads of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


def test_a_run_with_code_of_its_own_is_done_again_where_it_is_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    first = tmp_path / "first"
    first.mkdir()
    (first / "reproduced_networks.py").write_text(NETWORK)
    shutil.copy(EXAMPLES / "gamma_diffuse_prod6_run10.dl1.h5", first / "gamma.h5")
    head = "from pathlib import Path\n\nfrom reproduced_networks import Flat"
    data = "ref('core.dl1', paths=[str(Path(__file__).parent / '*.h5')], cameras='MSTx-NectarCam')"
    settings = write_settings(first, head, network="ref(Flat)", data=data, transforms="[]")
    assert run(settings, "--set", "epochs=1") == 0
    recorded = tmp_path / "elsewhere" / "run"
    shutil.copytree(run_folders(settings)[0], recorded)
    shutil.move(first / "gamma.h5", tmp_path / "gamma.h5")
    shutil.rmtree(first)
    monkeypatch.delitem(sys.modules, "reproduced_networks")
    capsys.readouterr()

    assert main(["reproduce", str(recorded)]) == 2
    text = capsys.readouterr().err
    assert "only the run's settings file can give network, and it is code" in text
    assert "add --trust-settings" in text
    assert "reproduced_networks" not in sys.modules

    assert main(["reproduce", str(recorded), "--trust-settings"]) == 0
    told = capsys.readouterr().out.splitlines()
    assert "what it was made of: no recorded fact differs" in told
    assert told[-1] == "identical"
    (new,) = (path for path in Path("runs", "test").iterdir() if path.is_dir())
    assert (new / "code" / "reproduced_networks.py").read_text() == NETWORK
    assert not (recorded / "code" / "__pycache__").exists()


def test_a_run_that_began_with_other_weights_needs_nobody_else(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = write_settings(tmp_path, data=DATA, epochs="1", seed="7")
    assert run(settings) == 0
    (parent,) = run_folders(settings)
    assert run(settings, "--set", "seed=1", "--fork", str(parent)) == 0
    (child,) = (folder for folder in run_folders(settings) if folder != parent)
    recorded = Path(shutil.move(child, tmp_path / "child"))
    shutil.rmtree(tmp_path / "runs")
    settings.unlink()
    assert read(recorded / "run.json")["start_from"]["run_id"] == parent.name
    assert main(["reproduce", str(recorded)]) == 0
    told = capsys.readouterr().out.splitlines()
    assert "what it was made of: no recorded fact differs" in told
    (again,) = (path for path in Path("runs", "test").iterdir() if path.is_dir())
    assert read(again / "run.json")["start_from"] == read(recorded / "run.json")["start_from"]


def folder_with(path: Path, *, loss: float | None, epochs: list[float]) -> RunFolder:
    path.mkdir()
    folder = RunFolder(path)
    folder.write_json(folder.metrics_json, {"splits": {"test": {"loss": loss, "energy/n": 5}}})
    for epoch, value in enumerate(epochs, 1):
        folder.append_metrics({"epoch": epoch, "seconds": path.stat().st_ino, "train": {"loss": value}})
    return folder


def test_a_difference_is_told_with_its_size_and_likeliest_cause(tmp_path: Path) -> None:
    then = folder_with(tmp_path / "then", loss=0.5, epochs=[3.0, 2.0, 1.0])
    now = folder_with(tmp_path / "now", loss=0.25, epochs=[3.0, 2.5, 1.0])
    weights = {"weights_sha256": "a", "best_weights_sha256": "b"}
    results = compare(then, now, weights, weights | {"weights_sha256": "c"})
    causes = [Difference("version of torch", "2.0.0", "2.1.0"), Difference("processor", "old", "new")]
    assert list(verdict(causes, results, told=causes[:1])) == [
        "  processor: old then, new now",
        "last weights: different",
        "tested weights: identical",
        "numbers: 1 of 2 differ, most test loss: 0.5 then, 0.25 now",
        "different, from epoch 2 on",
        "likeliest cause: version of torch: 2.0.0 then, 2.1.0 now",
    ]
    *_, last = verdict([], results)
    assert last.startswith("nothing that is recorded differs")


def test_numbers_that_are_not_there_count_as_different(tmp_path: Path) -> None:
    then = folder_with(tmp_path / "then", loss=None, epochs=[1.0])
    same = folder_with(tmp_path / "same", loss=None, epochs=[1.0])
    other = folder_with(tmp_path / "other", loss=1.0, epochs=[1.0])
    assert compare(then, same, {}, {}).identical
    assert not compare(then, other, {}, {}).identical
    other.metrics_json.unlink()
    assert len(compare(then, other, {}, {}).others) == 2


def test_parameters_are_those_that_were_given() -> None:
    registry = Registry().discover()
    described = {"lr": {"float": "inf"}, "betas": [0.8, 0.99], "eps": 1e-8, "weight_decay": 0.01}
    found = given("core.adamw", described, registry, kind="optimizer")
    assert found == {"lr": float("inf"), "betas": (0.8, 0.99)}
    size = given("core.cnn2d", {"channels": [4, 8], "hidden": 8}, registry, kind="network")
    assert size == {"channels": (4, 8), "hidden": 8}
