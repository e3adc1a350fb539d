"""A run applied to files: which numbers, which events, and what is told of files that cannot be predicted."""

from __future__ import annotations

import json
import os
import shutil
import signal
import threading
import time
from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import hdf5plugin  # noqa: F401 - registers the blosc filters
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from runs import EXAMPLES
from runs import TESTS
from runs import read
from runs import run
from runs import run_folders
from runs import write_settings

from gammalearn_core.cli import main
from gammalearn_core.predicting.outputs import ATTRIBUTE

GAMMA = EXAMPLES / "gamma_mono_trigger.dl1.h5"
PROTON = EXAMPLES / "proton_prod6_run201.dl1.h5"
PROTON_V7 = EXAMPLES / "proton_prod6_run1_v7.dl1.h5"
OTHER = EXAMPLES / "gamma_diffuse_prod6_run10.dl1.h5"
DIGICAM = EXAMPLES / "gamma_prod4_sst1m.dl1.h5"
PARAMETERS = "dl1/event/telescope/parameters"
LST = ("gammalearn-0.15_dl1_gamma_example.h5", "gammalearn-0.15_dl1_proton_example_RELABELLED_GAMMA.h5")


@pytest.fixture(autouse=True)
def _threads(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Threads as they were, and no array of jobs that the tests themselves are in."""
    for name in [n for n in os.environ if n.startswith("SLURM_")]:
        monkeypatch.delenv(name)
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def nectarcam(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on images of NectarCam, with a cut on what is seen, one on truth, an average, and a handler of its own."""
    folder = tmp_path_factory.mktemp("nectarcam")
    head = "def silent(experiment):\n    return lambda engine: None\n"
    filters = "[ref('core.intensity', minimum=100), ref('core.energy', minimum=0.001)]"
    sources = {"train": [GAMMA, PROTON], "test": [OTHER, PROTON_V7]}
    loaders = {n: f"ref('core.dl1', paths={[str(p) for p in paths]}, cameras='MST')" for n, paths in sources.items()}
    data = "{" + ", ".join(f"{name!r}: {loader}" for name, loader in loaders.items()) + "}"
    settings = write_settings(
        folder, head, data=data, epochs="1", ema="0.5", filters=filters, handlers="[on('STARTED', silent)]"
    )
    assert run(settings) == 0
    return run_folders(settings)[0]


@pytest.fixture(scope="module")
def lstcam(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on images of LSTCam in files of lstchain."""
    folder = tmp_path_factory.mktemp("lstcam")
    data = f"ref('core.dl1', paths={[str(TESTS / name) for name in LST]})"
    settings = write_settings(folder, data=data, epochs="1", filters="[ref('core.energy', minimum=0.001)]")
    assert run(settings) == 0
    return run_folders(settings)[0]


def predict(run_folder: Path, output: Path, *arguments: str | Path) -> int:
    return main(["predict", str(run_folder), "-o", str(output), *map(str, arguments)])


def table(path: Path, name: str) -> NDArray[Any]:
    with h5py.File(path) as h5:
        return np.asarray(h5[name][:])


def telescope_table(path: Path, kind: str = "energy/GammaLearnEnergy") -> NDArray[Any]:
    """The prediction tables of all telescopes, one after the other."""
    with h5py.File(path) as h5:
        tables = [t[:] for t in h5[f"dl2/event/telescope/{kind}"].values()]
    return np.concatenate(tables)


def names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir() if p.suffix == ".h5" or p.name.startswith("."))


@pytest.mark.parametrize("size", ["1", "7", "128"])
def test_predictions_are_those_of_the_run_itself(size: str, nectarcam: Path, tmp_path: Path) -> None:
    assert predict(nectarcam, tmp_path, OTHER, PROTON_V7, "--batch-size", size) == 0
    for mine, theirs in (("gamma_diffuse_prod6_run10", "gamma"), ("proton_prod6_run1_v7", "proton")):
        for kind, column in (
            ("energy/GammaLearnEnergy", "energy"),
            ("geometry/GammaLearnDirection", "alt"),
            ("geometry/GammaLearnDirection", "az"),
            ("classification/GammaLearnParticle", "prediction"),
        ):
            found = telescope_table(tmp_path / f"{mine}.dl2.h5", kind)
            known = telescope_table(nectarcam / "predictions" / f"{theirs}.dl2.h5", kind)
            for name in ("obs_id", "event_id", "tel_id"):
                np.testing.assert_array_equal(found[name], known[name])
            name = f"{kind.partition('/')[2]}_tel_{column}"
            assert np.isfinite(known[name]).any()
            np.testing.assert_allclose(found[name], known[name], rtol=1e-6)


def test_events_that_are_cut_have_no_prediction(nectarcam: Path, tmp_path: Path) -> None:
    assert predict(nectarcam, tmp_path / "cut", GAMMA) == 0
    assert predict(nectarcam, tmp_path / "all", GAMMA, "--no-cuts") == 0
    with h5py.File(GAMMA) as h5:
        parameters = np.concatenate([t["event_id", "tel_id", "hillas_intensity"] for t in h5[PARAMETERS].values()])
    parameters = parameters[parameters["tel_id"] > 4]  # the first four are LSTs
    bright = {(int(r["event_id"]), int(r["tel_id"])) for r in parameters if r["hillas_intensity"] > 100}
    assert 0 < len(bright) < len(parameters)
    for name, predicted in (("cut", bright), ("all", set(parameters[["event_id", "tel_id"]].tolist()))):
        rows = telescope_table(tmp_path / name / "gamma_mono_trigger.dl2.h5")
        valid = rows["GammaLearnEnergy_tel_is_valid"].astype(bool)
        assert set(rows[["event_id", "tel_id"]][valid].tolist()) == predicted
        assert np.isfinite(rows["GammaLearnEnergy_tel_energy"][valid]).all()
        assert np.isnan(rows["GammaLearnEnergy_tel_energy"][~valid]).all()


def test_no_event_is_lost(nectarcam: Path, tmp_path: Path) -> None:
    assert predict(nectarcam, tmp_path, GAMMA) == 0
    path = tmp_path / "gamma_mono_trigger.dl2.h5"
    for name in ("dl1/event/subarray/trigger", "simulation/event/subarray/shower", "configuration/simulation/run"):
        np.testing.assert_array_equal(table(path, name), table(GAMMA, name))
    trigger, found = (
        table(GAMMA, "dl1/event/subarray/trigger"),
        table(path, "dl2/event/subarray/energy/GammaLearnEnergy"),
    )
    np.testing.assert_array_equal(found["event_id"], trigger["event_id"])


def test_observed_files_are_predicted_and_get_no_truth(
    lstcam: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    observed = TESTS / "observed_like_ctapipe_0.32.0.dl1.h5"
    assert predict(lstcam, tmp_path, observed, TESTS / "gamma_lst_ctapipe_0.32.0_fixed_point.dl1.h5") == 0
    path = tmp_path / "observed_like_ctapipe_0.32.0.dl2.h5"
    assert telescope_table(path)["GammaLearnEnergy_tel_is_valid"].sum() == 12
    with h5py.File(path) as h5:
        assert "simulation" not in h5
    assert "cuts on truth are not made: core.energy" in capfd.readouterr().err
    simulated = tmp_path / "gamma_lst_ctapipe_0.32.0_fixed_point.dl2.h5"
    assert telescope_table(simulated)["GammaLearnEnergy_tel_is_valid"].sum() == 8


def test_a_file_of_another_camera_is_told_and_the_others_are_predicted(
    nectarcam: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert predict(nectarcam, tmp_path, DIGICAM, OTHER) == 4
    told = capfd.readouterr()
    assert f"{DIGICAM}: images are those of DigiCam (1296 pixels" in told.err
    assert "NectarCam (1855 pixels" in told.err
    assert "1 files written" in told.out
    assert "1 could not be predicted" in told.out
    assert names(tmp_path) == ["gamma_diffuse_prod6_run10.dl2.h5"]


def test_a_damaged_file_leaves_nothing_and_the_others_are_predicted(
    nectarcam: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    short, flipped = tmp_path / "short.dl1.h5", Path(shutil.copy(GAMMA, tmp_path / "flipped.dl1.h5"))
    short.write_bytes(GAMMA.read_bytes()[: GAMMA.stat().st_size // 2])
    with h5py.File(flipped) as h5:
        where = h5["dl1/event/telescope/images/tel_011"].id.get_chunk_info(0)
    with flipped.open("r+b") as stream:
        stream.seek(where.byte_offset + where.size // 2)
        byte = stream.read(1)
        stream.seek(-1, os.SEEK_CUR)
        stream.write(bytes([byte[0] ^ 0xFF]))
    assert predict(nectarcam, tmp_path / "out", short, flipped, OTHER) == 4
    told = capfd.readouterr().err
    assert f"error: {short} " in told
    assert f"error: {flipped}" in told
    assert "Traceback" not in told
    assert names(tmp_path / "out") == ["gamma_diffuse_prod6_run10.dl2.h5"]


def test_what_is_done_is_skipped_and_other_things_are_not_replaced(
    nectarcam: Path, lstcam: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    mine = Path(shutil.copy(OTHER, tmp_path / "mine.dl1.h5"))
    out = tmp_path / "out"
    assert predict(nectarcam, out, mine) == 0
    before = (out / "mine.dl2.h5").read_bytes()
    assert predict(nectarcam, out, mine, GAMMA) == 0
    assert "1 were done already" in capfd.readouterr().out
    assert (out / "mine.dl2.h5").read_bytes() == before
    assert predict(nectarcam, out, mine, "--precision", "bf16") == 2
    assert "was made of other things: precision" in capfd.readouterr().err
    assert predict(lstcam, out, mine) == 2
    assert "was made of other things: run id, weights sha256, cuts" in capfd.readouterr().err
    shutil.copy(PROTON, mine)
    assert predict(nectarcam, out, mine) == 2
    assert "was made of other things: input" in capfd.readouterr().err
    assert (out / "mine.dl2.h5").read_bytes() == before
    assert predict(nectarcam, out, mine, "--overwrite") == 0
    assert (out / "mine.dl2.h5").read_bytes() != before


def test_a_file_that_is_no_output_is_not_replaced(
    nectarcam: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "gamma_diffuse_prod6_run10.dl2.h5").write_text("mine")
    assert predict(nectarcam, tmp_path, OTHER, GAMMA) == 2
    assert "is not a whole output of gammalearn predict" in capfd.readouterr().err
    assert names(tmp_path) == ["gamma_diffuse_prod6_run10.dl2.h5"]


def test_outputs_say_what_they_were_made_of(nectarcam: Path, tmp_path: Path) -> None:
    assert predict(nectarcam, tmp_path, OTHER) == 0
    facts = _facts(tmp_path / "gamma_diffuse_prod6_run10.dl2.h5")
    record = read(nectarcam / "run.json")
    assert facts["run_id"] == record["run_id"]
    assert facts["weights_sha256"] == record["best_weights_sha256"] != record["weights_sha256"]
    assert facts["input"]["name"] == OTHER.name
    assert facts["cuts"] == ["core.intensity"]
    assert facts["cuts_left_out"] == ["core.energy"]


def _facts(path: Path) -> Any:
    with h5py.File(path) as h5:
        return json.loads(h5.attrs[ATTRIBUTE].decode())


def test_shards_share_the_files_and_can_be_done_again(
    nectarcam: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    files = [GAMMA, PROTON, OTHER]
    assert predict(nectarcam, tmp_path, *files, "--shard", "1/2") == 0
    assert names(tmp_path) == ["gamma_mono_trigger.dl2.h5"]
    array = {"TASK_ID": "6", "TASK_MIN": "4", "TASK_MAX": "6", "TASK_STEP": "2", "TASK_COUNT": "2"}
    for name, value in array.items():
        monkeypatch.setenv(f"SLURM_ARRAY_{name}", value)
    capfd.readouterr()
    assert predict(nectarcam, tmp_path, *reversed(files)) == 0
    assert "shard 2/2 (SLURM_ARRAY_TASK_ID is set): 2 files" in capfd.readouterr().err
    assert len(names(tmp_path)) == 3
    assert predict(nectarcam, tmp_path, *files) == 0
    assert "0 files written" in capfd.readouterr().out
    monkeypatch.setenv("SLURM_ARRAY_TASK_COUNT", "3")
    assert predict(nectarcam, tmp_path, *files) == 2
    assert "--shard i/N says which part" in capfd.readouterr().err


@pytest.mark.parametrize("text", ["0/2", "3/2", "1", "1/0", "-1/2", "a/b"])
def test_a_shard_that_is_none_is_refused(text: str, nectarcam: Path, tmp_path: Path) -> None:
    assert predict(nectarcam, tmp_path / "out", GAMMA, f"--shard={text}") == 2
    assert not (tmp_path / "out").exists()


def test_a_signal_stops_and_leaves_what_is_done(
    nectarcam: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    files = _links(tmp_path / "in", 10)
    out = tmp_path / "out"
    thread = threading.Thread(target=_when_there, args=(out, lambda: os.kill(os.getpid(), signal.SIGTERM)))
    thread.start()
    assert predict(nectarcam, out, *files) == 75
    thread.join()
    assert "stopped by SIGTERM" in capfd.readouterr().err
    done = names(out)
    assert 0 < len(done) < 10
    assert all(_facts(out / name) for name in done)
    assert predict(nectarcam, out, *files) == 0
    assert f"{len(done)} were done already" in capfd.readouterr().out
    assert len(names(out)) == 10


def test_a_killed_process_leaves_no_file_that_looks_whole(nectarcam: Path, tmp_path: Path) -> None:
    files = _links(tmp_path / "in", 10)
    out = tmp_path / "out"
    process = os.fork()
    if process == 0:
        try:
            predict(nectarcam, out, *files)
        finally:
            os._exit(0)
    _when_there(out, lambda: os.kill(process, signal.SIGKILL))
    os.waitpid(process, 0)
    done = [name for name in names(out) if not name.startswith(".")]
    assert 0 < len(done) < 10
    assert all(_facts(out / name) for name in done)
    assert predict(nectarcam, out, *files) == 0
    assert len(names(out)) == 10


def _links(folder: Path, count: int) -> list[Path]:
    folder.mkdir()
    first, *others = [folder / f"run{number:02d}.dl1.h5" for number in range(count)]
    shutil.copy(OTHER, first)
    for path in others:
        path.hardlink_to(first)
    return [first, *others]


def _when_there(folder: Path, act: Callable[[], None]) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end and not list(folder.glob("*.dl2.h5")):
        time.sleep(0.005)
    act()


def test_weights_that_are_not_those_of_the_run_are_refused(
    nectarcam: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    copy = Path(shutil.copytree(nectarcam, tmp_path / "run"))
    state = torch.load(copy / "checkpoints" / "best.pt", weights_only=True)
    first = next(n for n in state["part:average"] if n.startswith("module."))
    state["part:average"][first] = state["part:average"][first] + 1.0
    torch.save(state, copy / "checkpoints" / "best.pt")
    assert predict(copy, tmp_path / "out", OTHER) == 4
    assert "does not hold the weights that the run was tested with" in capfd.readouterr().err
    assert not (tmp_path / "out").exists()


STEREO = """
from pathlib import Path

import torch

(Path(__file__).parent / "executed").touch()


class Sum(torch.nn.Module):
    stereo = True

    def __init__(self, *, inputs, outputs):
        super().__init__()
        self.embed = torch.nn.ModuleDict({key: torch.nn.Linear(2, 8) for key in inputs.cameras})
        self.heads = torch.nn.ModuleDict({name: torch.nn.Linear(8, task.size) for name, task in outputs.tasks.items()})

    def forward(self, batch):
        total = torch.zeros(len(batch), 8)
        for key, images in batch.images.items():
            total = total.index_add(0, images.event, self.embed[key](images.pixels.mean(dim=2)))
        return {name: head(total) for name, head in self.heads.items()}
"""


def test_a_network_of_the_settings_file_needs_trust(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    mixed = TESTS / "gamma_test.dl1.h5"
    settings = write_settings(
        tmp_path,
        STEREO,
        data=f"ref('core.dl1', paths={str(mixed)!r}, level='subarray')",
        filters="[ref('core.intensity', minimum=10)]",
        transforms="[ref('core.normalise')]",
        network="ref(Sum)",
        losses="{'energy': ref('core.l1'), 'direction': ref('core.mse')}",
        epochs="1",
    )
    assert run(settings) == 0
    (folder,) = run_folders(settings)
    assert predict(folder, tmp_path / "out", mixed) == 2
    told = capfd.readouterr().err
    assert "only the run's settings file can give network" in told
    assert "--trust-settings" in told
    assert not (folder / "executed").exists()
    assert predict(folder, tmp_path / "out", mixed, OTHER, "--trust-settings") == 4
    assert (folder / "executed").exists()
    assert f"{OTHER}: images are those of MSTx-NectarCam" in capfd.readouterr().err
    found = table(tmp_path / "out" / "gamma_test.dl2.h5", "dl2/event/subarray/energy/GammaLearnEnergy")
    np.testing.assert_array_equal(found["event_id"], table(mixed, "dl1/event/subarray/trigger")["event_id"])
    assert found["GammaLearnEnergy_is_valid"].any()
    assert found["GammaLearnEnergy_telescopes"].sum(axis=1).max() > 1


def test_files_of_lstchain_become_dl2_of_lstchain(lstcam: Path, tmp_path: Path) -> None:
    file = TESTS / "lstchain-0.12.3_dl1_gamma_4LST.h5"
    assert predict(lstcam, tmp_path, file) == 0
    rows = table(tmp_path / "lstchain-0.12.3_dl1_gamma_4LST.dl2.h5", "dl2/event/telescope/parameters/LST_LSTCam")
    assert np.isfinite(rows["reco_energy"]).sum() == 10


def test_an_unfinished_run_predicts_with_the_weights_that_it_has(
    nectarcam: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    copy = Path(shutil.copytree(nectarcam, tmp_path / "run"))
    path = copy / "run.json"
    path.write_text(path.read_text().replace('"status": "finished"', '"status": "stopped"'))
    assert predict(copy, tmp_path / "out", OTHER) == 0
    assert "is stopped: these are the weights that it has now" in capfd.readouterr().err
    shutil.rmtree(copy / "checkpoints")
    assert predict(copy, tmp_path / "out", OTHER) == 2
    assert "the run has no checkpoint" in capfd.readouterr().err


def test_versions_that_were_others_are_told(nectarcam: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    copy = Path(shutil.copytree(nectarcam, tmp_path / "run"))
    record = read(copy / "run.json")
    for component in record["components"]:
        component["version"] = "0.0.1"
    (copy / "run.json").write_text(json.dumps(record))
    assert predict(copy, tmp_path / "out", OTHER) == 0
    told = capfd.readouterr().err
    assert told.count("gammalearn-core was 0.0.1 when the run was made, and is") == 1


@pytest.mark.parametrize("content", [None, "", "{}", "[1]", '{"raw_inputs": {"cameras": {"a": 1}}, "outputs": {}}'])
def test_a_damaged_run_folder_is_told(
    content: str | None, nectarcam: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    copy = Path(shutil.copytree(nectarcam, tmp_path / "run"))
    (copy / "specs.json").unlink()
    if content is not None:
        (copy / "specs.json").write_text(content)
    assert predict(copy, tmp_path / "out", OTHER) == 4
    told = capfd.readouterr().err
    assert "specs.json" in told
    assert "Traceback" not in told


def test_wrong_arguments_are_told_at_once(nectarcam: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a").mkdir()
    twin = Path(shutil.copy(OTHER, tmp_path / "a" / OTHER.name))
    assert predict(nectarcam, tmp_path / "out", OTHER, twin, tmp_path / "none.h5") == 2
    told = capfd.readouterr().err
    assert "none.h5: there is no such file" in told
    assert f"would be written to {tmp_path / 'out' / 'gamma_diffuse_prod6_run10.dl2.h5'}" in told
    assert predict(tmp_path, tmp_path / "out", OTHER) == 2
    assert "is not a run folder" in capfd.readouterr().err
    assert not (tmp_path / "out").exists()


def test_files_that_the_run_was_trained_with_are_told(
    nectarcam: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert predict(nectarcam, tmp_path, GAMMA, OTHER) == 0  # OTHER is of the source that it was tested with
    told = capfd.readouterr().err
    assert f"{GAMMA}: the run was trained with this file" in told
    assert f"{OTHER}: the run was trained" not in told
