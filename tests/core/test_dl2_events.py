"""Predictions of events from telescopes, and what ctapipe's IRF tools are told of them."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from dl2 import change
from dl2 import predict
from dl2 import tasks
from numpy.typing import NDArray
from runs import EXAMPLES
from runs import TESTS

from gammalearn_core.results.dl2 import write_dl2_of
from gammalearn_core.results.dl2 import write_irf_config
from gammalearn_core.results.dl2.combining import combine
from gammalearn_core.results.dl2.tables import Values

LST = TESTS / "gamma_lst_ctapipe_0.32.0_fixed_point.dl1.h5"


def directions(alt: list[float], az: list[float]) -> Values:
    """Directions of the images of one event."""
    return Values(algorithm="D", group="geometry", quantities={"alt": np.array(alt), "az": np.array(az)})


def of_one_event(values: Values, count: int) -> Values:
    return combine(values, np.zeros(count, dtype=np.int64), np.arange(count), (1, count))


def test_the_mean_direction_does_not_jump_at_north() -> None:
    mean = of_one_event(directions([70.0, 70.0], [359.0, 1.0]), 2)
    assert mean.quantities["az"][0] % 360 == pytest.approx(0, abs=1e-9)
    assert mean.quantities["alt"][0] == pytest.approx(70.0, abs=0.01)


def test_near_the_zenith_the_mean_is_between() -> None:
    mean = of_one_event(directions([89.0, 89.0], [0.0, 180.0]), 2)
    assert mean.quantities["alt"][0] == pytest.approx(90.0)


def test_telescopes_that_contradict_each_other_give_no_direction() -> None:
    mean = of_one_event(directions([0.0, 0.0], [0.0, 180.0]), 2)
    assert (mean.valid.tolist(), mean.telescopes) == ([False], pytest.approx(np.zeros((1, 2))))


def test_half_a_direction_takes_no_part() -> None:
    mean = of_one_event(directions([70.0, 80.0, np.inf], [10.0, np.nan, 20.0]), 3)
    assert mean.quantities["alt"][0] == pytest.approx(70.0)
    assert mean.telescopes is not None
    assert mean.telescopes.tolist() == [[True, False, False]]


def test_images_of_no_event_take_no_part() -> None:
    energy: dict[str, NDArray[np.float64]] = {"energy": np.array([1.0, 4.0, 8.0])}
    values = Values(algorithm="E", group="energy", quantities=energy)
    mean = combine(values, np.array([0, -1, 1]), np.array([0, 1, 1]), (3, 2))
    np.testing.assert_allclose(mean.quantities["energy"], [1.0, 8.0, np.nan])


@pytest.mark.parametrize(("viewcone", "bins"), [(0.0, ("1", "1")), (2.5, ("2.5", "2")), (0.3, ("0.3", "1"))])
def test_the_tools_are_told_of_our_columns_and_of_the_offsets(
    tmp_path: Path, viewcone: float, bins: tuple[str, str]
) -> None:
    dl1 = tmp_path / "gamma.dl1.h5"
    shutil.copy(LST, dl1)
    change(dl1, "/configuration/simulation/run", max_viewcone_radius=viewcone)
    made = predict(dl1, names=("impact", "energy", "direction", "particle"))
    path = write_dl2_of(tmp_path / "gamma.dl2.h5", dl1, made.predictions, made.tasks, "x")
    config = write_irf_config(tmp_path, [path], made.tasks)
    assert config is not None
    lines = [line.strip() for line in config.read_text().splitlines()]
    for key, value in {
        "focal_length_choice": "EFFECTIVE",
        "energy_reconstructor": "GammaLearnEnergy",
        "geometry_reconstructor": "GammaLearnDirection",
        "gammaness_classifier": "GammaLearnParticle",
        "fov_offset_max": f"{bins[0]} deg",
        "fov_offset_n_bins": bins[1],
        "max_background_fov_offset": f"{bins[0]} deg",
    }.items():
        assert f"{key}: {value}" in lines


def test_without_a_direction_or_gammas_the_tools_have_nothing_to_read(tmp_path: Path) -> None:
    proton = EXAMPLES / "proton_prod6_run201.dl1.h5"
    made = predict(proton, cameras="MST")
    path = write_dl2_of(tmp_path / "proton.dl2.h5", proton, made.predictions, made.tasks, "x")
    assert write_irf_config(tmp_path, [path], made.tasks) is None
    made = predict(LST)
    path = write_dl2_of(tmp_path / "gamma.dl2.h5", LST, made.predictions, made.tasks, "x")
    assert write_irf_config(tmp_path, [path], tasks("energy", "particle")) is None
    assert sorted(p.name for p in tmp_path.iterdir()) == ["gamma.dl2.h5", "proton.dl2.h5"]
