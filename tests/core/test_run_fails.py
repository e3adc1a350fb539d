from __future__ import annotations

from pathlib import Path

import h5py
import hdf5plugin  # noqa: F401
import numpy as np
import pytest
import torch
from runs import EXAMPLES
from runs import read
from runs import record
from runs import run
from runs import run_apart
from runs import run_folders
from runs import write_settings


def test_a_loss_that_is_not_finite_stops_before_the_weights_are_touched(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    head = """
class Exploding:
    steps = 0

    def __init__(self, *, task):
        pass

    def __call__(self, prediction, truth):
        Exploding.steps += 1
        return (prediction - truth).abs().mean(dim=1) * (float("nan") if Exploding.steps == 3 else 1.0)
"""
    settings = write_settings(tmp_path, head, losses="{'energy': ref(Exploding)}", validation="0", test="0")
    assert run(settings) == 3
    error = capsys.readouterr().err
    assert "the loss of energy is not finite at step 3" in error
    folder = run_folders(settings)[0]
    listed = read(folder / "non_finite.json")
    assert listed["step"] == 3
    assert {"obs_id", "event_id", "tel_id"} <= set(listed["events"][0])
    assert record(settings)["status"] == "failed"
    assert record(settings)["weights_sha256"] is None


@pytest.mark.parametrize(
    ("settings", "code", "text"),
    [
        ({"filters": "[ref('core.intensity', minimum=1e9)]"}, 4, "no event is left after the cuts"),
        ({"data": "ref('core.dl1', paths=DATA + 'gamma_mono*.h5', cameras='CHEC')"}, 2, "is called 'CHEC'"),
        ({"data": "ref('core.dl1', paths=DATA + 'gamma_mono*.h5')"}, 2, "a mono network takes one geometry"),
        ({"data": "ref('core.dl1', paths=DATA + 'nothing.h5')"}, 2, "there is no file"),
        ({"network": "ref('core.cnn2d', channels=[4] * 9)"}, 2, "cannot be halved 9 times"),
        ({"device": "'cuda:7'"}, 2, "device: cannot use 'cuda:7'"),
        ({"transforms": "[]"}, 2, "wants images on a grid, but NectarCam has hexagonal pixels"),
        ({"targets": "{'particle': ref('core.particle', classes=['gamma', 'iron'])}"}, 2, "without a class: 101"),
    ],
)  # fmt: skip
def test_wrong_input_is_one_message_and_no_run_folder_that_looks_finished(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], settings: dict[str, str], code: int, text: str
) -> None:
    path = write_settings(tmp_path, **settings)
    assert run(path) == code
    assert text in capsys.readouterr().err
    assert all(read(f / "run.json")["status"] == "failed" for f in run_folders(path))


