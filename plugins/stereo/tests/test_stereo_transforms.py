from __future__ import annotations

from dataclasses import replace

import attrs
import numpy as np
import pytest
import torch
from stereo_made import CAMERAS
from stereo_made import INPUTS
from stereo_made import TASKS
from stereo_made import Maker
from stereo_made import as_measured
from stereo_made import measured
from stereo_made import showers
from stereo_made import spec

from gammalearn_core import SettingsError
from gammalearn_core.api import Batch
from gammalearn_core.api import CameraGeometry
from gammalearn_core.api import InputSpec
from gammalearn_core.api import OutputSpec
from gammalearn_core.data.sky import separation
from gammalearn_stereo.measuring import COLUMNS
from gammalearn_stereo.networks.attention import StereoAttention
from gammalearn_stereo.sky import Frame
from gammalearn_stereo.transforms.drop_telescopes import DropTelescopes
from gammalearn_stereo.transforms.moments import Moments
from gammalearn_stereo.transforms.random_turn import RandomTurn

VECTORS = {name: TASKS.tasks[name] for name in ("direction", "impact")}
MONO = InputSpec(level="telescope", cameras={"Large": INPUTS.cameras["Large"]})


def generator(seed: int = 1) -> torch.Generator:
    made = torch.Generator()
    made.manual_seed(seed)
    return made


def multiplicity(batch: Batch) -> torch.Tensor:
    return torch.bincount(torch.cat([g.event for g in batch.images.values()]), minlength=len(batch))


def test_telescopes_are_left_out_with_their_probability() -> None:
    batch = showers([26] * 40)
    dropped = DropTelescopes(inputs=INPUTS, probability=0.3)(batch, generator())
    assert dropped.n_images / batch.n_images == pytest.approx(0.7, abs=0.05)
    assert (
        len({tuple(dropped.images["Large"].telescope[dropped.images["Large"].event == e].tolist()) for e in range(40)})
        == 40
    )
    assert dropped.truth is batch.truth


@pytest.mark.parametrize("minimum", [0, 1, 3])
def test_events_keep_as_many_images_as_they_must(minimum: int) -> None:
    counts = torch.tensor([0, 1, 2, 3, 5, 26] * 20)
    dropped = multiplicity(
        DropTelescopes(inputs=INPUTS, probability=0.9, minimum=minimum)(showers(counts.tolist()), generator())
    )
    assert (dropped >= counts.clamp_max(minimum)).all()
    assert (dropped <= counts).all()
    assert int(dropped[counts == 5].min()) == minimum


def test_what_is_kept_is_kept_as_it_was() -> None:
    batch = showers([4, 5])
    dropped = DropTelescopes(inputs=INPUTS, probability=0.5, minimum=2)(batch, generator())
    for key, group in dropped.images.items():
        whole = batch.images[key]
        mine = zip(group.event, group.telescope, strict=True)
        rows = [int(((whole.event == e) & (whole.telescope == t)).nonzero()) for e, t in mine]
        torch.testing.assert_close(group.pixels, whole.pixels[rows])
        torch.testing.assert_close(group.position, whole.position[rows])
        torch.testing.assert_close(group.columns["stereo_size"], whole.columns["stereo_size"][rows])


