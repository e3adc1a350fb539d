from __future__ import annotations

import numpy as np
import pytest
import torch
from stereo_made import CAMERAS
from stereo_made import TASKS
from stereo_made import Maker
from stereo_made import as_measured
from stereo_made import showers

from gammalearn_core.api import Batch
from gammalearn_core.baseline.axes import Axes
from gammalearn_core.baseline.axes import intersect
from gammalearn_core.baseline.axes import unit_vectors
from gammalearn_core.baseline.hillas import Pixels
from gammalearn_core.baseline.hillas import parameters
from gammalearn_core.data.sky import from_offset
from gammalearn_core.data.sky import to_offset
from gammalearn_stereo.cleaning import Cleaning
from gammalearn_stereo.cleaning import noise
from gammalearn_stereo.crossing import Found
from gammalearn_stereo.crossing import Pairs
from gammalearn_stereo.measuring import Measuring
from gammalearn_stereo.networks.attention import StereoAttention
from gammalearn_stereo.networks.pooling import StereoPooling
from gammalearn_stereo.refining import Refining
from gammalearn_stereo.sky import Frame
from gammalearn_stereo.sky import mean_pointing
from gammalearn_stereo.tokens import Tokeniser
from gammalearn_stereo.tokens import Tokens

MANY = (2, 3, 4, 2, 6, 26)


def tokens(batch: Batch) -> Tokens:
    return Tokeniser(as_measured(), moments=True)(batch, list(batch.images.items()))


def exact(batch: Batch) -> Batch:
    """The same with centroids and axes where lines of light have them, without pixels between."""
    direction, core = batch.truth["direction"].double(), batch.truth["impact"].double()
    core = torch.cat([core, torch.zeros(len(core), 1)], dim=1)
    for group in batch.images.values():
        frame = Frame.at(*group.pointing.unbind(dim=1))
        way, place = frame.vectors(direction[group.event]), group.position.double() / 100
        near, far = (frame.offsets(core[group.event] + up * way - place) for up in (95.0, 105.0))
        axis = (far - near) / (far - near).norm(dim=1, keepdim=True)
        ours = {"lon": near[:, 0], "lat": near[:, 1], "axis_lon": axis[:, 0], "axis_lat": axis[:, 1]}
        group.columns |= {f"stereo_{name}": value for name, value in ours.items()}
    return batch


def test_offsets_are_those_of_the_core() -> None:
    generator = np.random.default_rng(5)
    alt, az = generator.uniform(20, 89, 50), generator.uniform(0, 360, 50)
    alt0, az0 = np.full(50, 70.0), np.full(50, 359.0)
    frame = Frame.at(torch.from_numpy(alt0), torch.from_numpy(az0))
    vectors = Frame.at(torch.from_numpy(alt), torch.from_numpy(az)).forward
    np.testing.assert_allclose(vectors.numpy(), unit_vectors(alt, az), atol=1e-12)
    offsets = frame.offsets(vectors)
    np.testing.assert_allclose(offsets.numpy(), np.column_stack(to_offset(alt, az, alt0, az0)), atol=1e-9)
    np.testing.assert_allclose(frame.vectors(offsets).numpy(), vectors.numpy(), atol=1e-12)


def test_the_mean_pointing_crosses_north() -> None:
    pointing = torch.tensor([[70.0, 359.0], [70.0, 1.0], [50.0, 180.0]])
    found = mean_pointing(pointing, torch.tensor([0, 0, 2]), 3)
    wanted = Frame.at(torch.tensor([70.0, 90, 50]), torch.tensor([0.0, 0, 180]))
    away = Frame.at(*found.unbind(dim=1)).offsets(wanted.forward)
    torch.testing.assert_close(away, torch.zeros_like(away), atol=5e-3, rtol=0)


def test_images_are_displaced_by_where_telescopes_are() -> None:
    batch = showers(MANY)
    found = tokens(batch)
    direction, event = batch.truth["direction"].double(), found.event
    core = torch.cat([batch.truth["impact"].double(), torch.zeros(len(MANY), 1)], dim=1)
    way = found.frame.take(event).vectors(direction[event])
    # The middle of the shower, from the telescope: 10 km up along its direction.
    seen = found.frame.take(event).offsets(core[event] + 100.0 * way - found.position)
    # Light above and below the middle is at other angles, so the centroid is not exactly there.
    torch.testing.assert_close(found.centroid, seen, atol=0.15, rtol=0)
    displaced = (found.place - found.frame.places(core)[event]).rad2deg() / 100.0
    torch.testing.assert_close(found.centroid - direction[event], displaced, atol=0.3, rtol=0)


