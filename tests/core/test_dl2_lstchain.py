"""DL2 files in lstchain's layout."""

from __future__ import annotations

from pathlib import Path

import h5py
import hdf5plugin  # noqa: F401
import numpy as np
import pytest
from dl2 import columns
from dl2 import predict
from runs import EXAMPLES
from runs import TESTS

from gammalearn_core.errors import DataError
from gammalearn_core.results.dl2 import particle_of
from gammalearn_core.results.dl2 import write_dl2_of

OF_LSTCHAIN = TESTS / "lstchain-0.12.3_dl1_gamma_4LST.h5"
OF_CTAPIPE = TESTS / "gamma_lst_ctapipe_0.32.0_fixed_point.dl1.h5"
OBSERVED = TESTS / "gammalearn-0.15_dl1_realdata_example.h5"
DL1 = "/dl1/event/telescope/parameters/LST_LSTCam"
DL2 = "/dl2/event/telescope/parameters/LST_LSTCam"
ADDED = {
    "reco_energy",
    "log_reco_energy",
    "reco_alt",
    "reco_az",
    "reco_src_x",
    "reco_src_y",
    "reco_disp_dx",
    "reco_disp_dy",
}


def test_files_of_lstchain_keep_their_columns_and_get_predictions(tmp_path: Path) -> None:
    made = predict(OF_LSTCHAIN, skip=2)
    path = write_dl2_of(tmp_path / "gamma.dl2.h5", OF_LSTCHAIN, made.predictions, made.tasks, "x")
    before, after = columns(OF_LSTCHAIN, DL1), columns(path, DL2)
    assert list(after)[: len(before)] == list(before)
    assert all(after[n].tobytes() == before[n].tobytes() for n in before)
    assert set(after) - set(before) == ADDED | {"gammaness", "reco_type"}
    energy = made.predictions.values["energy"]["energy"]
    np.testing.assert_array_equal(after["reco_energy"], [np.nan, np.nan, *energy])
    np.testing.assert_array_equal(after["reco_az"][2:], np.radians(made.predictions.values["direction"]["az"]))
    assert after["reco_type"].tolist() == [-1, -1, *np.where(after["gammaness"][2:] > 0.5, 0, 101)]
    with h5py.File(OF_LSTCHAIN) as dl1, h5py.File(path) as dl2:
        assert (dl1["/simulation/run_config"][:] == dl2["/simulation/run_config"][:]).all()
        assert dl2.attrs["LSTCHAIN_VERSION"] == b"0.12.3"
        assert dl2.attrs["CTA PRODUCT DATA MODEL NAME"] == b"lstchain"
        assert "image" not in dl2.get("/dl1/event/telescope", {})


def test_the_truth_as_prediction_is_where_lstchain_has_the_source(tmp_path: Path) -> None:
    made = predict(OF_LSTCHAIN)
    made.predictions.values["direction"] = {n: made.events[f"true_{n}"] for n in ("alt", "az")}
    path = write_dl2_of(tmp_path / "gamma.dl2.h5", OF_LSTCHAIN, made.predictions, made.tasks, "x")
    found = columns(path, DL2)
    for theirs in ("src_x", "src_y", "disp_dx", "disp_dy"):
        np.testing.assert_allclose(found[f"reco_{theirs}"], found[theirs], atol=1e-5)


def test_impact_points_stand_beside_directions(tmp_path: Path) -> None:
    made = predict(OF_LSTCHAIN, skip=2, names=("impact", "direction"))
    path = write_dl2_of(tmp_path / "gamma.dl2.h5", OF_LSTCHAIN, made.predictions, made.tasks, "x")
    found = columns(path, DL2)
    for axis in "xy":
        wanted = made.predictions.values["impact"][f"core_{axis}"]
        np.testing.assert_array_equal(found[f"reco_core_{axis}"], [np.nan, np.nan, *wanted])
    np.testing.assert_array_equal(found["reco_alt"][2:], np.radians(made.predictions.values["direction"]["alt"]))
    with h5py.File(path) as h5:
        number = list(found).index("reco_core_x")
        assert h5[DL2].attrs[f"CTAFIELD_{number}_UNIT"] == b"m"


def test_files_of_ctapipe_are_translated(tmp_path: Path) -> None:
    made = predict(OF_CTAPIPE, skip=1)
    path = write_dl2_of(tmp_path / "gamma.dl2.h5", OF_CTAPIPE, made.predictions, made.tasks, "x", layout="lstchain")
    found, reference = columns(path, DL2), columns(OF_LSTCHAIN, DL1)
    assert set(found) - ADDED - {"gammaness", "reco_type"} <= set(reference)
    event = dict.fromkeys(zip(found["event_id"].tolist(), found["tel_id"].tolist(), strict=True))
    assert len(event) == len(made.events) + 1
    both = [k for k in zip(reference["event_id"].tolist(), reference["tel_id"].tolist(), strict=True) if k in event]
    assert len(both) > 3
    ours, theirs = (
        {
            n: np.array([table[n][_row(table, k)] for k in both])
            for n in ("mc_energy", "mc_alt", "mc_az_tel", "mc_core_x", "alt_tel")
        }
        for table in (found, reference)
    )
    for name, values in theirs.items():
        np.testing.assert_allclose(ours[name], values, rtol=1e-6, err_msg=name)
    with h5py.File(path) as h5:
        runs = h5["/simulation/run_config"][:]
    assert all(np.isfinite(runs[n]).all() for n in runs.dtype.names if runs.dtype[n].kind == "f")


def _row(table: dict[str, np.ndarray], key: tuple[int, int]) -> int:
    return int(np.flatnonzero((table["event_id"] == key[0]) & (table["tel_id"] == key[1]))[0])


def test_observed_data_get_the_time_since_the_last_event_and_no_truth(tmp_path: Path) -> None:
    assert particle_of(OBSERVED) == "observed"
    made = predict(OBSERVED)
    path = write_dl2_of(tmp_path / "observed.dl2.h5", OBSERVED, made.predictions, made.tasks, "x")
    found = columns(path, DL2)
    assert len(found["event_id"]) == 25
    assert np.isnan(found["gammaness"]).sum() == 25 - len(made.events)
    np.testing.assert_allclose(found["delta_t"][1:], np.diff(found["dragon_time"]))
    with h5py.File(path) as h5:
        assert "simulation" not in h5
        assert list(h5["/dl1/event/telescope"]) == ["monitoring"]


def test_lstchains_layout_is_for_images_of_lstcam(tmp_path: Path) -> None:
    sst = EXAMPLES / "gamma_prod4_sst1m.dl1.h5"
    made = predict(sst)
    with pytest.raises(DataError, match=r"sst1m\.dl1\.h5 has no images of LSTCam"):
        write_dl2_of(tmp_path / "a", sst, made.predictions, made.tasks, "x", layout="lstchain")
    made = predict(OF_CTAPIPE, level="subarray")
    with pytest.raises(DataError, match="predicts events of the subarray; write ctapipe's layout"):
        write_dl2_of(tmp_path / "a", OF_CTAPIPE, made.predictions, made.tasks, "x", layout="lstchain")
    made = predict(OF_LSTCHAIN)
    with pytest.raises(DataError, match="write lstchain's layout"):
        write_dl2_of(tmp_path / "a", OF_LSTCHAIN, made.predictions, made.tasks, "x", layout="ctapipe")
    assert list(tmp_path.iterdir()) == []
