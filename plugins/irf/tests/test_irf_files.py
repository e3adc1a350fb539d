from __future__ import annotations

import errno
import json
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import QTable
from irf_truth import thrown
from irf_truth import write_dl2

from gammalearn_core import DataError
from gammalearn_core import GammalearnError
from gammalearn_core import SettingsError
from gammalearn_core.api import RunFolder
from gammalearn_core.reporting.others import read_charts
from gammalearn_irf.command import main
from gammalearn_irf.report import Benchmarks
from gammalearn_irf.writing import write_file

CHOSEN = ("--gamma-efficiency", "0.7", "--energy-bins", "0.1", "32", "2")
TABLES = ["energy", "direction", "area", "sensitivity", "gammaness_cut", "theta_cut"]
FIGURES = ["energy_bias", "energy_resolution", "energy_resolution_median", "angular_resolution", "effective_area"]


@pytest.fixture(scope="module")
def output(predictions: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the command writes."""
    folder = tmp_path_factory.mktemp("made") / "irf"
    with redirect_stdout(StringIO()) as printed:
        assert main([str(predictions), "-o", str(folder), *CHOSEN]) == 0
    (folder.parent / "printed").write_text(printed.getvalue())
    return folder


def test_the_command_writes_tables_figures_and_what_they_are(output: Path) -> None:
    found = {path.name for path in output.iterdir()}
    figures = {f"{name}.{ending}" for name in [*FIGURES, "sensitivity"] for ending in ("png", "svg")}
    others = {"irf.fits.gz", "benchmarks.fits", "benchmarks.json", "charts.json"}
    assert found == others | {f"{t}.ecsv" for t in TABLES} | figures


def test_charts_are_what_the_page_of_a_run_reads(output: Path) -> None:
    charts = {c.id: c for c in read_charts(output / "charts.json")}
    assert {f"irf_{name}" for name in [*FIGURES, "sensitivity"]} <= set(charts)
    table = QTable.read(output / "direction.ecsv")
    own = [s for s in charts["irf_angular_resolution"].series if s.kind == "points"]
    ring = table[table["fov_offset_low"].value == 0]
    known = ring["n_events"] > 0
    np.testing.assert_allclose(np.array(own[0].y)[known], ring["angular_resolution_68"].to_value("deg")[known])
    np.testing.assert_array_equal(np.isnan(own[0].y), np.isnan(ring["angular_resolution_68"].value) | ~known)
    references = {s.label for s in charts["test_angular_resolution"].series}
    assert len(references) == 5
    assert "LST-1 Hillas+RF, lstchain 0.12.3, 70 %" in references
    assert all(0.05 < x < 64 for s in charts["test_angular_resolution"].series for x in s.x)


def test_the_json_defines_every_number_and_names_every_reference(output: Path) -> None:
    told = json.loads((output / "benchmarks.json").read_text())
    assert told["run"] == "20260101T000000Z-01234567"
    assert [*told["tables"]] == TABLES
    assert {*TABLES} <= {*told["definitions"]}
    for table in ("energy", "direction", "sensitivity"):
        made = [c for c in told["tables"][table] if c in ("bias", "resolution", "flux_sensitivity")]
        assert all(f"{table}.{column}" in told["definitions"] for column in made)
    assert all(curve["citation"] and curve["version"] for curve in told["references"])
    assert len(told["references"]) == 5
    assert told["samples"]["proton"]["simulated_showers"] == 200_000
    assert told["options"]["gamma_efficiency"] == 0.7
    assert None in told["tables"]["sensitivity"]["relative_sensitivity"]["values"]


def test_ecsv_fits_and_json_say_the_same(output: Path) -> None:
    table = QTable.read(output / "sensitivity.ecsv")
    with fits.open(output / "benchmarks.fits", checksum=True) as hdus:
        assert [hdu.name.lower() for hdu in hdus[1:]] == TABLES
        stored = hdus["SENSITIVITY"].data["flux_sensitivity"]
        np.testing.assert_array_equal(stored, table["flux_sensitivity"].value)
    assert table["flux_sensitivity"].unit == "erg / (s cm2)"
    assert "5 sigma" in table["relative_sensitivity"].info.description
    listed = json.loads((output / "benchmarks.json").read_text())["tables"]["sensitivity"]["flux_sensitivity"]["values"]
    expected = [None if np.isnan(v) else v for v in table["flux_sensitivity"].value]
    assert listed == expected


def test_the_summary_shows_a_row_a_bin(output: Path) -> None:
    lines = (output.parent / "printed").read_text().splitlines()
    assert lines[0] == "0 to 1 deg off axis, after cuts, 50 h:"
    assert lines[1].split()[:4] == ["TeV", "gammas", "bias", "%"]
    assert [line.split()[0] for line in lines[2:7]] == ["0.1-0.316", "0.316-1", "1-3.16", "3.16-10", "10-31.6"]
    assert lines[6].split()[-1] == "-"
    assert lines[-1] == f"{output}/irf.fits.gz and 21 files beside it"


def test_files_of_an_earlier_call_are_kept_unless_told(output: Path, predictions: Path) -> None:
    before = (output / "benchmarks.json").read_bytes()
    with pytest.raises(SettingsError, match=r"has irf\.fits\.gz and benchmarks\.json already"):
        main([str(predictions), "-o", str(output)])
    assert (output / "benchmarks.json").read_bytes() == before
    assert main([str(predictions), "-o", str(output), *CHOSEN, "--overwrite"]) == 0
    assert (output / "benchmarks.json").read_bytes() == before


def test_all_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    wrong = ["--gamma-efficiency", "70", "--energy-bins", "1", "0.1", "5", "--fov-bins", "1", "--alpha", "0"]
    wrong += ["--proton-spectrum", "mine", "--references", "H.E.S.S."]
    with pytest.raises(SettingsError) as error:
        main([str(tmp_path / "run"), "-o", str(tmp_path), *wrong])
    flags = ["RUN", "--gamma-efficiency", "--alpha", "--fov-bins", "--energy-bins", "--proton-spectrum", "--references"]
    assert [problem.where for problem in error.value.problems] == flags
    assert error.value.exit_code == 2


def test_bins_beyond_the_simulation_name_the_option(predictions: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"--fov-bins: 0 to 5 deg is more than"):
        main([str(predictions), "-o", str(tmp_path / "irf"), "--fov-bins", "0", "5"])
    assert not (tmp_path / "irf").exists()


def test_a_folder_that_cannot_be_written_is_named(predictions: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(GammalearnError, match=r"file/irf/irf\.fits\.gz cannot be written: Not a directory") as error:
        main([str(predictions), "-o", str(tmp_path / "file" / "irf"), "--gamma-efficiency", "0.7"])
    assert error.value.exit_code == 1


def test_a_full_disk_leaves_the_file_of_before(tmp_path: Path) -> None:
    def write(path: Path) -> None:
        path.write_text("half of i")
        raise OSError(errno.ENOSPC, "No space left on device")

    (tmp_path / "table.ecsv").write_text("whole")
    with pytest.raises(GammalearnError, match=r"table\.ecsv cannot be written: No space left on device"):
        write_file(tmp_path / "table.ecsv", write)
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("table.ecsv", "whole")]


def test_damaged_data_have_the_exit_code_of_data(tmp_path: Path) -> None:
    (tmp_path / "gamma.dl2.h5").write_bytes(b"no HDF5")
    with pytest.raises(DataError) as error:
        main([str(tmp_path), "-o", str(tmp_path / "irf")])
    assert error.value.exit_code == 4


def test_the_report_writes_in_the_run_folder(tmp_path: Path) -> None:
    (tmp_path / "predictions").mkdir()
    (tmp_path / "run.json").write_text("{}")
    filters = [{"component": "core.intensity"}, {"callable": "mine:cut"}]
    (tmp_path / "experiment.json").write_text(json.dumps({"filters": filters}))
    write_dl2(tmp_path / "predictions" / "gamma.dl2.h5", thrown(primary=0, count=2000, seed=3))
    written = Benchmarks(RunFolder(tmp_path), references=["LST-1 Hillas+RF"])({})
    assert all(path.is_file() and path.parent == tmp_path / "irf" for path in written)
    assert {p.stem for p in written if p.suffix == ".png"} == {*FIGURES}
    told = json.loads((tmp_path / "irf" / "benchmarks.json").read_text())
    assert [curve["name"] for curve in told["references"]] == ["LST-1 Hillas+RF"]
    assert any("no diffuse protons" in note for note in told["notes"])
    assert told["notes"][0].startswith("cuts of the run: core.intensity, mine:cut; events that they leave out")


def test_a_report_with_wrong_parameters_tells_all_of_them(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"theta_efficiency: 2 is .*gamma_spectrum: 'crab' is not known"):
        Benchmarks(RunFolder(tmp_path), theta_efficiency=2.0, gamma_spectrum="crab")
