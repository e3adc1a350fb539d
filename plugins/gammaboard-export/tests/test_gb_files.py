from __future__ import annotations

import errno
import json
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from gb_truth import LST
from gb_truth import showers
from gb_truth import write_dl2

from gammalearn_core import DataError
from gammalearn_core import GammalearnError
from gammalearn_core import SettingsError
from gammalearn_core.api import RunFolder
from gammalearn_gammaboard_export.command import main
from gammalearn_gammaboard_export.naming import free_name
from gammalearn_gammaboard_export.report import Files
from gammalearn_gammaboard_export.writing.notebook import launcher_code
from gammalearn_gammaboard_export.writing.pytables import write_frame
from gammalearn_gammaboard_export.writing.pytables import write_root
from gammalearn_gammaboard_export.writing.whole import write_bytes

MakeRun = Callable[..., Path]
NAME = "gammaphysnet_s1"
HOSTILE = "../<script>alert(1)</script> $x_1$ CTA\n"


def content(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_the_command_writes_plain_names_and_the_notebook(
    make_run: MakeRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(make_run()), "-o", str(tmp_path / "board")]) == 0
    names = {"gamma.h5", "proton.h5", f"{NAME}_settings.json"}
    assert set(content(tmp_path / "board")) == {"gammaboard.ipynb", *(f"{NAME}/{name}" for name in names)}
    board = tmp_path / "board"
    assert capsys.readouterr().out.splitlines() == [
        f"{board / NAME}: 360 gammas, 360 others",
        f"{board}/gammaboard.ipynb shows them: jupyter notebook {board}/gammaboard.ipynb",
    ]


def test_the_same_run_gives_the_same_bytes_wherever_it_is(make_run: MakeRun, tmp_path: Path) -> None:
    for layout in ("gammalearn", "lstchain"):
        for where in ("here", "there"):
            run = make_run(folder=where)
            main([str(run), "-o", str(tmp_path / f"{layout}_{where}"), "--layout", layout])
        assert content(tmp_path / f"{layout}_here") == content(tmp_path / f"{layout}_there")


