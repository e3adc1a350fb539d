"""ctapipe's IRF tools and gammapy on our DL2: showers, predictions of known quality, cuts, responses, sensitivities.

As ctapipe-optimize-event-selection and ctapipe-compute-irf are run by hand, with the configuration that we write.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits
from attrs import frozen
from ctapipe.io import TableLoader
from gammapy.irf import load_irf_dict_from_file

from gammalearn_core import Target
from gammalearn_core.builtin.loaders.dl1 import DL1Source
from gammalearn_core.cli import main
from gammalearn_core.data.truth import Task
from gammalearn_core.plugin import Registry
from gammalearn_core.results.dl2 import particle_of
from gammalearn_core.results.dl2 import write_dl2_of
from gammalearn_core.results.dl2 import write_irf_config
from gammalearn_core.results.predictions import Predictions

SEED = 5
ENERGY_SPREAD = 0.1
"""Standard deviation of log10 of predicted energies: 23 %."""
DIRECTION_SPREAD = 0.08
"""The same of each coordinate of predicted directions, deg."""
SEPARATION = 0.8
"""Half the distance between gammas and protons in the logit of gammaness, in its standard deviations."""
SHOWERS = {
    "gamma": ("--energy-range", "0.2", "30", "--scatter-radius", "350"),
    "proton": ("--energy-range", "0.4", "60", "--scatter-radius", "400", "--viewcone", "3"),
}
EVENTS = 2500
FEW = 15
"""Events of a bin whose resolution is looked at."""


@frozen
class Made:
    """Products of the tools."""

    folder: Path
    level: str

    @property
    def benchmarks(self) -> Path:
        """Resolutions and sensitivities."""
        return self.folder / "benchmarks.fits.gz"

    @property
    def irf(self) -> Path:
        """Responses for gammapy."""
        return self.folder / "irf.fits.gz"


@pytest.fixture(scope="module")
def dl1(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Path]]:
    """Showers: diffuse gammas, gammas of a point source, protons; two files of each."""
    folder = tmp_path_factory.mktemp("dl1")
    made = {}
    for name, particle, more in (
        ("gamma", "gamma", ("--viewcone", "2")),
        ("point", "gamma", ("--viewcone", "0")),
        ("proton", "proton", ()),
    ):
        output = folder / name
        shared = ("--array", "4mst", "--camera", "VERITAS", "--min-telescopes", "1", "--seed", str(SEED))
        count = ("--events", str(EVENTS), "--events-per-file", str(EVENTS // 2), "--no-progress")
        arguments = ["--output", str(output), "--particle", particle, *shared, *count, *SHOWERS[particle], *more]
        assert main(["showers", *arguments]) == 0
        made[name] = sorted(output.glob("*.dl1.h5"))
        assert len(made[name]) == 2
    return made


def made_of_truth(path: Path, level: str) -> tuple[Predictions, dict[str, Task]]:
    """Truth with errors of known size."""
    registry = Registry().discover()
    tasks = {}
    for name in ("energy", "direction", "particle"):
        record = registry.find(f"core.{name}", kind="target")
        assert isinstance(record, Target)
        codec = registry.load(f"core.{name}", kind="target")()
        tasks[name] = Task(name=name, id=f"core.{name}", record=record, codec=codec)
    source = DL1Source(path, level=level, channels=["image"])
    events, rng = source.events, np.random.default_rng(SEED)
    count = len(events)
    logit = np.where(events["true_shower_primary_id"] == 0, SEPARATION, -SEPARATION) + rng.normal(size=count)
    outputs = {
        "energy": tasks["energy"].codec.encode(events) + rng.normal(0, ENERGY_SPREAD, (count, 1)),
        "direction": tasks["direction"].codec.encode(events) + rng.normal(0, DIRECTION_SPREAD, (count, 2)),
        "particle": np.column_stack([logit / 2, -logit / 2]),
    }
    values = {name: task.codec.decode(outputs[name], events) for name, task in tasks.items()}
    source.close()
    return Predictions(events=events, rows=np.arange(count), values=values), tasks


def write(folder: Path, files: list[Path], level: str) -> None:
    """A DL2 file for each DL1 file, the file that ctapipe merges them to, and the tools' configuration."""
    for number, path in enumerate(files):
        predictions, tasks = made_of_truth(path, level)
        write_dl2_of(folder / f"{particle_of(path)}_{number}.dl2.h5", path, predictions, tasks, "synthetic")
    for particle in ("gamma", "proton"):
        parts = [p.name for p in sorted(folder.glob(f"{particle}_*.dl2.h5"))]
        tool(folder, "ctapipe-merge", *parts, "--output", f"{particle}.dl2.h5")
    assert write_irf_config(folder, sorted(folder.glob("*_*.dl2.h5")), tasks) == folder / "ctapipe_irf.yaml"


def run_tools(folder: Path) -> None:
    """The two tools, as they are run by hand."""
    data = ["--gamma-file", "gamma.dl2.h5", "--proton-file", "proton.dl2.h5", "-c", "ctapipe_irf.yaml"]
    tool(folder, "ctapipe-optimize-event-selection", *data, "--output", "cuts.fits")
    outputs = ["--output", "irf.fits.gz", "--benchmark-output", "benchmarks.fits.gz"]
    tool(folder, "ctapipe-compute-irf", *data, "--cuts", "cuts.fits", "--do-background", *outputs)


