"""Random turns of images and their truth, against geometry alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from gammalearn_core import SettingsError
from gammalearn_core.api import Batch
from gammalearn_core.api import BatchTransform
from gammalearn_core.api import CameraGeometry
from gammalearn_core.api import InputSpec
from gammalearn_core.api import TaskSpec
from gammalearn_core.builtin.transforms.random_symmetry import RandomSymmetry
from gammalearn_core.builtin.transforms.relative_time import RelativeTime
from gammalearn_core.builtin.transforms.symmetries import symmetries
from gammalearn_core.builtin.transforms.tailcuts import Tailcuts
from gammalearn_core.data.sky import separation

Camera = Callable[..., CameraGeometry]
Inputs = Callable[..., InputSpec]
Mono = Callable[..., Batch]

DIRECTION = TaskSpec(name="direction", target="core.direction", size=2, geometry="camera_vector")
ENERGY = TaskSpec(name="energy", target="core.energy", size=1)
PARTICLE = TaskSpec(name="particle", target="core.particle", size=2, geometry="class", classes=("gamma", "proton"))
TASKS = {task.name: task for task in (PARTICLE, ENERGY, DIRECTION)}
TURNS = {"LSTCam": 6, "MAGICCam": 12, "VERITAS": 12, "FlashCam": 3, "HESS-I": 2, "ASTRICam": 8, "SCTCam": 8, "FACT": 2}
"""Elements of the groups, reflections included."""


@pytest.fixture
def sources(mono: Mono) -> Callable[..., Batch]:
    """``sources(camera, pixels)``: images of point sources, each in one pixel, and their truth.

    A direction ``n`` is seen at ``x = f n_alt / n_pointing``, ``y = f n_az / n_pointing``: any optics that are round
    about the axis do that up to a stretch of the radius, and a turn of the camera then turns the sky by as much.
    """

    def create(camera: CameraGeometry, pixels: Tensor) -> Batch:
        n = len(pixels)
        images = torch.zeros(n, 2, camera.n_pixels)
        images[torch.arange(n), :, pixels] = torch.stack([torch.ones(n), torch.arange(n)], dim=1)
        batch = mono(images, camera.name)
        truth = {"direction": direction(camera, pixels).float(), "energy": torch.randn(n, 1)}
        truth["particle"] = torch.arange(n) % 2
        return replace(batch, truth=truth, weight={name: torch.arange(n) % 3 for name in truth})

    return create


def direction(camera: CameraGeometry, pixels: Tensor) -> Tensor:
    """``(fov_lon, fov_lat)``, deg, that pixels see."""
    up, across = (torch.from_numpy(c / camera.focal_length)[pixels] for c in (camera.x, camera.y))
    return torch.stack([across.atan(), (up / torch.hypot(across, torch.ones(1))).atan()], dim=1).rad2deg()


def some_pixels(camera: CameraGeometry, n: int = 300) -> Tensor:
    return torch.randint(camera.n_pixels, (n,), generator=torch.Generator().manual_seed(1))


def applied(transform: BatchTransform, given: Batch, seed: int = 1) -> Batch:
    return transform(given, torch.Generator().manual_seed(seed))


def lit(batch: Batch) -> Tensor:
    """The one pixel of each image that is lit."""
    assert torch.equal(batch.mono.pixels[:, 0].count_nonzero(dim=1), torch.ones(len(batch), dtype=torch.int64))
    return batch.mono.pixels[:, 0].argmax(dim=1)


def apart(truth: Tensor, seen: Tensor, camera: CameraGeometry) -> float:
    """Largest separation of directions, in units of a pixel's angle."""
    angle = separation(*truth.double().T.numpy(), *seen.T.numpy()).max()
    return float(np.radians(angle) * camera.focal_length / camera.pitch)