def test_axes_cross_where_the_baseline_has_them_cross() -> None:
    batch = exact(showers(MANY))
    found = tokens(batch)
    network = StereoAttention(inputs=as_measured(), outputs=TASKS, encoder=Maker()).double()
    with torch.no_grad():
        images = torch.zeros(len(found.event), 64, dtype=torch.float64)
        pairs = Pairs.of(found, torch.float64)
        hidden = network.pairs(pairs.described)
        crossed = network.crossing(images, hidden, found, pairs)
    lon, lat = found.centroid.numpy().T
    axis = found.axis.numpy()
    pointing = found.pointing.numpy()
    axes = Axes(
        event=found.event.numpy(),
        lon=lon,
        lat=lat,
        psi=np.degrees(np.arctan2(axis[:, 1], axis[:, 0])),
        pointing_alt=pointing[found.event, 0],
        pointing_az=pointing[found.event, 1],
        position=100 * found.position.numpy(),
        weight=found.weight.numpy(),
    )
    baseline = intersect(axes, *pointing.T)
    wanted = np.column_stack(to_offset(baseline.alt, baseline.az, *pointing.T))
    np.testing.assert_allclose(crossed.direction.numpy(), wanted, atol=2e-3)
    np.testing.assert_allclose(crossed.direction.numpy(), batch.truth["direction"].numpy(), atol=2e-3)
    ground = found.frame.on_ground(crossed.impact, crossed.direction).numpy()
    np.testing.assert_allclose(ground, batch.truth["impact"].numpy(), atol=0.01)
    # The baseline carries telescopes along the pointing; here they are carried along what they see.
    np.testing.assert_allclose(ground, np.column_stack([baseline.core_x, baseline.core_y]) / 100, atol=0.1)


@pytest.mark.parametrize("az", [0.0, 77.0, 200.0])
@pytest.mark.parametrize(("rounds", "tolerance"), [(0, 5e-3), (1, 0.04)])
def test_before_training_attention_gives_directions_and_impact_points_by_geometry(
    az: float, rounds: int, tolerance: float
) -> None:
    batch = exact(showers(MANY, az=az, seed=int(az) + 1))
    outputs = StereoAttention(inputs=as_measured(), outputs=TASKS, encoder=Maker(), rounds=rounds)(batch)
    torch.testing.assert_close(outputs["direction"], batch.truth["direction"], atol=tolerance, rtol=0)
    torch.testing.assert_close(outputs["impact"], batch.truth["impact"], atol=4 * tolerance, rtol=0)


def test_a_single_image_starts_from_its_centroid_and_its_telescope() -> None:
    batch = showers((1, 1))
    found = tokens(batch)
    for network in (StereoAttention, StereoPooling):
        outputs = network(inputs=as_measured(), outputs=TASKS, encoder=Maker())(batch)
        torch.testing.assert_close(outputs["direction"], found.centroid.float()[found.groups.place], atol=1e-5, rtol=0)


def test_refining_takes_the_opinion_of_images_as_far_as_gates_let_it() -> None:
    found = tokens(batch := showers((3, 1, 2)))
    refining = Refining(4).double()
    images = torch.zeros(len(found.event), 4, dtype=torch.float64)
    start = Found(direction=batch.truth["direction"].double(), impact=batch.truth["impact"].double(), spread=None)
    with torch.no_grad():
        for gate, far in ((-60.0, 0.0), (60.0, 1.0)):
            refining.gates.bias.fill_(gate)
            after = refining(images, found, start)
            # Without moves each image has the shower at its centroid and at its telescope.
            alike = torch.zeros(len(found.event), 1, dtype=torch.float64)
            alike += 0.5 * found.weight.add(1e-3).log()[:, None] + refining.scores.bias[:1]
            own = found.groups.mean(found.centroid[:, None], alike)[:, 0]
            wanted = start.direction + far * (own - start.direction)
            torch.testing.assert_close(after.direction, wanted, atol=1e-9, rtol=0)


def test_parallel_axes_and_empty_images_do_no_harm() -> None:
    batch = showers((2, 2, 3))
    for group in batch.images.values():
        for name in group.columns:
            group.columns[name] = torch.zeros_like(group.columns[name])
        group.columns["stereo_axis_lon"] += 1
    network = StereoAttention(inputs=as_measured(), outputs=TASKS, encoder=Maker())
    outputs = network(batch)
    assert all(value.isfinite().all() for value in outputs.values())
    sum(value.square().sum() for value in outputs.values()).backward()
    assert all(p.grad.isfinite().all() for p in network.parameters())


def test_parameters_are_those_of_the_baseline() -> None:
    batch = showers((3, 4), noise=1.0)
    for key, group in batch.images.items():
        measuring = Measuring(CAMERAS[key])
        mask = Cleaning(CAMERAS[key]).tail_cuts(group.pixels[:, 0], 6.0, 3.0)
        found = {n: v.numpy() for n, v in measuring(group.pixels[:, 0], mask, group.pixels[:, 1]).items()}
        wanted = parameters(
            Pixels.of(CAMERAS[key]), group.pixels[:, 0].numpy(), mask.numpy(), group.pixels[:, 1].double().numpy()
        )
        names = {"size": "intensity", "length": "length", "width": "width", "lon": "fov_lon", "lat": "fov_lat"}
        for name, other in names.items():
            np.testing.assert_allclose(found[name], wanted[f"hillas_{other}"], rtol=1e-5, atol=1e-7, err_msg=name)
        np.testing.assert_allclose(found["skewness"], np.abs(wanted["hillas_skewness"]), rtol=1e-5, atol=1e-7)
        np.testing.assert_allclose(found["leakage"], wanted["leakage_intensity_width_1"], atol=1e-7)
        np.testing.assert_allclose(found["concentration"], wanted["concentration_pixel"], rtol=1e-6)
        psi = np.degrees(np.arctan2(found["axis_lat"], found["axis_lon"]))
        sign = np.where(wanted["hillas_skewness"] < 0, -1, 1)
        turn = (psi - wanted["hillas_psi"] + np.where(sign < 0, 180, 0) + 90) % 360 - 90
        np.testing.assert_allclose(turn, 0, atol=1e-4)


