"""Runs that begin with the weights of another run."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from runs import run
from runs import run_folders
from runs import write_settings
from torch import Tensor
from torch import nn

from gammalearn_core import SettingsError
from gammalearn_core import weights_of
from gammalearn_core.engine import checkpoint
from gammalearn_core.engine.folder import RunFolder
from gammalearn_core.engine.start import StartWeights
from gammalearn_core.engine.start import first_weights
from gammalearn_core.engine.start import kept
from gammalearn_core.engine.start import load_into


class Net(nn.Module):
    """Two modules, one of which begins with the name of the other."""

    def __init__(self, *, outputs: int = 1, width: int = 4, norm: bool = False) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(3, width), nn.BatchNorm1d(width) if norm else nn.ReLU())
        self.encoder_2 = nn.Linear(2, 2)
        self.head = nn.ModuleDict({"energy": nn.Linear(width, outputs)})


class Bomb:
    """Makes a file if it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[..., None], tuple[str]]:
        return os.mkdir, (str(self.path),)


@pytest.fixture(scope="module")
def parent(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of one epoch."""
    folder = tmp_path_factory.mktemp("parent")
    settings = write_settings(folder, epochs="1")
    assert run(settings) == 0
    return run_folders(settings)[0]


@pytest.fixture
def made(tmp_path: Path) -> Callable[..., Path]:
    """A run folder with checkpoints of given contents."""

    def make(status: str = "finished", **checkpoints: object) -> Path:
        folder = tmp_path / "20261130T120000Z-0a1b2c3d"
        (folder / "checkpoints").mkdir(parents=True, exist_ok=True)
        (folder / "run.json").write_text(json.dumps({"run_id": folder.name, "status": status}))
        for name, state in checkpoints.items():
            torch.save(state, folder / "checkpoints" / f"{name}.pt")
        return folder

    return make


def state(seed: int, **params: bool | int) -> dict[str, Tensor]:
    torch.manual_seed(seed)
    return Net(**params).state_dict()  # type: ignore[arg-type]


def weights(state: dict[str, Tensor], *only: str) -> StartWeights:
    taken = {n: t for n, t in state.items() if not only or n.partition(".")[0] in only}
    return StartWeights(run_id="a", only=only, state=taken)


def refusal(action: Callable[[], object], code: int = 2) -> str:
    with pytest.raises(SettingsError) as caught:
        action()
    assert all(p.where == "start_from" for p in caught.value.problems)
    assert caught.value.exit_code == code
    return "\n".join(map(str, caught.value.problems)).replace("\n   ", "")


def changed(before: dict[str, Tensor], network: nn.Module) -> set[str]:
    return {n for n, t in network.state_dict().items() if not torch.equal(t, before[n])}


def test_the_weights_of_a_run_are_those_that_were_tested(parent: Path) -> None:
    record = json.loads((parent / "run.json").read_text())
    best = first_weights(weights_of(parent), Path())
    last = first_weights(weights_of(parent, which="last"), Path())
    assert best.describe() == {
        "run_id": parent.name,
        "weights_sha256": record["best_weights_sha256"],
        "only": [],
        "which": "best",
    }
    assert last.weights_sha256 == record["weights_sha256"]


def test_a_relative_path_starts_from_the_folder(parent: Path) -> None:
    assert first_weights(weights_of(parent.name), parent.parent) == first_weights(weights_of(parent), Path())


def test_a_run_folder_that_was_renamed_is_the_same_run(parent: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(parent, tmp_path / "renamed")
    assert first_weights(weights_of(copy), Path()).describe() == first_weights(weights_of(parent), Path()).describe()


def test_the_settings_of_the_run_are_not_executed(parent: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(parent, tmp_path / "copy"))
    (copy / "settings.py").write_text(f"import os; os.mkdir({str(tmp_path / 'executed')!r})")
    first_weights(weights_of(copy), Path())
    assert not (tmp_path / "executed").exists()


def test_a_run_without_best_weights_gives_the_last(made: Callable[..., Path]) -> None:
    found = first_weights(weights_of(made(last={"part:network": state(1)})), Path())
    assert found.weights_sha256 == checkpoint.weights_sha256(state(1))


@pytest.mark.parametrize("which", ["best", "last"])
def test_the_moving_average_is_taken_if_there_is_one(which: str, made: Callable[..., Path]) -> None:
    torch.manual_seed(2)
    averaged = torch.optim.swa_utils.AveragedModel(Net())
    run = made(**{which: {"part:network": state(1), "part:average": averaged.state_dict()}})
    found = first_weights(weights_of(run, which=which), Path())  # type: ignore[arg-type]
    assert found.weights_sha256 == checkpoint.weights_sha256(state(2))


def test_a_run_that_goes_on_is_told_of(made: Callable[..., Path], caplog: pytest.LogCaptureFixture) -> None:
    first_weights(weights_of(made("running", last={"part:network": state(1)})), Path())
    assert "has not finished" in caplog.text


def test_only_modules_that_are_named_are_taken(made: Callable[..., Path]) -> None:
    run = made(best={"part:network": state(1)})
    assert set(first_weights(weights_of(run, only="encoder"), Path()).state) == {"encoder.0.weight", "encoder.0.bias"}
    assert set(first_weights(weights_of(run, only=["head.energy.bias"]), Path()).state) == {"head.energy.bias"}


def test_modules_that_the_run_lacks_are_told_with_those_that_it_has(made: Callable[..., Path]) -> None:
    run = made(best={"part:network": state(1)})
    assert refusal(lambda: first_weights(weights_of(run, only=["encodr", "zz"]), Path())) == (
        "start_from: the network of the run has no 'encodr' did you mean 'encoder' or 'encoder_2'?\n"
        "start_from: the network of the run has no 'zz' it has encoder, encoder_2, head"
    )


def test_a_run_that_is_not_there_is_told_with_a_suggestion(made: Callable[..., Path]) -> None:
    run = made()
    text = refusal(lambda: first_weights(weights_of(f"{run.name}x"), run.parent))
    assert text == f"start_from: there is no run folder '{run.name}x' did you mean {run.name!r}?"


def test_a_folder_that_is_no_run_is_told(tmp_path: Path) -> None:
    assert "is not a run folder" in refusal(lambda: first_weights(weights_of(tmp_path), Path()))


@pytest.mark.parametrize("which", ["best", "last"])
def test_a_run_without_a_checkpoint_is_told(which: str, made: Callable[..., Path]) -> None:
    text = refusal(lambda: first_weights(weights_of(made(), which=which), Path()))  # type: ignore[arg-type]
    assert "has no checkpoint yet" in text


@pytest.mark.parametrize("text", ["", "{", "[]", '{"run_id": 5}', "\xff"])
def test_a_damaged_record_is_of_the_data(text: str, made: Callable[..., Path]) -> None:
    run = made(best={"part:network": state(1)})
    (run / "run.json").write_text(text, encoding="latin-1")
    assert "run.json" in refusal(lambda: first_weights(weights_of(run), Path()), 4)


def test_a_damaged_checkpoint_is_of_the_data(made: Callable[..., Path]) -> None:
    run = made(best={"part:network": state(1)})
    os.truncate(run / "checkpoints" / "best.pt", 500)
    assert "best.pt cannot be read: it is damaged" in refusal(lambda: first_weights(weights_of(run), Path()), 4)


@pytest.mark.parametrize("content", [[1, 2], {}, {"part:network": 5}, {"part:network": {"a": 1}}])
def test_a_checkpoint_of_other_things_is_of_the_data(content: object, made: Callable[..., Path]) -> None:
    text = refusal(lambda: first_weights(weights_of(made(best=content)), Path()), 4)
    assert "does not hold the weights of a network" in text


def test_a_checkpoint_that_would_execute_something_is_refused(made: Callable[..., Path], tmp_path: Path) -> None:
    run = made(best={"part:network": state(1), "bomb": Bomb(tmp_path / "executed")})
    assert "nothing in it has been executed" in refusal(lambda: first_weights(weights_of(run), Path()), 4)
    assert not (tmp_path / "executed").exists()
    torch.load(run / "checkpoints" / "best.pt", weights_only=False)
    assert (tmp_path / "executed").exists()


def test_a_whole_network_begins_with_the_weights() -> None:
    network = Net(norm=True)
    load_into(network, weights(state(1, norm=True)))
    assert checkpoint.weights_sha256(network.state_dict()) == checkpoint.weights_sha256(state(1, norm=True))


def test_a_part_changes_only_that_part() -> None:
    network, before = Net(outputs=2), state(2, outputs=2)
    network.load_state_dict(before)
    load_into(network, weights(state(1), "encoder"))
    assert changed(before, network) == {"encoder.0.weight", "encoder.0.bias"}
    assert torch.equal(network.state_dict()["encoder.0.weight"], state(1)["encoder.0.weight"])


def test_other_shapes_are_told_and_nothing_is_changed() -> None:
    network, before = Net(outputs=2), state(2, outputs=2)
    network.load_state_dict(before)
    text = refusal(lambda: load_into(network, weights(state(1))))
    assert (
        "head.energy.weight is (1, 4) in the run, (2, 4) here; head.energy.bias is (1,) in the run, (2,) here" in text
    )
    assert "what fits is a part: weights_of(…, only=['encoder', 'encoder_2'])" in text
    assert not changed(before, network)


def test_other_names_are_told_with_the_part_that_could_be_taken() -> None:
    class Other(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.encoder = Net().encoder
            self.tail = nn.Linear(2, 2)

    text = refusal(lambda: load_into(Other(), weights(state(1))))
    assert "the network here lacks what the run has: encoder_2.weight, encoder_2.bias, head.energy.weight" in text
    assert "what fits is a part: weights_of(…, only=['encoder'])" in text
    assert "the run lacks what the network here has: tail.weight, tail.bias" in text


def test_a_part_that_fits_only_in_part_is_refused() -> None:
    text = refusal(lambda: load_into(Net(norm=True), weights(state(1), "encoder")))
    assert "the run lacks what the network here has: encoder.1.weight, encoder.1.bias, encoder.1.running_mean" in text


def test_many_names_are_counted() -> None:
    deep = nn.Sequential(*(nn.Linear(1, 1) for _ in range(9)))
    assert "and 12 more" in refusal(lambda: load_into(nn.Sequential(), weights(deep.state_dict())))


def test_weights_that_a_run_keeps_are_the_same_again(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    assert kept(folder) is None
    taken = weights(state(1), "encoder", "head")
    taken.keep(folder)
    again = kept(folder)
    assert again == taken
    assert again is not None
    assert set(again.state) == set(taken.state)


def test_weights_that_a_run_keeps_are_not_written_again(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    weights(state(1)).keep(folder)
    weights(state(2)).keep(folder)
    assert kept(folder) == weights(state(1))


def test_weights_of_a_run_that_was_deleted_are_those_that_a_later_run_has_kept(
    made: Callable[..., Path], tmp_path: Path
) -> None:
    parent = made(best={"part:network": state(1)})
    found = first_weights(weights_of(parent, only="head"), Path())
    for name, content in (("1", found), ("2", weights(state(2))), ("3", weights(state(3), "head"))):
        (tmp_path / "runs" / name).mkdir(parents=True)
        content.keep(RunFolder(tmp_path / "runs" / name))
    (tmp_path / "runs" / "2" / "checkpoints" / "start.pt").write_bytes(b"damaged")
    shutil.rmtree(parent)
    assert first_weights(weights_of(parent, only="head"), Path(), runs=tmp_path / "runs") == found
    text = refusal(lambda: first_weights(weights_of(parent), Path(), runs=tmp_path / "runs"))
    assert "there is no run folder" in text