@pytest.mark.parametrize(("name", "turns"), TURNS.items())
def test_a_point_source_and_its_truth_agree_after_every_turn(
    camera: Camera, inputs: Inputs, sources: Callable[..., Batch], name: str, turns: int
) -> None:
    geometry = camera(name, focal_length=12.0)
    before = sources(geometry, some_pixels(geometry))
    assert apart(before.truth["direction"], direction(geometry, lit(before)), geometry) < 1e-3
    after = applied(RandomSymmetry(inputs=inputs(geometry), tasks=TASKS, reflections=True), before)
    assert apart(after.truth["direction"], direction(geometry, lit(after)), geometry) < 0.03
    assert apart(before.truth["direction"], direction(geometry, lit(after)), geometry) > 1
    group = symmetries(geometry, reflections=True)
    there = torch.stack([torch.from_numpy(np.argsort(s.source))[lit(before)] for s in group])
    assert len((there == lit(after)).int().argmax(dim=0).unique()) == len(group) == turns


@pytest.mark.parametrize("name", ["LSTCam", "FlashCam", "ASTRICam"])
def test_with_ctapipes_flat_camera_frame_they_agree_too(
    camera: Camera, inputs: Inputs, sources: Callable[..., Batch], name: str
) -> None:
    geometry = camera(name, focal_length={"LSTCam": 29.3, "FlashCam": 16.4, "ASTRICam": 2.15}[name])
    before = sources(geometry, some_pixels(geometry))
    flat = np.degrees(np.column_stack([geometry.y, geometry.x]) / geometry.focal_length)
    before.truth["direction"] = torch.from_numpy(flat)[lit(before)]
    after = applied(RandomSymmetry(inputs=inputs(geometry), tasks=TASKS), before)
    assert apart(after.truth["direction"], torch.from_numpy(flat)[lit(after)], geometry) < 0.07


def test_other_truth_and_all_weights_stay(camera: Camera, inputs: Inputs, sources: Callable[..., Batch]) -> None:
    geometry = camera("VERITAS")
    before = sources(geometry, some_pixels(geometry))
    after = applied(RandomSymmetry(inputs=inputs(geometry), tasks=TASKS), before)
    assert torch.equal(after.truth["energy"], before.truth["energy"])
    assert torch.equal(after.truth["particle"], before.truth["particle"])
    assert after.truth["direction"].dtype == torch.float32
    assert after.weight == before.weight
    assert after.events == before.events


def test_all_channels_turn_together(camera: Camera, inputs: Inputs, sources: Callable[..., Batch]) -> None:
    geometry = camera("VERITAS")
    after = applied(RandomSymmetry(inputs=inputs(geometry), tasks=TASKS), sources(geometry, some_pixels(geometry)))
    at = after.mono.pixels[torch.arange(300), 1, lit(after)]
    assert torch.equal(at, torch.arange(300.0))


def test_the_argument_stays_as_it_was(camera: Camera, inputs: Inputs, sources: Callable[..., Batch]) -> None:
    geometry = camera("VERITAS")
    given = sources(geometry, some_pixels(geometry))
    pixels, truth = given.mono.pixels.clone(), given.truth["direction"].clone()
    applied(RandomSymmetry(inputs=inputs(geometry), tasks=TASKS), given)
    assert torch.equal(given.mono.pixels, pixels)
    assert torch.equal(given.truth["direction"], truth)


def test_the_generator_alone_decides(camera: Camera, inputs: Inputs, sources: Callable[..., Batch]) -> None:
    geometry = camera("VERITAS")
    given, turn = sources(geometry, some_pixels(geometry)), RandomSymmetry(inputs=inputs(geometry), tasks=TASKS)
    before, first = torch.random.get_rng_state(), applied(turn, given)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert torch.equal(applied(turn, given).mono.pixels, first.mono.pixels)
    assert not torch.equal(applied(turn, given, seed=2).mono.pixels, first.mono.pixels)


