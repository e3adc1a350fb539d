"""Directions and DL1 parameters that turn with the camera."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from gammalearn_core.api import CameraGeometry
from gammalearn_core.builtin.loaders.dl1 import DL1Source
from gammalearn_core.builtin.transforms.symmetries import symmetries
from gammalearn_core.builtin.transforms.turning import TURNED
from gammalearn_core.builtin.transforms.turning import turn_columns
from gammalearn_core.builtin.transforms.turning import turn_offsets
from gammalearn_core.builtin.transforms.turning import unknown_columns
from gammalearn_core.data.sky import from_offset
from gammalearn_core.data.sky import separation

HILLAS = ("fov_lon", "fov_lat", "phi", "psi", "skewness")


def rotation(degrees: float) -> NDArray[np.float64]:
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([(cos, -sin), (sin, cos)])


def matrices(matrix: NDArray[np.float64], n: int) -> Tensor:
    return torch.from_numpy(matrix).expand(n, 2, 2)


def offsets(n: int = 200, largest: float = 5.0) -> Tensor:
    return (torch.rand(n, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64) - 0.5) * 2 * largest


@pytest.mark.parametrize(
    "matrix", [rotation(60), rotation(-137), np.diag([1.0, -1]), rotation(90) @ np.diag([1.0, -1])]
)
def test_a_turn_keeps_angles_between_directions_and_to_the_pointing(matrix: NDArray[np.float64]) -> None:
    before = offsets(largest=30)
    after = turn_offsets(before, matrices(matrix, len(before)))
    assert not torch.allclose(after, before)
    from_pointing = [separation(*directions.T, 0, 0) for directions in (before, after)]
    from_each_other = [separation(*directions.T, *directions.roll(1, 0).T) for directions in (before, after)]
    np.testing.assert_allclose(from_pointing[1], from_pointing[0], atol=1e-9)
    np.testing.assert_allclose(from_each_other[1], from_each_other[0], atol=1e-9)


def test_turns_add_up() -> None:
    before = offsets()
    once = turn_offsets(before, matrices(rotation(75), len(before)))
    twice = turn_offsets(turn_offsets(before, matrices(rotation(30), 200)), matrices(rotation(45), 200))
    torch.testing.assert_close(twice, once, atol=1e-10, rtol=0)


def test_a_turn_goes_from_the_altitude_axis_to_the_azimuth_axis() -> None:
    above, beside = torch.tensor([[0.0, 2.0]]), torch.tensor([[2.0, 0.0]])
    torch.testing.assert_close(turn_offsets(above, matrices(rotation(90), 1)), beside)
    lon, lat = turn_offsets(above, matrices(rotation(90), 1))[0].tolist()
    np.testing.assert_allclose(from_offset(lon, lat, 0.0, 180.0), (0, 182), atol=1e-6)


def test_each_direction_is_turned_by_its_own_matrix() -> None:
    before = offsets(3)
    mixed = torch.from_numpy(np.stack([rotation(a) for a in (0, 60, 120)]))
    after = turn_offsets(before, mixed)
    for number, angle in enumerate((0, 60, 120)):
        alone = turn_offsets(before[number : number + 1], matrices(rotation(angle), 1))
        torch.testing.assert_close(after[number : number + 1], alone)


def test_the_identity_leaves_single_precision_as_it_is() -> None:
    before = offsets(1000).float()
    assert torch.equal(turn_offsets(before, matrices(np.eye(2), 1000)), before)
    assert turn_offsets(before, matrices(rotation(60), 1000)).dtype == torch.float32
    assert turn_offsets(before[:0], matrices(np.eye(2), 0)).shape == (0, 2)


def moments(x: NDArray[np.float64], y: NDArray[np.float64], charge: NDArray[np.float64]) -> dict[str, float]:
    """Hillas parameters that depend on axes, (x, y) being the first and the second, as ctapipe defines them."""
    mean = np.array([np.average(x, weights=charge), np.average(y, weights=charge)])
    values, vectors = np.linalg.eigh(np.cov(x, y, aweights=charge, ddof=0))
    psi = np.arctan(vectors[1, 1] / vectors[0, 1])
    along = (x - mean[0]) * np.cos(psi) + (y - mean[1]) * np.sin(psi)
    return {
        "first": mean[0],
        "second": mean[1],
        "phi": np.degrees(np.arctan2(mean[1], mean[0])),
        "psi": np.degrees(psi),
        "skewness": np.average(along**3, weights=charge) / values[1] ** 1.5,
    }


def in_frame(camera: CameraGeometry, charge: NDArray[np.float64], prefix: str) -> dict[str, float]:
    """Hillas parameters of one image, named as in files."""
    if prefix == "hillas_":
        lon, lat = np.degrees(camera.y / camera.focal_length), np.degrees(camera.x / camera.focal_length)
        found, names = moments(lon, lat, charge), ("fov_lon", "fov_lat")
    else:
        found, names = moments(camera.x, camera.y, charge), ("x", "y")
    named = {names[0]: found.pop("first"), names[1]: found.pop("second")} | found
    return {f"{prefix}{name}": value for name, value in named.items()}


def shower_images(source: DL1Source) -> tuple[Tensor, NDArray[np.float64]]:
    """Rows with an image that ctapipe parametrised, and their cleaned charges."""
    batch = source.read(np.arange(len(source.events)))
    charge = (batch.mono.pixels[:, 0] * batch.mono.pixels[:, 1]).double()
    rows = (charge.sum(dim=1) > 100).nonzero()[:, 0]
    return rows, charge[rows].numpy()


@pytest.mark.parametrize("name", ["gamma_prod3_large_trunc", "gamma_prod6_za40_4lst"])
def test_the_parameters_of_the_files_are_those_that_are_compared_with(
    open_dl1: Callable[..., DL1Source], name: str
) -> None:
    columns = [f"hillas_{n}" for n in HILLAS]
    source = open_dl1(name, cameras="LST", channels=["image", "image_mask"], columns=columns)
    rows, charges = shower_images(source)
    told = source.read(np.arange(len(source.events))).mono.columns
    for row, charge in zip(rows.tolist(), charges, strict=True):
        ours = in_frame(source.inputs.camera.geometry, charge, "hillas_")
        for column in columns:
            assert float(told[column][row]) == pytest.approx(ours[column], rel=1e-2, abs=1e-2), column


@pytest.mark.parametrize("prefix", ["hillas_", "camera_frame_hillas_"])
@pytest.mark.parametrize(
    ("name", "camera"), [("gamma_prod3_large_trunc", "FlashCam"), ("gamma_test", "LSTCam"), ("gamma_prod4_astri", None)]
)
def test_turned_parameters_are_those_of_the_turned_image(
    open_dl1: Callable[..., DL1Source], name: str, camera: str | None, prefix: str
) -> None:
    source = open_dl1(name, cameras=camera, channels=["image", "image_mask"])
    geometry, (_, charges) = source.inputs.camera.geometry, shower_images(source)
    assert len(charges)
    for symmetry in symmetries(geometry, reflections=True):
        before = [in_frame(geometry, charge, prefix) for charge in charges]
        after = [in_frame(geometry, charge[symmetry.source], prefix) for charge in charges]
        columns = {n: torch.tensor([b[n] for b in before], dtype=torch.float64) for n in before[0]}
        turned = turn_columns(columns, matrices(symmetry.matrix, len(charges)))
        for column, values in turned.items():
            expected = np.array([a[column] for a in after])
            apart = values.numpy() - expected
            if column.endswith("phi"):
                apart = (apart + 180) % 360 - 180
            np.testing.assert_allclose(apart, 0, atol=0.2 if column.endswith(("psi", "phi")) else 0.02, err_msg=column)


def columns_of(**values: float) -> dict[str, Tensor]:
    return {name: torch.tensor([value]) for name, value in values.items()}


def test_a_slope_in_time_turns_round_with_the_direction_that_psi_means() -> None:
    columns = columns_of(hillas_psi=60.0, timing_slope=3.0, hillas_skewness=0.5)
    turned = turn_columns(columns, matrices(rotation(-60), 1))
    assert turned["hillas_psi"].item() == pytest.approx(-60)
    assert (turned["timing_slope"].item(), turned["hillas_skewness"].item()) == (-3, -0.5)
    turned = turn_columns(columns, matrices(rotation(60), 1))
    assert turned["hillas_psi"].item() == pytest.approx(0, abs=1e-5)
    assert (turned["timing_slope"].item(), turned["hillas_skewness"].item()) == (3, 0.5)


def test_parameters_that_do_not_depend_on_axes_stay() -> None:
    columns = columns_of(hillas_length=0.2, camera_frame_hillas_width=0.01, leakage_pixels_width_1=0.1)
    assert turn_columns(columns, matrices(rotation(60), 1)) == columns
    assert unknown_columns([*columns, "timing_intercept", "pointing_alt", "multiplicity", *TURNED]) == []


def test_missing_parameters_stay_missing() -> None:
    columns = columns_of(hillas_psi=float("nan"), hillas_skewness=float("nan"), hillas_phi=float("nan"))
    turned = turn_columns(columns, matrices(rotation(60), 1))
    assert all(bool(t.isnan().all()) for t in turned.values())


@pytest.mark.parametrize("name", ["core_psi", "hillas_x", "muonring_center_fov_lon", "mine"])
def test_columns_that_nothing_is_known_of_are_told(name: str) -> None:
    assert unknown_columns(["hillas_width", name]) == [name]


@pytest.mark.parametrize(
    ("alone", "partner"),
    [
        ("hillas_fov_lon", "hillas_fov_lat"),
        ("hillas_fov_lat", "hillas_fov_lon"),
        ("camera_frame_hillas_x", "camera_frame_hillas_y"),
        ("hillas_skewness", "hillas_psi"),
        ("timing_slope", "hillas_psi"),
        ("camera_frame_timing_slope", "camera_frame_hillas_psi"),
    ],
)
def test_a_parameter_that_cannot_be_turned_alone_is_refused(alone: str, partner: str) -> None:
    with pytest.raises(ValueError, match=f"the column '{alone}' cannot be turned without '{partner}'"):
        turn_columns(columns_of(**{alone: 1.0}), matrices(rotation(60), 1))
