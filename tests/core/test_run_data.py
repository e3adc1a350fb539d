"""Runs on data of other formats, beyond memory, and partly damaged."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import hdf5plugin  # noqa: F401
import numpy as np
import pytest
from runs import EXAMPLES
from runs import TESTS
from runs import record
from runs import run
from runs import run_apart
from runs import run_folders
from runs import write_settings
from test_dl1_damage import flip_a_byte

WINDOWED = "ref('core.dl1', paths=[DATA + 'gamma_prod4*.h5'], cameras='DigiCam', buffer_mb=0.3{more})"
ENERGY = {"losses": "{'energy': ref('core.l1')}", "batch_size": "8"}


def weights(settings: Path) -> str:
    return str(record(settings)["weights_sha256"])


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Weights after two epochs of a set that does not fit in memory, read between the steps."""
    settings = write_settings(
        tmp_path_factory.mktemp("reference"), data=WINDOWED.format(more=""), read_ahead="0", **ENERGY
    )
    assert run(settings) == 0
    return weights(settings)


@pytest.mark.parametrize(("ahead", "threads"), [(1, 1), (4, 1), (2, 2), (3, 4)])
def test_threads_and_reading_ahead_change_nothing(tmp_path: Path, reference: str, ahead: int, threads: int) -> None:
    data = WINDOWED.format(more=f", threads={threads}")
    settings = write_settings(tmp_path, data=data, read_ahead=str(ahead), **ENERGY)
    assert run(settings) == 0
    assert weights(settings) == reference


def test_a_run_that_is_killed_among_the_windows_goes_on_to_the_same_weights(tmp_path: Path, reference: str) -> None:
    """The process ends at once in the middle of the second epoch, as by kill -9."""
    head = "import os\n\n\ndef create(experiment):\n    def end(engine):\n"
    head += "        if engine.state.iteration == 13 and not os.path.exists('once'):\n"
    head += "            open('once', 'w').close()\n            os._exit(9)\n    return end\n"
    handlers = "[on('ITERATION_COMPLETED', ref(create))]"
    data = WINDOWED.format(more="")
    settings = write_settings(tmp_path, head, data=data, handlers=handlers, **ENERGY)
    settings.write_text(settings.read_text().replace("'once'", repr(str(tmp_path / "once"))))
    assert run_apart(settings).returncode == 9
    assert run_apart(settings).returncode == 0
    assert len(run_folders(settings)) == 1
    assert weights(settings) == reference


def test_files_of_lstchain_train_with_truth_of_their_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = [str(p) for p in sorted(TESTS.glob("gammalearn-0.15_dl1_[gp]*.h5"))]
    assert len(paths) == 2
    settings = write_settings(tmp_path, data=f"ref('core.dl1', paths={paths!r})", seed="1")
    assert run(settings) == 0
    assert record(settings)["splits"]["train"]["by_primary"].keys() == {"0", "101"}
    metrics = json.loads((run_folders(settings)[0] / "metrics.json").read_text())
    assert metrics["splits"]["validation"]["loss"] > 0
    assert "no DL2 file is written" not in capsys.readouterr().err
    (written,) = (run_folders(settings)[0] / "predictions").iterdir()
    assert record(settings)["splits"]["test"]["by_primary"] == {"0": 20}
    with h5py.File(written) as dl2, h5py.File(paths[0]) as dl1:
        assert np.isfinite(dl2["/dl2/event/telescope/parameters/LST_LSTCam"]["gammaness"]).sum() == 20
        thrown = [h5["simulation/run_config"]["n_showers"].sum() for h5 in (dl2, dl1)]
    assert (written.name, thrown[0]) == ("gamma.dl2.h5", round(0.2 * thrown[1]))


def test_observed_files_are_refused_for_training_by_what_they_lack(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(TESTS / "gammalearn-0.15_dl1_realdata_example.h5")
    settings = write_settings(tmp_path, data=f"ref('core.dl1', paths={path!r})")
    assert run(settings) == 4
    assert "the data have no true_energy, so there is nothing to learn 'energy' from" in capsys.readouterr().err


def test_damaged_images_end_a_run_or_are_left_out_as_the_settings_say(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "damaged.h5"
    path.write_bytes((EXAMPLES / "gamma_prod4_sst1m.dl1.h5").read_bytes())
    flip_a_byte(path, "/dl1/event/telescope/images/tel_050")
    settings = write_settings(tmp_path, data=f"ref('core.dl1', paths={str(path)!r})", **ENERGY)
    assert run(settings) == 4
    assert "damaged.h5, table /dl1/event/telescope/images/tel_050, rows 0 to" in capsys.readouterr().err
    skipping = f"ref('core.dl1', paths={str(path)!r}, on_corrupt='skip')"
    assert run(write_settings(tmp_path, data=skipping, **ENERGY)) == 0
    told = f"left out: {path}, table /dl1/event/telescope/images/tel_050, rows 0 to"
    assert f"warning: {told}" in capsys.readouterr().err
    assert told in (run_folders(settings)[-1] / "log.txt").read_text()
