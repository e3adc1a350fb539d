"""Networks in ctapipe's tools: the numbers are those of ``gammalearn predict``."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import astropy.units as u
import h5py
import hdf5plugin  # noqa: F401 - registers the blosc filters
import joblib
import numpy as np
import pytest
from ctapipe.core import ToolConfigurationError
from ctapipe.core import run_tool
from ctapipe.instrument import SubarrayDescription
from ctapipe.io import TableLoader
from ctapipe.reco import Reconstructor
from ctapipe.tools.apply_models import ApplyModels
from ctapipe.tools.process import ProcessorTool
from traitlets.config import Config

from gammalearn_core.cli import main
from gammalearn_ctapipe.reconstructor import GammaLearnReconstructor

DATA = Path(__file__).parents[3] / "examples" / "data"
GAMMA = DATA / "gamma_mono_trigger.dl1.h5"
STEREO = '''
import torch

class Sum(torch.nn.Module):
    """Adds what the images of an event show."""

    stereo = True

    def __init__(self, *, inputs, outputs):
        super().__init__()
        self.images = torch.nn.Linear(1, 3)
        self.heads = torch.nn.ModuleList(torch.nn.Linear(7, t.size) for t in outputs.tasks.values())
        self.tasks = tuple(outputs.tasks)

    def forward(self, batch):
        summed = torch.zeros(len(batch), 7)
        for key, group in batch.images.items():
            place = torch.cat([group.position / 100, group.columns["hillas_length"][:, None]], dim=1)
            seen = torch.cat([self.images(group.pixels.mean(dim=2)).relu(), place], dim=1)
            summed = summed.index_add(0, group.event, seen)
        summed = summed + batch.events["pointing_alt"].float()[:, None] / 90
        return {name: head(summed) for name, head in zip(self.tasks, self.heads)}
'''
SETTINGS = """from gammalearn_core import Experiment, ref
{head}
experiment = Experiment(name="test", seed=1, threads=1, epochs=1, batch_size=16, reports=[], {settings})
"""


def trained(folder: Path, head: str = "", **settings: str) -> Path:
    """The folder of a new run."""
    path = folder / "settings.py"
    text = ", ".join(f"{name}={value}" for name, value in settings.items())
    path.write_text(SETTINGS.format(head=head, settings=text), encoding="utf-8")
    assert main(["run", str(path), "--logdir", str(folder / "runs")]) == 0
    return next(p for p in (folder / "runs" / "test").iterdir() if p.is_dir())


@pytest.fixture(scope="module")
def mono(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on images of NectarCam, with a cut on what is seen, one on truth and measured constants."""
    return trained(
        tmp_path_factory.mktemp("mono"),
        data=f"ref('core.dl1', paths={[str(GAMMA), str(DATA / 'proton_prod6_run201.dl1.h5')]}, cameras='NectarCam')",
        filters="[ref('core.intensity', minimum=100), ref('core.energy', minimum=0.001)]",
        transforms="[ref('core.relative_time'), ref('core.log_charge'), ref('core.normalise'), "
        "ref('core.to_square', method='rebinning', size=16, conserve=[])]",
        network="ref('core.cnn2d', channels=[4], hidden=8)",
        losses="{'particle': ref('core.cross_entropy'), 'energy': ref('core.l1'), 'direction': ref('core.mse')}",
    )