def tool(folder: Path, name: str, *arguments: str) -> None:
    """A program of the environment; its output if it fails."""
    command = [str(Path(sys.executable).with_name(name)), *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]


@pytest.fixture(scope="module", params=["telescope", "subarray"])
def made(request: pytest.FixtureRequest, dl1: dict[str, list[Path]], tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Everything for diffuse gammas, of a network that sees images and of one that sees events."""
    folder = tmp_path_factory.mktemp(request.param)
    write(folder, [*dl1["gamma"], *dl1["proton"]], request.param)
    run_tools(folder)
    return Made(folder, request.param)


def test_there_are_sensitivities(made: Made) -> None:
    with fits.open(made.benchmarks) as hdus:
        table = hdus["SENSITIVITY"].data
    flux, signal = table["ENERGY_FLUX_SENSITIVITY"][0], table["N_SIGNAL"][0]
    finite = np.isfinite(flux) & (flux > 0)
    assert finite.sum() >= 10
    assert (signal[finite] > 0).all()
    assert 1e-14 < np.min(flux[finite]) < 1e-10


ONE_IMAGE = (10**ENERGY_SPREAD - 10**-ENERGY_SPREAD) / 2, 1.51 * DIRECTION_SPREAD
"""Resolutions of single predictions: half the central 68 % of energies, the 68 % quantile of separations (deg)."""


def test_ctapipe_reads_predictions_of_the_quality_that_was_written(made: Made) -> None:
    with TableLoader(made.folder / "gamma.dl2.h5") as loader:
        events = loader.read_subarray_events(dl2=True, simulated=True)
    one = np.count_nonzero(events["GammaLearnEnergy_telescopes"], axis=1) == 1
    events = events if made.level == "subarray" else events[one]
    low, high = np.quantile(events["GammaLearnEnergy_energy"] / events["true_energy"], [0.16, 0.84])
    assert (high - low) / 2 == pytest.approx(ONE_IMAGE[0], rel=0.1)
    prefix = "GammaLearnDirection"
    theirs, ours = (
        SkyCoord(events[az], events[alt]) for az, alt in (("true_az", "true_alt"), (f"{prefix}_az", f"{prefix}_alt"))
    )
    assert np.quantile(theirs.separation(ours).deg, 0.68) == pytest.approx(ONE_IMAGE[1], rel=0.1)


def test_benchmarks_follow_from_the_quality_of_the_predictions(made: Made) -> None:
    with fits.open(made.benchmarks) as hdus:
        energy, angle = hdus["ENERGY BIAS RESOLUTION"].data, hdus["ANGULAR RESOLUTION"].data
        resolution = energy["RESOLUTION"][energy["N_EVENTS"] >= FEW]
        separation = angle["ANGULAR_RESOLUTION_68"][angle["N_EVENTS"] >= FEW]
    assert min(len(resolution), len(separation)) >= 5
    # Cuts in bins of predicted energy narrow what is left, and an event is the mean of up to four images.
    lowest = 0.7 if made.level == "subarray" else 0.45
    for found, expected in zip((resolution, separation), ONE_IMAGE, strict=True):
        assert lowest * expected < np.median(found) < 1.1 * expected


def test_gammapy_loads_the_responses(made: Made) -> None:
    found = load_irf_dict_from_file(made.irf)
    assert {"aeff", "edisp", "psf", "bkg"} <= found.keys()
    area = found["aeff"].evaluate(energy_true=5 * u.TeV, offset=0.5 * u.deg)
    assert 1e4 < area.to_value("m2") < 1e6
    radius = found["psf"].containment_radius(fraction=0.68, energy_true=3 * u.TeV, offset=0.5 * u.deg)
    assert 0.02 < radius.to_value("deg") < 0.2
    assert np.nanmax(found["bkg"].data) > 0


def test_gammas_of_a_point_source_have_sensitivities_in_one_bin(dl1: dict[str, list[Path]], tmp_path: Path) -> None:
    write(tmp_path, [*dl1["point"], *dl1["proton"]], "telescope")
    run_tools(tmp_path)
    with fits.open(tmp_path / "benchmarks.fits.gz") as hdus:
        table = hdus["SENSITIVITY"].data
    assert table["THETA_LO"].size == 1
    assert np.isfinite(table["ENERGY_FLUX_SENSITIVITY"]).sum() >= 8


def test_merged_files_have_the_events_of_all(made: Made) -> None:
    for particle in ("gamma", "proton"):
        parts = [counted(p) for p in sorted(made.folder.glob(f"{particle}_*.dl2.h5"))]
        assert counted(made.folder / f"{particle}.dl2.h5") == tuple(np.sum(parts, axis=0))
        assert sum(part[0] for part in parts) == EVENTS


def counted(path: Path) -> tuple[int, int]:
    """Events of a file, and those that have a prediction."""
    with TableLoader(path) as loader:
        events = loader.read_subarray_events(dl2=True, simulated=True)
    return len(events), int(events["GammaLearnEnergy_is_valid"].sum())