def test_pandas_reads_what_is_written_as_if_it_had_written_it(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("tables")
    columns = {"mc_energy": np.array([1.0, 2.0, np.nan]), "reco_energy": np.array([3.0, 4.0, 5.0])}
    with h5py.File(tmp_path / "ours.h5", "w") as h5:
        write_root(h5, "")
        write_frame(h5, "data", columns)
    expected = pandas.DataFrame(columns)
    expected.to_hdf(tmp_path / "theirs.h5", key="data")
    pandas.testing.assert_frame_equal(pandas.read_hdf(tmp_path / "ours.h5", key="data"), expected)
    pandas.testing.assert_frame_equal(pandas.read_hdf(tmp_path / "theirs.h5", key="data"), expected)


def test_rows_hold_the_truth_and_what_was_predicted(make_run: MakeRun, tmp_path: Path) -> None:
    main([str(make_run()), "-o", str(tmp_path / "board")])
    made = showers(primary=0)
    valid = made["valid"]
    with h5py.File(tmp_path / "board" / NAME / "gamma.h5") as h5:
        found = frame(h5, "data")
        triggered = frame(h5, "triggered_events")
        run = h5["/simulation/run_config"][:]
    np.testing.assert_array_equal(found["mc_energy"], made["true_energy"][valid])
    np.testing.assert_allclose(np.degrees(found["reco_altitude"]), made["alt"][valid], rtol=1e-12)
    np.testing.assert_array_equal(found["reco_impact_x"], made["core_x"][valid])
    np.testing.assert_array_equal(found["reco_particle"], np.where(made["prediction"][valid] >= 0.5, 0, 1))
    np.testing.assert_array_equal(triggered["mc_energy"], made["true_energy"])
    assert (run["num_showers"] * run["shower_reuse"]).tolist() == [5000]
    assert run["max_alt"].tolist() == pytest.approx([np.radians(70)])
    assert all(np.isfinite(values).all() for values in found.values())
    with h5py.File(tmp_path / "board" / NAME / "proton.h5") as h5:
        assert set(frame(h5, "data")["mc_particle"]) == {1}
        assert "triggered_events" not in h5


def frame(h5: h5py.File, key: str) -> dict[str, np.ndarray]:
    names = [name.decode() for name in h5[f"{key}/block0_items"][:]]
    return dict(zip(names, h5[f"{key}/block0_values"][:].T, strict=True))


def test_lstchains_layout_has_its_columns_and_those_that_gammaboard_asks_for(make_run: MakeRun, tmp_path: Path) -> None:
    main([str(make_run()), "-o", str(tmp_path / "board"), "--layout", "lstchain"])
    with h5py.File(tmp_path / "board" / NAME / "proton.h5") as h5:
        rows = h5[LST][:]
        run = h5["/simulation/run_config"][:]
    assert {"obs_id", "event_id", "tel_id", "reco_type", "reco_particle", "log_reco_energy"} <= set(rows.dtype.names)
    assert set(rows["mc_type"]) == {101}
    assert run["num_showers"] == run["n_showers"]
    assert not any(np.isnan(run[name]).any() for name in run.dtype.names)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"telescopes": 4}, "has events of several telescopes"),
        ({"tasks": ("energy", "direction")}, "needs the gammaness in lstchain's layout"),
    ],
)
def test_lstchains_layout_is_refused_where_it_would_say_what_is_not_so(
    make_run: MakeRun, tmp_path: Path, options: dict[str, object], message: str
) -> None:
    with pytest.raises(SettingsError, match=message) as error:
        main([str(make_run(**options)), "-o", str(tmp_path / "board"), "--layout", "lstchain"])
    assert error.value.problems[0].where == "--layout"
    assert not (tmp_path / "board").exists()


def test_directions_do_not_jump_at_north(tmp_path: Path) -> None:
    write_dl2(tmp_path / "dl2" / "gamma.dl2.h5", showers(primary=0, azimuth=0.0))
    main([str(tmp_path / "dl2"), "-o", str(tmp_path / "board")])
    with h5py.File(tmp_path / "board" / "dl2" / "gamma.h5") as h5:
        found = frame(h5, "data")
    for name in ("mc_azimuth", "reco_azimuth"):
        assert np.ptp(np.degrees(found[name])) < 8


@pytest.mark.parametrize("label", [HOSTILE, "..", "a/b\\c", "γ" * 300, "_", "CON", "x" * 300, "a\0b"])
def test_a_hostile_name_is_a_plain_folder(label: str) -> None:
    name = free_name(label, "20260101T000000Z-01234567", {}, "run")
    assert Path(name).name == name
    assert len(name) <= 120
    assert name.isascii()
    assert name.replace(".", "").replace("_", "").replace("-", "").replace("+", "").isalnum()
    assert "CTA" not in name


def test_a_hostile_run_writes_in_its_folder_only(make_run: MakeRun, tmp_path: Path) -> None:
    main([str(make_run(HOSTILE)), "-o", str(tmp_path / "board")])
    (folder,) = [path for path in (tmp_path / "board").iterdir() if path.is_dir()]
    assert folder.name == "script_alert_1_script_x_1_cta"
    assert (folder / f"{folder.name}_settings.json").is_file()


def test_a_run_that_is_called_like_the_notebook_is_beside_it(make_run: MakeRun, tmp_path: Path) -> None:
    main([str(make_run("gammaboard.ipynb")), "-o", str(tmp_path / "board")])
    assert json.loads((tmp_path / "board" / "gammaboard.ipynb").read_text())["nbformat"] == 4
    assert (tmp_path / "board" / "gammaboard.ipynb_20260101T000000Z-01234567" / "gamma.h5").is_file()


