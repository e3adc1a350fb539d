from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import h5py
import hdf5plugin  # noqa: F401
import pytest
from runs import EXAMPLES
from runs import record
from runs import run
from runs import run_apart
from runs import run_folders
from runs import write_settings


@pytest.mark.parametrize("how", ["rename(path.with_name('moved'))", "rmtree"])
def test_a_run_whose_folder_is_taken_away_does_not_finish(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], how: str
) -> None:
    action = "shutil.rmtree(path)" if how == "rmtree" else f"path.{how}"
    head = f"""
import shutil


def take(experiment):
    def now(engine):
        path = experiment.folder.path
        {action}

    return now
"""
    settings = write_settings(tmp_path, head, handlers="[on('EPOCH_STARTED', ref(take))]", epochs="1")
    assert run(settings) == 1
    error = capsys.readouterr().err
    assert "Traceback" not in error
    assert "run.json cannot be written" in error
    assert all(folder.name == "moved" for folder in run_folders(settings))


def test_a_full_disk_is_one_message(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    head = """
import resource


def fill(experiment):
    # A limit on the size of files stands for a disk that is full.
    return lambda engine: resource.setrlimit(resource.RLIMIT_FSIZE, (100, resource.RLIM_INFINITY))
"""
    settings = write_settings(tmp_path, head, handlers="[on('STARTED', ref(fill))]", epochs="1")
    done = run_apart(settings)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert record(settings)["status"] == "running"
    assert not list(tmp_path.glob("runs/*/*/.*.part"))


def test_a_damaged_run_json_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = write_settings(tmp_path, epochs="1")
    assert run(settings) == 0
    for text in ("{bad", "[]"):
        (run_folders(settings)[0] / "run.json").write_text(text)
        assert run(settings) == 4
        assert "run.json is damaged" in capsys.readouterr().err


def test_a_damaged_instrument_names_the_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "bad.h5"
    path.write_bytes((EXAMPLES / "gamma_mono_trigger.dl1.h5").read_bytes())
    with h5py.File(path, "r+") as h5:
        table = h5["configuration/instrument/telescope/camera/geometry_2"]
        rows = table[:]
        rows["pix_x"][:] = float("nan")
        table[:] = rows
    settings = write_settings(tmp_path, data=f"ref('core.dl1', paths={str(path)!r}, cameras='MST')")
    assert run(settings) == 4
    error = capsys.readouterr().err
    assert (
        "bad.h5, table /configuration/instrument/telescope/camera/geometry_2: some pixels have no position or" in error
    )


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"balance": "ref('core.fixed_weights', weights={'energy': -1})"}, "'energy' must be 0 or above, got -1"),
        ({"schedule": "ref('core.cosine', minimum=-1.0)"}, "minimum must be 0 or above"),
        ({"network": "ref('core.cnn2d', channels=[])"}, "channels and hidden must be at least 1"),
        ({"network": "ref('core.cnn2d', hidden=ref('core.l1'))"}, "hidden must be a whole number, got ref('core.l1')"),
        ({"data": "{}"}, "there is no source"),
    ],
)
def test_settings_that_turn_learning_upside_down_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], settings: dict[str, str], text: str
) -> None:
    assert run(write_settings(tmp_path, **settings)) == 2
    assert text in capsys.readouterr().err


def test_a_transform_that_changes_images_unsaid_is_one_message(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    head = """
from dataclasses import replace


class Crop:
    def __init__(self, *, inputs):
        self.outputs = inputs

    def __call__(self, batch, generator):
        images = {k: replace(g, pixels=g.pixels[..., :8, :8]) for k, g in batch.images.items()}
        return replace(batch, images=images)
"""
    settings = write_settings(
        tmp_path, head, transforms="[ref('core.to_square', method='rebinning', size=16), ref(Crop)]"
    )
    assert run(settings) == 1
    assert "transform Crop gives images of NectarCam as a tensor of shape (16, 2, 8, 8)" in capsys.readouterr().err


def test_the_same_file_under_two_names_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "copy.h5").write_bytes((EXAMPLES / "gamma_mono_trigger.dl1.h5").read_bytes())
    data = "ref('core.dl1', paths=[DATA + 'gamma_mono*.h5', 'copy.h5'], cameras='MST')"
    settings = write_settings(tmp_path, data=data, losses="{'energy': ref('core.l1')}", epochs="1")
    assert run(settings) == 0
    assert "copy.h5 are the same file: its events count twice" in capsys.readouterr().err


@pytest.mark.parametrize("redirection", ["", ">&-", "2>&-", ">/dev/null"])
def test_streams_may_be_closed_or_ascii(tmp_path: Path, redirection: str) -> None:
    command = f"'{sys.executable}' -m gammalearn_core plugins list {redirection}"
    environment = os.environ | {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii:strict"}
    done = subprocess.run(
        ["bash", "-c", command.replace("plugins list", "--help")],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    assert done.returncode == 0
    assert "Traceback" not in done.stderr
