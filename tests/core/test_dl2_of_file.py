"""The DL2 file of a DL1 file: all its events, no truth that is not there, whole or not there at all."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
from pathlib import Path

import h5py
import hdf5plugin  # noqa: F401
import numpy as np
import pytest
from dl2 import SHOWER
from dl2 import change
from dl2 import columns
from dl2 import predict
from runs import EXAMPLES
from runs import TESTS

from gammalearn_core.errors import DataError
from gammalearn_core.errors import GammalearnError
from gammalearn_core.errors import SettingsError
from gammalearn_core.results.dl2 import OutputError
from gammalearn_core.results.dl2 import particle_of
from gammalearn_core.results.dl2 import write_dl2_of
from gammalearn_core.results.dl2.whole import whole

SST = EXAMPLES / "gamma_prod4_sst1m.dl1.h5"
LST = TESTS / "gamma_lst_ctapipe_0.32.0_fixed_point.dl1.h5"
OBSERVED = TESTS / "observed_like_ctapipe_0.32.0.dl1.h5"
TRIGGER = "/dl1/event/subarray/trigger"


def test_every_event_has_its_row_in_order_predicted_or_not(tmp_path: Path) -> None:
    made = predict(SST, skip=20)
    path = write_dl2_of(tmp_path / "gamma.dl2.h5", SST, made.predictions, made.tasks, "x")
    with h5py.File(SST) as dl1, h5py.File(path) as dl2:
        for table in (TRIGGER, "/dl1/event/telescope/trigger", SHOWER):
            assert (dl1[table][:] == dl2[table][:]).all()
        assert (
            dl1["/configuration/simulation/run"][0]["n_showers"] == dl2["/configuration/simulation/run"][0]["n_showers"]
        )
        rows = np.concatenate([t[:] for t in dl2["/dl2/event/telescope/energy/GammaLearnEnergy"].values()])
        event_ids = dl2[TRIGGER]["event_id"]
    assert len(np.unique(rows[["event_id", "tel_id"]])) == len(rows) == len(made.events) + 20
    valid = rows["GammaLearnEnergy_tel_is_valid"].astype(bool)
    assert valid.sum() == len(made.events)
    assert (np.isfinite(rows["GammaLearnEnergy_tel_energy"]) == valid).all()
    events = columns(path, "/dl2/event/subarray/energy/GammaLearnEnergy")
    assert (events["event_id"] == event_ids).all()


def test_events_of_mono_networks_are_the_mean_of_their_telescopes(tmp_path: Path) -> None:
    made = predict(LST, skip=1)
    path = write_dl2_of(tmp_path / "gamma.dl2.h5", LST, made.predictions, made.tasks, "x")
    values, ids = made.predictions.values, made.events["event_id"]
    energy, direction, particle = (
        columns(path, f"/dl2/event/subarray/{table}")
        for table in ("energy/GammaLearnEnergy", "geometry/GammaLearnDirection", "particle_type/GammaLearnParticle")
    )
    for row, event in enumerate(energy["event_id"]):
        here = ids == event
        used = np.isin([1, 2, 3, 4], made.events["tel_id"][here])
        for name, table in zip(("Energy", "Direction", "Particle"), (energy, direction, particle), strict=True):
            assert table[f"GammaLearn{name}_telescopes"][row].tolist() == used.tolist()
            assert table[f"GammaLearn{name}_is_valid"][row] == here.any()
        if here.any():
            mean = np.exp(np.log(values["energy"]["energy"][here]).mean())
            np.testing.assert_allclose(energy["GammaLearnEnergy_energy"][row], mean)
            gammaness = values["particle"]["prediction"][here].mean()
            np.testing.assert_allclose(particle["GammaLearnParticle_prediction"][row], gammaness)
            alt, az = (np.radians(values["direction"][n][here]) for n in ("alt", "az"))
            vector = np.array([np.cos(alt) * np.cos(az), np.cos(alt) * np.sin(az), np.sin(alt)]).mean(axis=1)
            found = [np.radians(direction[f"GammaLearnDirection_{n}"][row]) for n in ("alt", "az")]
            unit = [np.cos(found[0]) * np.cos(found[1]), np.cos(found[0]) * np.sin(found[1]), np.sin(found[0])]
            np.testing.assert_allclose(unit, vector / np.linalg.norm(vector), atol=1e-12)


def test_networks_of_the_subarray_name_the_telescopes_that_they_saw(tmp_path: Path) -> None:
    made = predict(LST, skip=1, level="subarray", telescopes=[1, 3])
    path = write_dl2_of(tmp_path / "gamma.dl2.h5", LST, made.predictions, made.tasks, "x")
    with h5py.File(path) as h5:
        assert list(h5["/dl2/event"]) == ["subarray"]
    energy = columns(path, "/dl2/event/subarray/energy/GammaLearnEnergy")
    seen = energy["GammaLearnEnergy_telescopes"]
    assert energy["GammaLearnEnergy_is_valid"].tolist() == seen.any(axis=1).tolist()
    assert seen.sum() == made.events.multiplicity.sum()
    assert not seen[:, [1, 3]].any()


def test_impact_points_have_a_table_of_their_own_beside_directions(tmp_path: Path) -> None:
    made = predict(LST, skip=1, names=("impact", "direction"), level="subarray")
    path = write_dl2_of(tmp_path / "gamma.dl2.h5", LST, made.predictions, made.tasks, "x")
    with h5py.File(path) as h5:
        assert list(h5["/dl2/event/subarray/geometry"]) == ["GammaLearnDirection", "GammaLearnImpact"]
        table = h5["/dl2/event/subarray/geometry/GammaLearnImpact"]
        unit = {table.attrs[f"CTAFIELD_{n}_NAME"]: table.attrs.get(f"CTAFIELD_{n}_UNIT") for n in range(5)}
        valid = table["GammaLearnImpact_is_valid"].astype(bool)
        found = {axis: table[f"GammaLearnImpact_core_{axis}"][valid] for axis in "xy"}
    assert unit[b"GammaLearnImpact_core_x"] == unit[b"GammaLearnImpact_core_y"] == b"m"
    assert 0 < len(found["x"]) == len(made.events) < len(valid)
    for axis in "xy":
        assert sorted(found[axis]) == sorted(made.predictions.values["impact"][f"core_{axis}"])


def test_observed_data_get_no_truth(tmp_path: Path) -> None:
    made = predict(OBSERVED)
    assert particle_of(OBSERVED) == "observed"
    path = write_dl2_of(tmp_path / "observed.dl2.h5", OBSERVED, made.predictions, made.tasks, "x")
    names: list[str] = []

    def add(name: str, node: h5py.Group | h5py.Dataset) -> None:
        names.extend([name, *(getattr(node, "dtype", np.dtype("i4")).names or ())])

    with h5py.File(path) as h5:
        h5.visititems(add)
        attributes = {n: h5.attrs[n] for n in h5.attrs}
    assert [n for n in names if "simulation" in n or n.startswith("true_")] == []
    assert attributes["GAMMALEARN PARTICLE"] == b"observed"
    assert attributes["CTA PROCESS TYPE"] == b"Observation"
    assert attributes["CTA PRODUCT DATA CATEGORY"] != b"Sim"
    events = columns(path, "/dl2/event/subarray/energy/GammaLearnEnergy")
    assert len(events["event_id"]) == len(columns(OBSERVED, TRIGGER)["event_id"])
    assert 0 < events["GammaLearnEnergy_is_valid"].sum() < len(events["event_id"])


def test_a_file_of_several_particles_is_called_mixed(tmp_path: Path) -> None:
    path = tmp_path / "gamma.dl1.h5"
    shutil.copy(LST, path)
    primary = columns(path, SHOWER)["true_shower_primary_id"]
    assert (particle_of(path), set(primary)) == ("gamma", {0})
    change(path, SHOWER, true_shower_primary_id=np.where(np.arange(len(primary)) == 1, 101, 0))
    assert particle_of(path) == "mixed"
    change(path, SHOWER, true_shower_primary_id=101)
    assert particle_of(path) == "proton"


def test_reference_metadata_say_what_made_the_file_and_of_what(tmp_path: Path) -> None:
    made = predict(LST)
    path = write_dl2_of(tmp_path / "gamma.dl2.h5", LST, made.predictions, made.tasks, "run 7")
    with h5py.File(path) as dl2, h5py.File(LST) as dl1:
        ours, theirs = ({n: h5.attrs[n] for n in h5.attrs if n.startswith("CTA ")} for h5 in (dl2, dl1))
    assert ours.keys() >= theirs.keys()
    kept = [n for n in theirs if n.startswith(("CTA CONTACT", "CTA INSTRUMENT", "CTA PRODUCT DATA MODEL"))]
    assert len(kept) == 12
    assert all(ours[n] == theirs[n] for n in kept)
    assert ours["CTA PRODUCT DATA LEVELS"] == b"DL2"
    assert ours["CTA PRODUCT DESCRIPTION"] == b"Predictions of GammaLearn run 7"
    assert ours["CTA ACTIVITY NAME"] == b"gammalearn predict"
    assert ours["CTA PROCESS ID"] == b"8"
    assert ours["CTA PRODUCT ID"] != theirs["CTA PRODUCT ID"]


def test_files_that_say_nothing_of_themselves_get_the_metadata_that_ctapipe_needs(tmp_path: Path) -> None:
    bare, made = tmp_path / "bare.h5", predict(LST)
    shutil.copy(LST, bare)
    with h5py.File(bare, "r+") as h5:
        for name in list(h5.attrs):
            if name.startswith("CTA ") and name != "CTA PRODUCT DATA MODEL VERSION":
                del h5.attrs[name]
    full = write_dl2_of(tmp_path / "full.dl2.h5", LST, made.predictions, made.tasks, "x")
    path = write_dl2_of(tmp_path / "bare.dl2.h5", bare, made.predictions, made.tasks, "x")
    with h5py.File(full) as one, h5py.File(path) as other:
        assert set(one.attrs) == set(other.attrs)
        assert other.attrs["CTA INSTRUMENT SITE"] == b"Other"


def test_predictions_of_other_events_are_refused(tmp_path: Path) -> None:
    made = predict(SST)
    with pytest.raises(DataError, match=r"the predictions are not of the events .* belong to 0 rows"):
        write_dl2_of(tmp_path / "gamma.dl2.h5", LST, made.predictions, made.tasks, "x")
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_there_is_not_written_over(tmp_path: Path) -> None:
    made, path = predict(LST), tmp_path / "gamma.dl2.h5"
    path.write_text("precious")
    with pytest.raises(SettingsError, match="is there already, and is not written over"):
        write_dl2_of(path, LST, made.predictions, made.tasks, "x")
    assert path.read_text() == "precious"


@pytest.mark.parametrize("damage", ["cut", "no HDF5", "absent"])
def test_damaged_input_is_told_and_nothing_is_left(tmp_path: Path, damage: str) -> None:
    made, path = predict(LST), tmp_path / "damaged.dl1.h5"
    whole_bytes = LST.read_bytes()
    if damage != "absent":
        path.write_bytes(whole_bytes[: len(whole_bytes) // 2] if damage == "cut" else b"none")
    with pytest.raises(DataError, match=r"damaged\.dl1\.h5"):
        write_dl2_of(tmp_path / "gamma.dl2.h5", path, made.predictions, made.tasks, "x")
    assert [p for p in tmp_path.iterdir() if p != path] == []


def test_a_full_disk_is_told_and_nothing_is_left(tmp_path: Path) -> None:
    made, path = predict(SST), tmp_path / "gamma.dl2.h5"
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, hard))
    try:
        with pytest.raises(OutputError, match=r"gamma\.dl2\.h5 cannot be written: .*; nothing is left of it"):
            write_dl2_of(path, SST, made.predictions, made.tasks, "x")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(tmp_path.iterdir()) == []
    write_dl2_of(path, SST, made.predictions, made.tasks, "x")
    assert list(tmp_path.iterdir()) == [path]


def test_a_disk_without_room_is_called_full(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "none", disk]
    if os.getuid() != 0 or subprocess.run(mount, check=False).returncode:
        pytest.skip("only the superuser can mount a small disk")
    made = predict(SST)
    try:
        with pytest.raises(OutputError, match="the disk is full or the quota used up; make room and do it again"):
            write_dl2_of(disk / "gamma.dl2.h5", SST, made.predictions, made.tasks, "x")
        assert list(disk.iterdir()) == []
    finally:
        subprocess.run(["umount", "--lazy", disk], check=True)


def test_two_processes_do_not_write_one_file(tmp_path: Path) -> None:
    path = tmp_path / "gamma.dl2.h5"
    with whole(path) as h5:
        h5["first"] = 1
        with pytest.raises(OutputError, match="another process is writing it"), whole(path):
            pass
        assert not path.exists()
    with h5py.File(path) as h5:
        assert list(h5) == ["first"]


def test_a_block_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "gamma.dl2.h5"
    path.write_text("old")
    with pytest.raises(DataError):
        _write_half(path)
    assert (path.read_text(), list(tmp_path.iterdir())) == ("old", [path])


def _write_half(path: Path) -> None:
    with whole(path) as h5:
        h5["half"] = 1
        raise DataError("damaged")


def test_tasks_without_a_table_in_dl2_are_an_error(tmp_path: Path) -> None:
    made = predict(LST)
    with pytest.raises(GammalearnError, match="none of the run's tasks has a table in DL2"):
        write_dl2_of(tmp_path / "gamma.dl2.h5", LST, made.predictions, {}, "x")