@pytest.fixture(scope="module")
def predicted(mono: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What `gammalearn predict` gives."""
    folder = tmp_path_factory.mktemp("predicted")
    assert main(["predict", str(mono), str(GAMMA), "-o", str(folder)]) == 0
    return tables(folder / "gamma_mono_trigger.dl2.h5")


def tables(path: Path) -> dict[str, Any]:
    """All DL2 tables of a file by their place; ctapipe has two names for one of them."""
    found = {}

    def keep(name: str, item: object) -> None:
        if isinstance(item, h5py.Dataset):
            found[name.replace("particle_type", "classification")] = item[:]

    with h5py.File(path) as h5:
        h5["dl2/event"].visititems(keep)
    return found


def compare(found: dict[str, Any], expected: dict[str, Any], *, rows: str = "all") -> None:
    """Every table, row and number of what is expected is found; of predictions alone if ``rows`` is ``valid``."""
    assert len(expected) > 3
    for place, wanted in expected.items():
        valid = next(n for n in wanted.dtype.names if n.endswith("is_valid"))
        given = found.get(place)
        if rows == "valid":
            wanted = wanted[wanted[valid].astype(bool)]
            given = given[given[valid].astype(bool)] if given is not None else wanted[:0]
        assert given is not None, place
        names = [n for n in ("obs_id", "event_id", "tel_id") if n in wanted.dtype.names]
        for name in names:
            np.testing.assert_array_equal(given[name], wanted[name], err_msg=place)
        numbers = [n for n in wanted.dtype.names if wanted[n].dtype.kind == "f"]
        assert numbers
        for name in numbers:
            np.testing.assert_allclose(given[name], wanted[name], rtol=1e-6, err_msg=f"{place} {name}")
        np.testing.assert_array_equal(given[valid], wanted[valid], err_msg=place)
        for name in (n for n in wanted.dtype.names if n.endswith("_telescopes")):
            np.testing.assert_array_equal(given[name], wanted[name], err_msg=place)


def process_config(run: Path, **more: object) -> Config:
    """The configuration of ``ctapipe-process``."""
    return Config(
        {
            "ProcessorTool": {"progress_bar": False},
            "DataWriter": {"write_dl2": True},
            "HDF5EventSource": {"focal_length_choice": "EQUIVALENT"},
            "ShowerProcessor": {"reconstructor_types": ["GammaLearnReconstructor"]},
            "GammaLearnReconstructor": {"run": str(run), **more},
        }
    )


def test_the_command_of_ctapipe_predicts_what_ours_predicts(
    mono: Path, predicted: dict[str, Any], tmp_path: Path
) -> None:
    """A process of its own, which finds the plug-in by its entry point."""
    command = [Path(sys.executable).with_name("ctapipe-process"), "--input", GAMMA, "--output", tmp_path / "dl2.h5"]
    command += ["--reconstructor", "GammaLearnReconstructor", f"--GammaLearnReconstructor.run={mono}"]
    command += ["--DataWriter.write_dl2=True", "--HDF5EventSource.focal_length_choice=EQUIVALENT", "--no-progress"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr
    compare(tables(tmp_path / "dl2.h5"), predicted)
    with TableLoader(tmp_path / "dl2.h5", focal_length_choice="EQUIVALENT") as loader:
        events = loader.read_subarray_events(dl2=True)
    assert np.isfinite(events["GammaLearnEnergy_energy"]).any()
    assert events["GammaLearnEnergy_energy"].unit == u.TeV


def test_models_are_applied_to_tables(mono: Path, predicted: dict[str, Any], tmp_path: Path) -> None:
    assert main(["ctapipe_models", str(mono), "-o", str(tmp_path)]) == 0
    models = sorted(tmp_path.glob("*.pkl"))
    assert [p.stem for p in models] == ["GammaLearnDirection", "GammaLearnEnergy", "GammaLearnParticle"]
    arguments = [f"--input={GAMMA}", f"--output={tmp_path / 'dl2.h5'}", *(f"--reconstructor={p}" for p in models)]
    arguments += ["--TableLoader.focal_length_choice=EQUIVALENT"]
    assert run_tool(ApplyModels(), [*arguments, "--TableLoader.dl1_images=True"], cwd=tmp_path) == 0
    compare(tables(tmp_path / "dl2.h5"), predicted, rows="valid")


def test_tables_without_images_are_told(mono: Path, tmp_path: Path) -> None:
    assert main(["ctapipe_models", str(mono), "-o", str(tmp_path)]) == 0
    model = Reconstructor.read(tmp_path / "GammaLearnEnergy.pkl")
    with TableLoader(GAMMA, focal_length_choice="EQUIVALENT") as loader:
        subarray = loader.subarray
        events = loader.read_telescope_events_by_id(telescopes=[19])[19]
    with pytest.raises(ToolConfigurationError, match=r"the events have no '.*add --TableLoader\.dl1_images=True"):
        model.predict_table(subarray.tel[19], events)
    with pytest.raises(KeyError):
        model.predict_table(subarray.tel[1], events)


def test_a_model_is_of_one_set_of_weights(mono: Path, tmp_path: Path) -> None:
    assert main(["ctapipe_models", str(mono), "-o", str(tmp_path)]) == 0
    model = joblib.load(tmp_path / "GammaLearnEnergy.pkl")
    function, (run, task, _, cuts, trust) = model.__reduce__()
    with pytest.raises(ToolConfigurationError, match="has other weights"):
        function(run, task, "0" * 64, cuts, trust)


def test_models_that_are_there_stay(mono: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ctapipe_models", str(mono), "-o", str(tmp_path)]) == 0
    assert main(["ctapipe_models", str(mono), "-o", str(tmp_path)]) == 2
    assert "--overwrite replaces it" in capsys.readouterr().err
    assert main(["ctapipe_models", str(mono), "-o", str(tmp_path), "--overwrite"]) == 0


def test_a_network_of_events_predicts_events(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = trained(
        tmp_path,
        STEREO,
        data=f"ref('core.dl1', paths=[{str(GAMMA)!r}, {str(DATA / 'gamma_diffuse_prod6_run10.dl1.h5')!r}], "
        "level='subarray', channels=['image'], columns=['hillas_length'], cameras=['NectarCam', 'LSTCam'])",
        filters="[ref('core.intensity', minimum=60), ref('core.multiplicity', minimum=2)]",
        transforms="[ref('core.log_charge')]",
        network="ref(Sum)",
        losses="{'energy': ref('core.l1'), 'direction': ref('core.mse'), 'core': ref('core.l1')}",
        targets="{'core': ref('core.impact')}",
        test="0.2",
    )
    assert main(["predict", str(run), str(GAMMA), "-o", str(tmp_path), "--trust-settings"]) == 0
    config = process_config(run, trust_settings=True)
    arguments = [f"--input={GAMMA}", f"--output={tmp_path / 'dl2.h5'}"]
    assert run_tool(ProcessorTool(config=config), arguments, cwd=tmp_path, raises=True) == 0
    found, expected = (tables(tmp_path / name) for name in ("dl2.h5", "gamma_mono_trigger.dl2.h5"))
    assert sorted(expected) == [
        "subarray/energy/GammaLearnEnergy",
        "subarray/geometry/GammaLearnCore",
        "subarray/geometry/GammaLearnDirection",
    ]
    for place, wanted in expected.items():
        algorithm = place.rpartition("/")[2]
        valid = wanted[f"{algorithm}_is_valid"].astype(bool)
        assert valid.any()
        np.testing.assert_array_equal(found[place][f"{algorithm}_is_valid"], valid)
        for name in (n for n in wanted.dtype.names if wanted[n].dtype.kind == "f"):
            np.testing.assert_allclose(found[place][name], wanted[name], rtol=1e-5)
        used = f"{algorithm}_telescopes"
        np.testing.assert_array_equal(found[place][used], wanted[used])
        assert wanted[used][valid].sum(axis=1).min() >= 2
    assert main(["ctapipe_models", str(run), "-o", str(tmp_path / "m"), "--trust-settings"]) == 2
    assert "ctapipe-process --reconstructor GammaLearnReconstructor" in capsys.readouterr().err


def test_what_is_configured_wrongly_is_told(mono: Path, tmp_path: Path) -> None:
    subarray = SubarrayDescription.from_hdf(GAMMA, focal_length_choice="EQUIVALENT")
    with pytest.raises(ToolConfigurationError, match=r"GammaLearnReconstructor\.run must be set"):
        GammaLearnReconstructor(subarray)
    with pytest.raises(ToolConfigurationError, match="is not a run folder"):
        GammaLearnReconstructor(subarray, run=tmp_path)


@pytest.mark.parametrize("name", sorted(p.name for p in DATA.glob("*.dl1.h5")))
def test_cameras_are_those_that_the_core_reads(name: str) -> None:
    """Positions, their order and turns are the same in ctapipe's memory and in the core's."""
    from gammalearn_core.builtin.loaders.dl1 import DL1Source
    from gammalearn_ctapipe.cameras import geometry_of

    with h5py.File(DATA / name) as h5:
        if "configuration/instrument/subarray/layout" not in h5:
            pytest.skip("not a file of ctapipe")
    source = DL1Source(DATA / name, level="subarray", channels=["image"])
    ours = [spec.geometry for spec in source.inputs.cameras.values()]
    source.close()
    subarray = SubarrayDescription.from_hdf(DATA / name, focal_length_choice="EQUIVALENT")
    theirs = [geometry_of(telescope) for telescope in subarray.telescope_types]
    for geometry in ours:
        assert any(
            np.allclose([geometry.x, geometry.y], [t.x, t.y], atol=1e-6)
            for t in theirs
            if t.n_pixels == geometry.n_pixels
        )