def damaged(folder: Path, what: str) -> Path:
    """A file of bad data."""
    path = folder / "bad.h5"
    content = bytearray((EXAMPLES / "gamma_mono_trigger.dl1.h5").read_bytes())
    if what == "truncated":
        path.write_bytes(content[: len(content) // 2])
    elif what == "text":
        path.write_text("not HDF5")
    elif what == "empty":
        path.touch()
    elif what == "other":
        with h5py.File(path, "w") as h5:
            h5["x"] = [1, 2, 3]
    else:
        path.write_bytes(content)
        with h5py.File(path, "r+") as h5:
            _damage(h5, what)
    return path


def _damage(h5: h5py.File, what: str) -> None:
    if what == "no images":
        del h5["dl1/event/telescope/images"]
    elif what == "nan truth":
        table = h5["simulation/event/subarray/shower"]
        rows = table[:]
        rows["true_energy"][:] = float("nan")
        table[:] = rows
    elif what == "flipped":
        table = h5["dl1/event/telescope/images/tel_005"]
        info = table.id.get_chunk_info(0)
        h5.flush()
        with Path(h5.filename).open("r+b") as stream:
            stream.seek(info.byte_offset + info.size // 2)
            byte = stream.read(1)
            stream.seek(-1, 1)
            stream.write(bytes([byte[0] ^ 0xFF]))


def test_a_transform_that_cannot_be_made_is_told_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And not as if it had been left out, which the network would notice."""
    assert run(write_settings(tmp_path, transforms="[ref('core.to_square', size=8)]")) == 2
    told = capsys.readouterr().err
    assert "1 problem\n" in told
    assert "size=36 is enough" in told


@pytest.mark.parametrize(
    ("what", "text"),
    [
        ("truncated", "bad.h5 is truncated"),
        ("text", "is not an HDF5 file"),
        ("empty", "is not an HDF5 file"),
        ("other", "is HDF5, but not DL1"),
        ("no images", "has DL1 parameters but no images"),
        ("nan truth", "have no finite true_energy"),
        ("flipped", "the data are damaged"),
    ],
)
def test_bad_files_are_one_message_and_exit_code_4(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], what: str, text: str
) -> None:
    path = damaged(tmp_path, what)
    data = f"ref('core.dl1', paths={str(path)!r}, cameras='NectarCam')"
    settings = write_settings(tmp_path, data=data, losses="{'energy': ref('core.l1')}")
    assert run(settings) == 4
    error = capsys.readouterr().err
    assert text in error
    assert "Traceback" not in error
    assert all(read(f / "run.json")["status"] == "failed" for f in run_folders(settings))


def test_nan_pixels_become_zero_with_a_message(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = damaged(tmp_path, "whole")
    with h5py.File(path, "r+") as h5:
        table = h5["dl1/event/telescope/images/tel_005"]
        rows = table[:]
        rows["image"][0, 5:9] = float("nan")
        table[:] = rows
    data = f"ref('core.dl1', paths={str(path)!r}, cameras='NectarCam')"
    settings = write_settings(tmp_path, data=data, losses="{'energy': ref('core.l1')}")
    assert run(settings) == 0
    assert "bad.h5: 4 pixels have no finite value; they became 0" in capsys.readouterr().err


def test_a_pickle_in_a_data_file_is_never_executed(tmp_path: Path) -> None:
    path = damaged(tmp_path, "whole")
    trap = tmp_path / "executed"
    pickled = f"cos\nsystem\n(S'touch {trap}'\ntR.".encode()
    with h5py.File(path, "r+") as h5:
        for node in (h5, h5["configuration"], h5["dl1/event/subarray/trigger"], h5["simulation/event/subarray/shower"]):
            for name in ("TITLE", "VERSION", "CTAFIELD_0_ENUM", "MINE"):
                node.attrs[name] = np.bytes_(pickled)
    data = f"ref('core.dl1', paths={str(path)!r}, cameras='NectarCam')"
    settings = write_settings(tmp_path, data=data, losses="{'energy': ref('core.l1')}", epochs="1", test="0.5")
    assert run(settings) == 0
    assert list((run_folders(settings)[0] / "predictions").glob("*.h5"))
    assert not trap.exists()


def test_weights_that_could_not_be_kept_are_not_called_the_best(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    head = """
def block(experiment):
    (experiment.folder.checkpoints / "best.pt").mkdir(parents=True, exist_ok=True)
    return lambda engine: None
"""
    settings = write_settings(tmp_path, head, handlers="[ref(block)]")
    assert run(settings) == 1
    assert "the weights cannot be written to" in capsys.readouterr().err
    assert not (run_folders(settings)[0] / "metrics.json").exists()
    assert record(settings)["status"] == "failed"


def test_a_state_that_no_checkpoint_can_hold_is_refused_before_training(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    head = """
class Odd:
    def __init__(self, experiment):
        pass

    def __call__(self, engine):
        raise AssertionError("training has begun")

    def state_dict(self):
        return {"me": self}

    def load_state_dict(self, state):
        pass
"""
    settings = write_settings(tmp_path, head, handlers="[on('STARTED', ref(Odd))]")
    assert run(settings) == 2
    assert "handler0: its state_dict() cannot be kept in a checkpoint" in capsys.readouterr().err


def test_what_a_plugin_logs_is_in_the_log(tmp_path: Path) -> None:
    head = """
import logging
import warnings


def talk(experiment):
    logging.getLogger("mine").info("a remark of mine")
    warnings.warn("a warning of mine")
    return lambda engine: None
"""
    settings = write_settings(tmp_path, head, handlers="[ref(talk)]", epochs="1")
    assert run_apart(settings).returncode == 0
    log = (run_folders(settings)[0] / "log.txt").read_text()
    assert "INFO mine: a remark of mine" in log
    assert "a warning of mine" in log


def test_early_stopping_on_an_unknown_metric_is_refused_before_training(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = write_settings(tmp_path, handlers="[ref('core.early_stopping', metric='particle/acu')]")
    assert run(settings) == 2
    error = capsys.readouterr().err
    assert "metric: none is called 'particle/acu'; there are loss, particle/loss" in error
    assert f"error: {settings}: 1 problem" in error
    assert not (run_folders(settings)[0] / "metrics.jsonl").exists()


@pytest.mark.parametrize(
    ("network", "text"),
    [
        ("{n: o.repeat(1, 3) for n, o in outputs.items()}", "a tensor of shape (16, 6) for task 'particle', wanted"),
        ("{n: o[:1] for n, o in outputs.items()}", "a tensor of shape (1, 2) for task 'particle', wanted (16, 2)"),
        ("{'energy': outputs['energy']}", "gives nothing for task 'particle'; it gives energy"),
        ("None", "gives a NoneType, wanted a dictionary"),
    ],
)  # fmt: skip
def test_a_network_that_gives_other_shapes_is_one_message(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], network: str, text: str
) -> None:
    head = f"""
from gammalearn_core.builtin.networks.cnn2d import CNN2d


class Wrong(CNN2d):
    def forward(self, pixels):
        outputs = super().forward(pixels)
        return {network}
"""
    settings = write_settings(tmp_path, head, network="ref(Wrong, channels=[4])")
    assert run(settings) == 1
    error = capsys.readouterr().err
    assert f"error: network Wrong gives {text.removeprefix('gives ')}" in error


def test_a_loss_that_is_reduced_is_one_message(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    head = "def reduced(*, task):\n    return lambda prediction, truth: (prediction - truth).abs().mean()\n"
    settings = write_settings(tmp_path, head, losses="{'energy': ref(reduced)}")
    assert run(settings) == 1
    assert "loss of task 'energy' gives a tensor of shape (), wanted (" in capsys.readouterr().err


def test_a_transform_that_changes_the_events_is_one_message(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    head = """
import torch


class Swap:
    def __init__(self, *, inputs):
        self.outputs = inputs

    def __call__(self, batch, generator):
        return batch.take(torch.arange(len(batch)).flip(0))
"""
    settings = write_settings(
        tmp_path, head, transforms="[ref(Swap), ref('core.to_square', method='rebinning', size=16)]"
    )
    assert run(settings) == 1
    assert "error: transform Swap changes the events of a batch or their order" in capsys.readouterr().err


def test_a_filter_that_gives_row_numbers_is_one_message(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    head = "import numpy as np\n\ndef rows():\n    return lambda events: np.arange(len(events))\n"
    assert run(write_settings(tmp_path, head, filters="[ref(rows)]")) == 4
    assert "the filter rows gives values of type int64" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["'x' * 300", "'\\ud800'", "'a/b'"])
def test_a_name_that_no_folder_can_have_is_refused(tmp_path: Path, name: str) -> None:
    settings = write_settings(tmp_path)
    settings.write_text(settings.read_text(encoding="utf-8").replace("'test'", name), encoding="utf-8")
    assert run(settings) == 2


def test_a_name_may_have_any_letters(tmp_path: Path) -> None:
    settings = write_settings(tmp_path, epochs="1", test="0.5", losses="{'energy': ref('core.l1')}")
    settings.write_text(settings.read_text(encoding="utf-8").replace("'test'", "'Énergie γ'"), encoding="utf-8")
    assert run(settings) == 0
    assert list(tmp_path.glob("runs/Énergie γ/*/predictions/*.h5"))


def test_a_report_that_fails_does_not_lose_the_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    head = "def broken(run):\n    def report(results):\n        raise OSError('no ink')\n    return report\n"
    settings = write_settings(tmp_path, head, reports="[ref(broken)]", epochs="1")
    assert run(settings) == 0
    assert "report broken failed: OSError: no ink" in capsys.readouterr().err
    assert record(settings)["status"] == "finished"


def test_an_exception_in_a_handler_fails_the_run_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    head = "def faulty(experiment):\n    def handle(engine):\n        raise RuntimeError('mine')\n    return handle\n"
    head += "def swallow(experiment):\n    return lambda engine, error: None\n"
    handlers = "[on('EXCEPTION_RAISED', ref(swallow)), on('EPOCH_COMPLETED', ref(faulty))]"
    settings = write_settings(tmp_path, head, handlers=handlers)
    assert run(settings) == 1
    error = capsys.readouterr().err
    assert "error: RuntimeError: mine (settings.py, line " in error
    assert "Traceback" not in error
    assert "raise RuntimeError('mine')" in (run_folders(settings)[0] / "log.txt").read_text()
    assert record(settings)["status"] == "failed"
    assert record(settings)["error"] == "RuntimeError: mine"


def test_check_build_finds_parameters_of_all_components_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from gammalearn_core.cli import main

    settings = write_settings(
        tmp_path,
        network="ref('core.cnn2d', chanels=[4])",
        filters="[ref('core.intensity', minimum='50')]",
        optimizer="ref('core.adamw', lr=True)",
    )
    assert main(["check", "--build", str(settings)]) == 2
    error = capsys.readouterr().err
    assert "unknown parameter 'chanels'" in error
    assert "did you mean 'channels'?" in error
    assert "minimum must be a number, got '50'" in error
    assert not (tmp_path / "runs").exists()


def test_check_build_says_when_all_is_sound(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from gammalearn_core.cli import main

    assert main(["check", "--build", str(write_settings(tmp_path))]) == 0
    assert "settings, parameters and files are sound" in capsys.readouterr().out


def test_a_settings_error_in_a_process_of_its_own_has_no_traceback(tmp_path: Path) -> None:
    done = run_apart(write_settings(tmp_path, network="ref('core.cn2d')"))
    assert done.returncode == 2
    assert "did you mean 'core.cnn2d'?" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_logdir_that_cannot_be_written_is_one_message(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = write_settings(tmp_path)
    (tmp_path / "runs").write_text("a file, not a folder")
    assert run(settings) == 2
    assert "--logdir: no run folder can be made in" in capsys.readouterr().err


def test_data_that_were_mended_are_taken_by_the_same_command(tmp_path: Path) -> None:
    path = damaged(tmp_path, "nan truth")
    data = f"ref('core.dl1', paths={str(path)!r}, cameras='NectarCam')"
    settings = write_settings(tmp_path, data=data, losses="{'energy': ref('core.l1')}", epochs="1")
    assert run(settings) == 4
    damaged(tmp_path, "whole")
    assert run(settings) == 0
    assert [read(f / "run.json")["status"] for f in run_folders(settings)] == ["finished"]


def test_the_optimizer_and_schedule_may_be_classes_of_torch(tmp_path: Path) -> None:
    head = "import torch\n"
    settings = write_settings(
        tmp_path,
        head,
        optimizer="ref(torch.optim.SGD, lr=0.1)",
        schedule="ref(torch.optim.lr_scheduler.StepLR, step_size=1, gamma=0.5)",
    )
    assert run(settings) == 0
    state = torch.load(run_folders(settings)[0] / "checkpoints" / "last.pt", weights_only=True)
    assert state["part:optimizer"]["param_groups"][0]["lr"] == pytest.approx(0.1 * 0.5**2)
    experiment = read(run_folders(settings)[0] / "experiment.json")
    assert experiment["optimizer"]["callable"] == "torch.optim.sgd:SGD"