@pytest.mark.parametrize(("reflections", "turns"), [(False, 6), (True, 12)])
def test_every_turn_is_as_probable(
    camera: Camera, inputs: Inputs, sources: Callable[..., Batch], *, reflections: bool, turns: int
) -> None:
    geometry, nowhere_special = camera("VERITAS"), 20
    given = sources(geometry, torch.full((6000,), nowhere_special))
    turn = RandomSymmetry(inputs=inputs(geometry), tasks=TASKS, reflections=reflections)
    counts = np.unique(lit(applied(turn, given)), return_counts=True)[1]
    assert len(counts) == turns
    assert np.abs(counts - 6000 / turns).max() < 5 * (6000 / turns) ** 0.5


def test_no_images_are_turned_to_no_images(camera: Camera, inputs: Inputs, sources: Callable[..., Batch]) -> None:
    geometry = camera("VERITAS")
    turn = RandomSymmetry(inputs=inputs(geometry), tasks=TASKS)
    after = applied(turn, sources(geometry, torch.zeros(0, dtype=torch.int64)))
    assert after.mono.pixels.shape == (0, 2, 499)
    assert after.truth["direction"].shape == (0, 2)


@pytest.mark.parametrize("name", ["LSTCam", "FlashCam", "CHEC"])
def test_cleaning_and_times_do_not_care_whether_turns_come_before_or_after(
    camera: Camera, inputs: Inputs, mono: Mono, name: str
) -> None:
    geometry = camera(name)
    noise = torch.randn(20, 2, geometry.n_pixels, generator=torch.Generator().manual_seed(1)) * 5
    batch = mono(noise, name)
    clean = Tailcuts(inputs=inputs(geometry), picture_threshold=10.0, boundary_threshold=7.0)
    times = RelativeTime(inputs=clean.outputs, mask="cleaned")
    before = applied(times, applied(clean, applied(RandomSymmetry(inputs=inputs(geometry), tasks={}), batch)))
    after = applied(RandomSymmetry(inputs=times.outputs, tasks={}), applied(times, applied(clean, batch)))
    assert 0 < before.mono.pixels[:, 2].mean() < 1
    torch.testing.assert_close(before.mono.pixels, after.mono.pixels, atol=1e-4, rtol=0)


def test_parameters_turn_with_the_images(camera: Camera, inputs: Inputs, sources: Callable[..., Batch]) -> None:
    geometry = camera("VERITAS")
    given = sources(geometry, some_pixels(geometry))
    seen = np.degrees(np.column_stack([geometry.y, geometry.x]) / geometry.focal_length)
    centre = torch.from_numpy(seen)[lit(given)]
    given.mono.columns.update(hillas_fov_lon=centre[:, 0], hillas_fov_lat=centre[:, 1], hillas_width=torch.ones(300))
    given.mono.columns.update(mine=torch.arange(300))
    turn = RandomSymmetry(inputs=inputs(geometry), tasks=TASKS, takes=["hillas_fov_lon", "mine"], unchanged=["mine"])
    after = applied(turn, given)
    columns, expected = after.mono.columns, torch.from_numpy(seen)[lit(after)]
    turned = torch.stack([columns["hillas_fov_lon"], columns["hillas_fov_lat"]], dim=1)
    torch.testing.assert_close(turned, expected, atol=0.03 * float(np.degrees(geometry.pitch / 28)), rtol=0)
    assert columns["hillas_width"] is given.mono.columns["hillas_width"]
    assert columns["mine"] is given.mono.columns["mine"]
    assert list(columns) == list(given.mono.columns)


def test_a_column_of_the_images_that_nothing_is_known_of_is_refused(
    camera: Camera, inputs: Inputs, sources: Callable[..., Batch]
) -> None:
    geometry = camera("VERITAS")
    given = sources(geometry, some_pixels(geometry))
    given.mono.columns["core_psi"] = torch.zeros(300)
    with pytest.raises(SettingsError, match="how a turn of the camera changes the column 'core_psi': leave it out, or"):
        applied(RandomSymmetry(inputs=inputs(geometry), tasks=TASKS), given)


