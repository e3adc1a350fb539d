"""Runs that begin with the weights of another run."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import attrs
import pytest
import torch
from runs import run
from runs import run_folders
from runs import write_settings
from torch import Tensor
from torch import nn

from gammalearn_core import SettingsError
from gammalearn_core import weights_of
from gammalearn_core.cli import main
from gammalearn_core.engine import checkpoint
from gammalearn_core.engine.first_weights import FirstWeights
from gammalearn_core.engine.first_weights import StartWeights
from gammalearn_core.engine.first_weights import kept
from gammalearn_core.engine.fitting import load_start
from gammalearn_core.engine.folder import RunFolder
from gammalearn_core.engine.start import first_weights
from gammalearn_core.engine.start import start_weights
from gammalearn_core.settings.start import StartOf

STOPPER = """
import os, signal
from pathlib import Path

MARKER = Path(__file__).with_name("stop")


def stop_once(experiment):
    def stop(trainer):
        if trainer.state.iteration == 2 and MARKER.exists():
            MARKER.unlink()
            os.kill(os.getpid(), signal.SIGTERM)
    return stop
"""


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


class Nonsense:
    """Cannot be read: what torch trusts is called with what it cannot take."""

    def __reduce__(self) -> tuple[Callable[..., object], tuple[int]]:
        return torch._utils._rebuild_parameter, (1,)


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


def load_into(network: nn.Module, *parts: StartWeights) -> None:
    load_start(network, FirstWeights(parts))


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


def test_a_checkpoint_that_torch_stumbles_over_is_of_the_data(made: Callable[..., Path]) -> None:
    run = made(best={"part:network": Nonsense()})
    assert "best.pt cannot be read" in refusal(lambda: first_weights(weights_of(run), Path()), 4)


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


class Array(nn.Module):
    """A network with an encoder for each of two cameras, which may be one for both."""

    def __init__(self, *, shared: bool = False, width: int = 4) -> None:
        super().__init__()
        first = Net(width=width)
        self.encoders = nn.ModuleDict({"LSTCam": first, "FlashCam": first if shared else Net(width=width)})
        self.head = nn.Linear(width, 1)


def into(state: dict[str, Tensor], module: str, *only: str, where: str = "start_from") -> StartWeights:
    return attrs.evolve(weights(state, *only), into=module, where=where)


def test_weights_go_into_the_module_that_is_named() -> None:
    network = Array()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    load_into(network, into(state(1), "encoders.LSTCam", "encoder", "head"))
    inside = {f"encoders.LSTCam.{name}" for name in state(1) if name.partition(".")[0] in ("encoder", "head")}
    assert changed(before, network) == inside
    assert torch.equal(network.encoders["LSTCam"].encoder[0].weight, state(1)["encoder.0.weight"])  # type: ignore[union-attr, index]


def test_several_runs_give_weights_to_modules_of_their_own() -> None:
    network = Array()
    load_into(network, into(state(1), "encoders.LSTCam"), into(state(2), "encoders.FlashCam"))
    found = network.state_dict()
    assert torch.equal(found["encoders.LSTCam.head.energy.bias"], state(1)["head.energy.bias"])
    assert torch.equal(found["encoders.FlashCam.head.energy.bias"], state(2)["head.energy.bias"])


@pytest.mark.parametrize(
    ("module", "hint"),
    [
        ("encoders.LSTcam", "did you mean 'encoders.LSTCam'"),
        ("encoder", "did you mean 'encoders'"),
        ("zz", "it has encoders, head"),
    ],
)
def test_a_module_that_is_not_there_is_told(module: str, hint: str) -> None:
    text = refusal(lambda: load_into(Array(), into(state(1), module)))
    assert text.startswith(f"start_from: the network here has no module {module!r} {hint}")


def test_a_module_that_does_not_fit_is_told_with_names_of_the_network_here() -> None:
    network = Array()
    text = refusal(lambda: load_into(network, into(state(1, outputs=2), "encoders.LSTCam")))
    assert "encoders.LSTCam.head.energy.weight is (2, 4) in the run, (1, 4) here" in text
    only = "only=['encoder', 'encoder_2'], into='encoders.LSTCam'"
    assert text.endswith(f"what fits is a part: weights_of(…, {only})")
    text = refusal(lambda: load_into(network, into(state(1), "encoders.LSTCam.encoder")))
    assert "the network here lacks what the run has: encoders.LSTCam.encoder.encoder.0.weight" in text
    assert "the run lacks what the network here has: encoders.LSTCam.encoder.0.weight" in text


def test_weights_that_would_fit_into_a_module_are_told_where() -> None:
    text = refusal(lambda: load_into(Array(width=5), weights(state(1, width=5, outputs=3), "encoder")))
    assert "what fits is a part: weights_of(…, only=['encoder'], into='encoders.FlashCam')" in text


@pytest.mark.parametrize("shared", [False, True])
def test_no_weight_is_given_twice(shared: bool) -> None:
    modules = ["encoders.LSTCam", "encoders.FlashCam" if shared else "encoders.LSTCam"]
    parts = [into(state(n), module, "head", where=f"start_from[{n}]") for n, module in enumerate(modules)]
    network = Array(shared=shared)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    with pytest.raises(SettingsError) as caught:
        load_into(network, *parts)
    (problem,) = caught.value.problems
    assert problem.where == "start_from[1]"
    assert problem.what.startswith(f"{modules[1]}.head.energy.weight, {modules[1]}.head.energy.bias: start_from[0]")
    assert not changed(before, network)


def test_problems_of_several_runs_are_told_together(made: Callable[..., Path]) -> None:
    run = made(best={"part:network": state(1)})
    several = (weights_of(run), weights_of(f"{run}x"), weights_of(run, only="zz"))
    with pytest.raises(SettingsError) as caught:
        start_weights(several, Path())
    assert [p.where for p in caught.value.problems] == ["start_from[1]", "start_from[2]"]


def test_weights_of_several_runs_are_kept(tmp_path: Path) -> None:
    several = FirstWeights([into(state(1), "encoders.LSTCam", "encoder"), weights(state(2), "head")])
    several.keep(RunFolder(tmp_path))
    again = start_weights(StartOf(tmp_path), Path())
    assert again == several
    assert [part.where for part in again.parts] == ["start_from[0]", "start_from[1]"]
    assert again.describe() == several.describe()
    assert [part.get("into") for part in several.describe()] == ["encoders.LSTCam", None]  # type: ignore[union-attr]


def test_weights_of_a_deleted_run_may_go_elsewhere(made: Callable[..., Path], tmp_path: Path) -> None:
    parent = made(best={"part:network": state(1)})
    taken = start_weights((weights_of(parent, only="head"), weights_of(parent, only="encoder")), Path())
    (tmp_path / "runs" / "1").mkdir(parents=True)
    taken.keep(RunFolder(tmp_path / "runs" / "1"))
    shutil.rmtree(parent)
    found = first_weights(weights_of(parent, only="encoder", into="encoders.LSTCam"), Path(), runs=tmp_path / "runs")
    assert found.into == "encoders.LSTCam"
    assert found.weights_sha256 == taken.parts[1].weights_sha256


def test_weights_of_one_run_are_described_and_kept_as_ever(tmp_path: Path) -> None:
    one = FirstWeights([weights(state(1), "encoder")])
    one.keep(RunFolder(tmp_path))
    assert set(checkpoint.load(tmp_path / "checkpoints" / "start.pt")) == {
        "schema",
        "run_id",
        "only",
        "which",
        "weights",
    }
    assert set(one.describe()) == {"run_id", "weights_sha256", "only", "which"}


def test_weights_that_a_run_keeps_are_the_same_again(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    assert kept(folder) is None
    taken = FirstWeights([weights(state(1), "encoder", "head")])
    taken.keep(folder)
    again = kept(folder)
    assert again == taken
    assert again is not None
    assert set(again.parts[0].state) == set(taken.parts[0].state)


def test_a_run_is_done_again_with_the_weights_that_it_keeps(tmp_path: Path) -> None:
    taken = FirstWeights([weights(state(1), "encoder")])
    taken.keep(RunFolder(tmp_path))
    assert start_weights(StartOf(tmp_path), Path()) == taken
    (tmp_path / "checkpoints" / "start.pt").write_bytes(b"damaged")
    assert "start.pt cannot be read" in refusal(lambda: start_weights(StartOf(tmp_path), Path()), 4)
    (tmp_path / "checkpoints" / "start.pt").unlink()
    assert "has no copy of the weights" in refusal(lambda: start_weights(StartOf(tmp_path), Path()))


def test_weights_that_a_run_keeps_are_not_written_again(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    FirstWeights([weights(state(1))]).keep(folder)
    FirstWeights([weights(state(2))]).keep(folder)
    assert kept(folder) == FirstWeights([weights(state(1))])


def test_weights_of_a_run_that_was_deleted_are_those_that_a_later_run_has_kept(
    made: Callable[..., Path], tmp_path: Path
) -> None:
    parent = made(best={"part:network": state(1)})
    found = first_weights(weights_of(parent, only="head"), Path())
    for name, content in (("1", found), ("2", weights(state(2))), ("3", weights(state(3), "head"))):
        (tmp_path / "runs" / name).mkdir(parents=True)
        FirstWeights([content]).keep(RunFolder(tmp_path / "runs" / name))
    (tmp_path / "runs" / "2" / "checkpoints" / "start.pt").write_bytes(b"damaged")
    shutil.rmtree(parent)
    assert first_weights(weights_of(parent, only="head"), Path(), runs=tmp_path / "runs") == found
    text = refusal(lambda: first_weights(weights_of(parent), Path(), runs=tmp_path / "runs"))
    assert "there is no run folder" in text


def begun(folder: Path, **settings: str) -> Path:
    """Settings of a run that does not learn, so that it ends with the weights that it began with."""
    return write_settings(folder, optimizer="ref('core.sgd', lr=1e-30)", epochs="1", **settings)


def weights_at_the_end(run: Path) -> dict[str, Tensor]:
    found: dict[str, Tensor] = checkpoint.load(run / "checkpoints" / "last.pt")["part:network"]
    return found


def test_a_forked_run_begins_with_the_weights_and_keeps_them(
    parent: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(parent.parent)
    settings = begun(tmp_path)
    assert run(settings, "--fork", parent.name) == 0
    (folder,) = run_folders(settings)
    before = first_weights(weights_of(parent), Path())
    assert {n for n, t in weights_at_the_end(folder).items() if torch.equal(t, before.state[n])} >= {
        "shared.0.weight",
        "heads.0.weight",
    }
    for name in ("run.json", "experiment.json"):
        assert json.loads((folder / name).read_text())["start_from"] == before.describe()
    assert kept(RunFolder(folder)) == FirstWeights([before])
    capsys.readouterr()
    assert run(settings, "--fork", str(parent)) == 0
    assert "has finished already" in capsys.readouterr().out
    assert run_folders(settings) == [folder]


def test_a_run_that_was_forked_goes_on_though_the_other_is_deleted(parent: Path, tmp_path: Path) -> None:
    other = shutil.copytree(parent, tmp_path / parent.name)
    head = "from gammalearn_core import weights_of\n" + STOPPER
    settings = begun(
        tmp_path,
        head=head,
        start_from=f"weights_of({str(other)!r}, only='body')",
        handlers="[on('ITERATION_COMPLETED', ref(stop_once))]",
    )
    (tmp_path / "stop").touch()
    assert run(settings) == 75
    shutil.rmtree(other)
    assert run(settings) == 0
    (folder,) = run_folders(settings)
    record = json.loads((folder / "run.json").read_text())
    assert (record["status"], record["start_from"]["run_id"]) == ("finished", parent.name)
    shutil.rmtree(folder)
    assert run(settings) == 2


def test_a_part_of_another_network_is_taken_and_the_rest_begins_as_ever(parent: Path, tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    head = "from gammalearn_core import weights_of\n"
    losses = "{'energy': ref('core.l1')}"
    settings = begun(tmp_path, head=head, start_from=f"weights_of({str(parent)!r}, only='body')", losses=losses)
    plain = begun(tmp_path / "plain", losses=losses)
    assert run(settings) == 0
    assert run(plain) == 0
    new, old = (weights_at_the_end(run_folders(s)[0]) for s in (settings, plain))
    trained = {n: t for n, t in new.items() if n.endswith(("weight", "bias"))}
    assert {n.partition(".")[0] for n, t in trained.items() if not torch.equal(t, old[n])} == {"body"}
    before = first_weights(weights_of(parent), Path()).state
    assert all(torch.equal(t, before[n]) for n, t in trained.items() if n.startswith("body"))


def test_check_tells_that_a_network_does_not_fit(
    parent: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = write_settings(tmp_path, start_from=repr(str(parent)), losses="{'energy': ref('core.l1')}")
    assert main(["check", str(settings), "--build"]) == 2
    error = capsys.readouterr().err
    assert "start_from: the network here lacks what the run has: heads.1.weight" in error
    assert "what fits is a part: weights_of(…, only=['body', 'shared'])" in error


def test_a_fork_of_no_run_is_told_before_anything_is_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = write_settings(tmp_path)
    assert run(settings, "--fork", str(tmp_path)) == 2
    assert "is not a run folder" in capsys.readouterr().err
    assert run_folders(settings) == []