def test_a_batch_without_images_is_left_alone() -> None:
    batch = showers([0, 0])
    assert DropTelescopes(inputs=INPUTS)(batch, generator()).n_images == 0


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"probability": 1.0}, "probability must be a number from 0 to less than 1"),
        ({"minimum": -1}, "minimum must be a whole"),
    ],
)
def test_wrong_parameters_of_dropping_are_told(parameters: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        DropTelescopes(inputs=INPUTS, **parameters)


def test_transforms_of_events_refuse_single_images() -> None:
    for target in (DropTelescopes, lambda inputs: RandomTurn(inputs=inputs, tasks={})):
        with pytest.raises(ValueError, match="samples are single images"):
            target(inputs=MONO)


def drawn(batch: Batch, turned: Batch) -> torch.Tensor:
    """By how much each event was turned, deg, from its direction."""
    one, other = (torch.complex(*b.truth["direction"].double().unbind(dim=1)).angle() for b in (batch, turned))
    return (one - other).rad2deg() % 360


def test_events_are_turned_by_each_angle_that_all_cameras_share() -> None:
    batch = showers([1] * 120)
    turned = RandomTurn(inputs=as_measured(), tasks=VECTORS)(batch, generator())
    angles = drawn(batch, turned).round().long() % 360
    values, counts = angles.unique(return_counts=True)
    assert values.tolist() == [0, 60, 120, 180, 240, 300]
    assert counts.min() >= 10


def test_a_turned_event_is_seen_as_it_was() -> None:
    batch = showers([2, 3, 5, 8], noise=0.3)
    turned = RandomTurn(inputs=as_measured(), tasks=VECTORS)(batch, generator(3))
    assert (drawn(batch, turned) > 1).any()
    # What the geometry finds is as far from the truth as before: all of it was turned alike.
    network = StereoAttention(inputs=as_measured(), outputs=OutputSpec(tasks=VECTORS), encoder=Maker(), rounds=0)
    away = []
    for one in (batch, turned):
        found, truth = network(one)["direction"].detach().numpy(), one.truth["direction"].numpy()
        away.append(separation(*found.T, *truth.T))
    np.testing.assert_allclose(*away, atol=2e-4)
    assert max(away[0]) > 0.01


def test_columns_are_turned_as_they_would_be_measured_of_the_turned_image() -> None:
    batch = showers([2, 3, 5, 8], noise=0.3)
    turned = RandomTurn(inputs=as_measured(), tasks=VECTORS)(batch, generator(3))
    again = measured(turned)
    for key, group in turned.images.items():
        for name in COLUMNS:
            # The made times are a gradient on the sky, which does not turn with the image.
            if name != "stereo_slope":
                found, wanted = group.columns[name], again.images[key].columns[name]
                torch.testing.assert_close(found, wanted, atol=1e-3, rtol=1e-4, msg=name)


def test_telescopes_are_carried_about_the_pointing_axis() -> None:
    batch = showers([3, 6])
    turned = RandomTurn(inputs=as_measured(), tasks=VECTORS)(batch, generator(3))
    frame = Frame.at(torch.tensor([70.0]), torch.tensor([30.0]))
    for key, group in batch.images.items():
        before, after = group.position.double(), turned.images[key].position.double()
        torch.testing.assert_close(after.norm(dim=1), before.norm(dim=1), atol=1e-3, rtol=0)
        own = frame.take(torch.zeros(len(before), dtype=torch.int64))
        torch.testing.assert_close(own.along(after), own.along(before), atol=1e-3, rtol=0)


def test_impact_points_stay_on_the_axis_of_the_shower() -> None:
    batch = showers([2, 3, 4, 5, 6, 7])
    turned = RandomTurn(inputs=as_measured(), tasks=VECTORS)(batch, generator(5))
    assert (drawn(batch, turned) > 1).sum() >= 3
    frame = Frame.at(*(batch.events[n] for n in ("pointing_alt", "pointing_az")))

    def distances(one: Batch) -> torch.Tensor:
        way = frame.vectors(one.truth["direction"])
        core = torch.cat([one.truth["impact"].double(), torch.zeros(len(one), 1)], dim=1)
        parts = [
            (g.event, torch.linalg.cross(g.position.double() / 100 - core[g.event], way[g.event]))
            for g in one.images.values()
        ]
        return torch.cat([cross.norm(dim=1) for _, cross in parts])

    torch.testing.assert_close(distances(turned), distances(batch), atol=1e-4, rtol=0)


def test_an_impact_point_cannot_be_turned_without_the_direction() -> None:
    with pytest.raises(ValueError, match=r"the impact point of task 'impact' cannot be turned without the direction"):
        RandomTurn(inputs=as_measured(), tasks={"impact": VECTORS["impact"]})
    batch = showers([2, 2])
    batch.weight["direction"][1] = 0
    with pytest.raises(SettingsError, match=r"events have an impact point .* whose direction is not learned"):
        RandomTurn(inputs=as_measured(), tasks=VECTORS)(batch, generator())


def test_telescopes_that_point_elsewhere_cannot_be_turned() -> None:
    batch = showers([2, 2])
    batch.images["Large"].pointing[0, 0] += 0.5
    with pytest.raises(SettingsError, match=r"point up to 0.5 deg beside the array's pointing"):
        RandomTurn(inputs=as_measured(), tasks=VECTORS)(batch, generator())


def test_columns_of_which_nothing_is_known_are_refused() -> None:
    batch = showers([2])
    batch.images["Large"].columns["mystery"] = torch.zeros(1)
    with pytest.raises(SettingsError, match="how a turn of the camera changes the column 'mystery'"):
        RandomTurn(inputs=as_measured(), tasks=VECTORS)(batch, generator())


def square(side: int) -> CameraGeometry:
    x, y = np.meshgrid(np.arange(side) - (side - 1) / 2, np.arange(side) - (side - 1) / 2)
    area = np.ones(side * side)
    return CameraGeometry(name="Square", x=x.ravel(), y=y.ravel(), area=area, focal_length=100.0)


def with_camera(key: str, geometry: CameraGeometry) -> InputSpec:
    return attrs.evolve(INPUTS, cameras={**INPUTS.cameras, key: spec(geometry)})


def test_only_turns_that_all_cameras_share_are_drawn() -> None:
    inputs = with_camera("Square", square(9))
    turned = RandomTurn(inputs=inputs, tasks=VECTORS)(batch := showers([2] * 40), generator())
    assert (drawn(batch, turned).round().long() % 360).unique().tolist() == [0, 180]


def test_cameras_without_a_turn_in_common_are_refused() -> None:
    half = CAMERAS["Large"]
    upper = half.x > 0.1
    cut = CameraGeometry(name="Half", x=half.x[upper], y=half.y[upper], area=half.area[upper], focal_length=28.0)
    with pytest.raises(
        ValueError, match=r"no turn maps the outlines of all cameras .*Large by multiples of 60 deg.*Half by none"
    ):
        RandomTurn(inputs=with_camera("Half", cut), tasks=VECTORS)


def test_images_on_a_grid_are_refused() -> None:
    grid = attrs.evolve(INPUTS.cameras["Large"], shape=(20, 20))
    inputs = attrs.evolve(INPUTS, cameras={"Large": grid})
    with pytest.raises(ValueError, match="turn them before they are mapped"):
        RandomTurn(inputs=inputs, tasks=VECTORS)
    with pytest.raises(ValueError, match="measure them before they are mapped"):
        Moments(inputs=inputs)


def test_pixels_that_count_are_those_of_a_mask_that_is_named() -> None:
    camera = replace_channels("Large", ("image", "image_mask"))
    inputs = InputSpec(level="subarray", cameras={"Large": camera})
    group = showers([2]).images["Large"]
    pixels = group.pixels.clone()
    pixels[:, 1] = 0
    pixels[:, 1, :5] = 1
    batch = Batch(
        images={"Large": replace(group, pixels=pixels, channels=camera.channels)}, events={"row": torch.arange(1)}
    )
    masking = Moments(inputs=inputs, mask="image_mask", main_island=False)
    masked = masking(batch, generator()).images["Large"].columns
    cut = Moments(inputs=inputs, thresholds=(4, 2))(batch, generator()).images["Large"].columns
    torch.testing.assert_close(masked["stereo_size"], pixels[:, 0, :5].double().clamp_min(0).sum(dim=1))
    assert cut["stereo_size"] > masked["stereo_size"]


def replace_channels(key: str, channels: tuple[str, ...]) -> object:
    return attrs.evolve(INPUTS.cameras[key], channels=channels)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"thresholds": (4, 8)}, "thresholds must be two numbers above 0, the larger one first"),
        ({"thresholds": (8, 0)}, "thresholds must be two numbers above 0"),
        ({"noise": 5}, "noise must be two numbers above 0"),
        ({"mask": "image_mask", "thresholds": (8, 4)}, "either mask or thresholds"),
        ({"mask": "pek_time"}, r"images of Large have no channel 'pek_time' \(did you mean 'peak_time'\?\)"),
    ],
)
def test_wrong_parameters_of_moments_are_told(parameters: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Moments(inputs=INPUTS, **parameters)


def test_moments_do_not_depend_on_the_pedestal() -> None:
    batch = showers([3, 4], noise=0.3)
    wanted = Moments(inputs=INPUTS)(batch, generator())
    shifted = {key: replace(group, pixels=group.pixels + 7) for key, group in batch.images.items()}
    again = Moments(inputs=INPUTS)(replace(batch, images=shifted), generator())
    for key, group in again.images.items():
        for name in COLUMNS:
            found, other = group.columns[name], wanted.images[key].columns[name]
            torch.testing.assert_close(found, other, atol=1e-4, rtol=1e-3, msg=name)


def test_an_island_beside_the_image_does_not_turn_its_axis() -> None:
    batch = showers([4])
    plain = Moments(inputs=INPUTS)(batch, generator()).images["Large"].columns
    group = batch.images["Large"]
    geometry = CAMERAS["Large"]
    away = (
        torch.from_numpy(np.degrees(np.column_stack([geometry.y, geometry.x]) / 28.0)) - torch.tensor([2.5, -2.5])
    ).norm(dim=1)
    pixels = group.pixels.clone()
    pixels[:, 0, away.argsort()[:3]] = 10
    spoiled = replace(batch, images={"Large": replace(group, pixels=pixels)})
    kept = Moments(inputs=INPUTS)(spoiled, generator()).images["Large"].columns
    whole = Moments(inputs=INPUTS, main_island=False)(spoiled, generator()).images["Large"].columns
    torch.testing.assert_close(kept["stereo_length"], plain["stereo_length"])
    assert (whole["stereo_length"] > 1.2 * plain["stereo_length"]).all()