def test_a_column_that_a_network_takes_must_come_with_the_images(
    camera: Camera, inputs: Inputs, sources: Callable[..., Batch]
) -> None:
    geometry = camera("VERITAS")
    turn = RandomSymmetry(inputs=inputs(geometry), tasks=TASKS, takes=["hillas_psi", "hillas_width"])
    with pytest.raises(SettingsError, match="the network takes 'hillas_psi', which cannot be turned because it does"):
        applied(turn, sources(geometry, some_pixels(geometry)))


def test_a_network_that_takes_a_column_that_nothing_is_known_of_is_refused(camera: Camera, inputs: Inputs) -> None:
    with pytest.raises(ValueError, match="nothing says how a turn of the camera changes the column 'core_psi'"):
        RandomSymmetry(inputs=inputs(camera("VERITAS")), tasks=TASKS, takes=["hillas_psi", "core_psi"])


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("ground_vector", "a place on the ground, and where a turn about the telescope's axis takes it depends on"),
        ("tensor", "a tensor, which a turn of the camera cannot"),
    ],
)
def test_truth_that_a_turn_of_the_camera_cannot_turn_is_refused(
    camera: Camera, inputs: Inputs, kind: str, message: str
) -> None:
    core = TaskSpec(name="impact", target="mine.impact", size=2, geometry=kind)
    with pytest.raises(ValueError, match=f"the truth of task 'impact' is {message}"):
        RandomSymmetry(inputs=inputs(camera("VERITAS")), tasks=TASKS | {"impact": core})


def test_a_camera_vector_has_two_numbers(camera: Camera, inputs: Inputs) -> None:
    unit = TaskSpec(name="unit", target="mine.unit", size=3, geometry="camera_vector")
    with pytest.raises(ValueError, match="the truth of task 'unit' has 3 numbers, wanted 2 for a camera_vector"):
        RandomSymmetry(inputs=inputs(camera("VERITAS")), tasks={"unit": unit})


def test_events_of_the_subarray_are_refused(camera: Camera, inputs: Inputs) -> None:
    with pytest.raises(ValueError, match="would break its stereoscopy: random_symmetry is for level='telescope' only"):
        RandomSymmetry(inputs=inputs(camera("VERITAS"), camera("LSTCam")), tasks=TASKS)


def test_images_on_a_grid_are_refused(camera: Camera, inputs: Inputs) -> None:
    with pytest.raises(ValueError, match="the images of VERITAS are on a grid already: put this transform before"):
        RandomSymmetry(inputs=inputs(camera("VERITAS"), shape=(3, 4)), tasks=TASKS)


def test_a_camera_without_a_symmetry_is_refused(camera: Camera, inputs: Inputs) -> None:
    with pytest.raises(ValueError, match="no rotation maps the outline of FACT to itself: leave random_symmetry out"):
        RandomSymmetry(inputs=inputs(camera("FACT")), tasks=TASKS)
    x, y = np.array([0.0, 1.0, 2.0, 0.5]), np.array([0.0, 0.0, 0.0, 0.75**0.5])
    four = CameraGeometry(name="four", x=x, y=y, area=np.ones(4), focal_length=1.0)
    with pytest.raises(ValueError, match="no rotation or reflection maps the outline of four to itself"):
        RandomSymmetry(inputs=inputs(four), tasks=TASKS, reflections=True)


def test_a_camera_without_a_lattice_is_refused(inputs: Inputs) -> None:
    spiral = np.sqrt(np.arange(36)) * np.exp(2.4j * np.arange(36))
    geometry = CameraGeometry(name="sunflower", x=spiral.real, y=spiral.imag, area=np.ones(36), focal_length=28)
    with pytest.raises(
        ValueError, match="no rotation maps the outline of sunflower to itself and its pixels are on no"
    ):
        RandomSymmetry(inputs=inputs(geometry), tasks=TASKS)