def test_settings_that_no_file_can_say_are_escaped(make_run: MakeRun, tmp_path: Path) -> None:
    run = make_run()
    (run / "experiment.json").write_text(json.dumps({"name": "\ud800<b>", "epochs": float("inf")}))
    main([str(run), "-o", str(tmp_path / "board")])
    told = json.loads((tmp_path / "board" / NAME / f"{NAME}_settings.json").read_text())
    assert told["settings"] == {"name": "\ud800<b>", "epochs": None}


def test_names_that_gammaboard_would_mix_up_get_the_runs_id() -> None:
    assert free_name("net_reco", "id1", {}, "run") == "net_reco_id1"
    assert free_name("net", "", {"NET": "another"}, "run") == "net_2"


def test_runs_of_one_name_are_told_apart_and_keep_their_names(make_run: MakeRun, tmp_path: Path) -> None:
    first, second = make_run(), make_run(run_id="20260102T000000Z-01234567")
    main([str(first), str(second), "-o", str(tmp_path / "board")])
    names = {NAME, f"{NAME}_20260102T000000Z-01234567"}
    assert {p.name for p in (tmp_path / "board").iterdir() if p.is_dir()} == names
    before = content(tmp_path / "board")
    main([str(second), "-o", str(tmp_path / "board")])
    main([str(first), "-o", str(tmp_path / "board")])
    assert content(tmp_path / "board") == before


def test_folders_of_others_are_not_touched(make_run: MakeRun, tmp_path: Path) -> None:
    mine = tmp_path / "board" / NAME / "gamma.h5"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    main([str(make_run()), "-o", str(tmp_path / "board")])
    assert mine.read_text() == "mine"
    assert (tmp_path / "board" / f"{NAME}_20260101T000000Z-01234567" / "gamma.h5").is_file()


def test_what_an_earlier_export_of_the_run_has_left_is_removed(make_run: MakeRun, tmp_path: Path) -> None:
    run = make_run()
    main([str(run), "-o", str(tmp_path / "board")])
    (run / "predictions" / "proton.dl2.h5").unlink()
    main([str(run), "-o", str(tmp_path / "board")])
    assert not (tmp_path / "board" / NAME / "proton.h5").exists()


def test_a_run_that_is_given_twice_is_told(make_run: MakeRun, tmp_path: Path) -> None:
    run = str(make_run())
    with pytest.raises(SettingsError, match="is given twice"):
        main([run, run, "-o", str(tmp_path / "board")])


def test_a_baseline_is_an_experiment_of_its_own(make_run: MakeRun, tmp_path: Path) -> None:
    run = make_run()
    write_dl2(run / "baseline" / "predictions" / "gamma.dl2.h5", showers(primary=0, seed=2))
    (run / "baseline" / "baseline.json").write_text("{}")
    main([str(run), str(run / "baseline"), "-o", str(tmp_path / "board")])
    assert {p.name for p in (tmp_path / "board").iterdir() if p.is_dir()} == {NAME, f"{NAME}_baseline"}


def test_the_settings_are_flat_and_tell_the_run(make_run: MakeRun, tmp_path: Path) -> None:
    main([str(make_run(tasks=("energy", "particle"))), "-o", str(tmp_path / "board")])
    told = json.loads((tmp_path / "board" / NAME / f"{NAME}_settings.json").read_text())
    assert told["settings"] == {
        "name": NAME,
        "network": "hexconv.gammaphysnet (gammalearn-hexconv 0.1.0)",
        "network.depth": 3,
        "filters.0": "core.intensity",
        "filters.0.minimum": 50,
        "filters.0.maximum": "inf",
        "epochs": 5,
    }
    assert told["run"]["best_epoch"] == 4
    assert told["test"] == {"particle/auc": 0.9}
    assert [*told["predictions"]] == ["gamma.dl2.h5", "proton.dl2.h5"]
    assert [note.split(":")[0] for note in told["notes"]] == ["direction is not predicted", "impact is not predicted"]