def test_tail_cuts_are_those_of_ctapipe() -> None:
    geometry = CAMERAS["Large"]
    generator = np.random.default_rng(4)
    charge = torch.from_numpy(generator.exponential(3.0, (20, geometry.n_pixels)))
    mask = Cleaning(geometry).tail_cuts(charge, 8.0, 4.0).numpy()
    start, indices = geometry.neighbours
    for image, kept in zip(charge.numpy(), mask, strict=True):
        near = [indices[start[i] : start[i + 1]] for i in range(geometry.n_pixels)]
        wanted = [
            (image[i] >= 8 and (image[near[i]] >= 4).any()) or (image[i] >= 4 and (image[near[i]] >= 8).any())
            for i in range(geometry.n_pixels)
        ]
        assert kept.tolist() == wanted


def test_the_main_island_is_that_of_the_brightest_pixel() -> None:
    geometry = CAMERAS["Large"]
    generator = np.random.default_rng(6)
    charge = torch.from_numpy(generator.exponential(3.0, (30, geometry.n_pixels)))
    mask = charge > 3
    mask[-1] = False
    found = Cleaning(geometry).main_island(charge, mask)
    start, indices = geometry.neighbours
    for image, within, island in zip(charge.numpy(), mask.numpy(), found.numpy(), strict=True):
        reached, ahead = set(), [int(np.where(within, image, -1).argmax())] if within.any() else []
        while ahead:
            pixel = ahead.pop()
            reached.add(pixel)
            ahead += [i for i in indices[start[pixel] : start[pixel + 1]] if within[i] and i not in reached]
        assert set(np.flatnonzero(island)) == reached


def test_thresholds_follow_the_noise_and_not_the_light() -> None:
    charge = 5 + 2 * torch.randn(4, 2000, dtype=torch.float64)
    charge[:, :200] += 100
    middle, sigma = noise(charge)
    torch.testing.assert_close(middle, torch.full_like(middle, 5), atol=0.5, rtol=0)
    torch.testing.assert_close(sigma, torch.full_like(sigma, 2), atol=0.4, rtol=0)


def test_the_slope_of_the_peak_time_is_along_the_axis() -> None:
    geometry = CAMERAS["Large"]
    batch = showers((4,))
    group = batch.images["Large"]
    measuring = Measuring(geometry)
    lon, lat = (np.degrees(a / geometry.focal_length) for a in (geometry.y, geometry.x))
    time = torch.from_numpy(7 + 3 * lon - 2 * lat).expand(len(group), -1)
    mask = group.pixels[:, 0] > 5
    found = measuring(group.pixels[:, 0], mask, time)
    # The part of the gradient along the axis, as images are thin beside it.
    wanted = 3 * found["axis_lon"] - 2 * found["axis_lat"]
    torch.testing.assert_close(found["slope"], wanted, rtol=1e-6, atol=1e-6)


def test_one_pixel_and_none_have_numbers() -> None:
    geometry = CAMERAS["Large"]
    charge = torch.zeros(2, geometry.n_pixels)
    charge[0, 17] = 30
    found = Measuring(geometry)(charge, charge > 0)
    assert all(value.isfinite().all() for value in found.values())
    assert found["size"].tolist() == [30.0, 0.0]
    assert found["length"].tolist() == found["width"].tolist() == [0.0, 0.0]
    assert found["lon"][0].item() == pytest.approx(np.degrees(geometry.y[17] / geometry.focal_length))


def test_telescopes_that_point_elsewhere_see_the_same_sky() -> None:
    batch = showers((3,))
    before = tokens(batch)
    for group in batch.images.values():
        alt, az = group.pointing.numpy().T
        lon, lat = group.columns["stereo_lon"], group.columns["stereo_lat"]
        sky = from_offset(lon.numpy(), lat.numpy(), alt, az)
        group.pointing += torch.tensor([0.7, -1.1])
        moved = to_offset(*sky, *group.pointing.numpy().T)
        group.columns["stereo_lon"], group.columns["stereo_lat"] = (torch.from_numpy(a) for a in moved)
    after = tokens(batch)
    torch.testing.assert_close(after.centroid, before.centroid, atol=1e-9, rtol=0)
    torch.testing.assert_close(after.offset[:, 1], torch.full((3,), 0.7, dtype=torch.float64), atol=0.02, rtol=0)