def test_what_stays_empty_is_told(make_run: MakeRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = make_run(tasks=("direction", "particle"), primaries=(0,), max_alt=[1.0, 1.1])
    main([str(run), "-o", str(tmp_path / "board")])
    notes = [line.strip() for line in capsys.readouterr().out.splitlines()[1:-1]]
    assert notes[:3] == [
        "energy is not predicted: the plots of energy resolution and effective area stay empty",
        "impact is not predicted: the plot of impact resolution stays empty",
        "there is no background: the plots of ROC and precision stay empty",
    ]
    assert notes[3].startswith("no effective area: ")
    assert "max_alt" in notes[3]
    assert str(tmp_path) not in (tmp_path / "board" / NAME / f"{NAME}_settings.json").read_text()
    with h5py.File(tmp_path / "board" / NAME / "gamma.h5") as h5:
        assert np.isnan(frame(h5, "data")["reco_energy"]).all()
        assert "reco_gammaness" not in frame(h5, "data")
        assert "simulation" not in h5


def test_all_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "empty").mkdir()
    wrong = [str(tmp_path / "none"), str(tmp_path / "empty"), "-o", str(tmp_path / "file"), "--layout", "mine"]
    with pytest.raises(SettingsError) as error:
        main(wrong)
    assert [problem.where for problem in error.value.problems] == ["--layout", "--output", "RUN", "RUN"]
    assert error.value.exit_code == 2


def test_damaged_data_have_the_exit_code_of_data(tmp_path: Path) -> None:
    (tmp_path / "dl2").mkdir()
    (tmp_path / "dl2" / "gamma.dl2.h5").write_bytes(b"no HDF5")
    with pytest.raises(DataError) as error:
        main([str(tmp_path / "dl2"), "-o", str(tmp_path / "board")])
    assert error.value.exit_code == 4
    assert not (tmp_path / "board").exists()


def test_a_full_disk_leaves_the_file_of_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    (tmp_path / "gamma.h5").write_text("whole")
    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(GammalearnError, match=r"gamma\.h5 cannot be written: No space left on device") as error:
        write_bytes(tmp_path / "gamma.h5", b"half of i")
    assert error.value.exit_code == 1
    assert content(tmp_path) == {"gamma.h5": b"whole"}


def test_the_report_writes_in_the_run_folder(make_run: MakeRun) -> None:
    run = make_run()
    written = Files(RunFolder(run))({})
    assert {str(path.relative_to(run)) for path in written} == {
        f"gammaboard/{NAME}/gamma.h5",
        f"gammaboard/{NAME}/proton.h5",
        f"gammaboard/{NAME}/{NAME}_settings.json",
        "gammaboard/gammaboard.ipynb",
    }
    assert all(path.is_file() for path in written)


def test_a_report_with_a_wrong_layout_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="'ctapipe' is not a layout of GammaBoard"):
        Files(RunFolder(tmp_path), layout="ctapipe")


def test_the_notebook_is_one_and_names_no_folder(make_run: MakeRun, tmp_path: Path) -> None:
    main([str(make_run()), "-o", str(tmp_path / "board")])
    text = (tmp_path / "board" / "gammaboard.ipynb").read_text()
    told = json.loads(text)
    assert (told["nbformat"], told["nbformat_minor"]) == (4, 5)
    assert [cell["id"] for cell in told["cells"]] == ["title", "needs", "repairs", "show", "matrices"]
    assert str(tmp_path) not in text
    assert "".join(told["cells"][2]["source"]).startswith("%matplotlib widget\n")
    for cell in told["cells"][1:]:
        compile("".join(cell["source"]).removeprefix("%matplotlib widget\n"), cell["id"], "exec")


def test_the_notebook_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name in ("h5py", "ipympl") else object())
    with pytest.raises(ImportError, match="needs h5py and ipympl: run `pip install h5py ipympl`"):
        exec(launcher_code("needs"), {})
