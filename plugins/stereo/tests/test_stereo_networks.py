from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import attrs
import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from stereo_made import INPUTS
from stereo_made import TASKS
from stereo_made import Maker
from stereo_made import Tiny
from stereo_made import as_measured
from stereo_made import in_double
from stereo_made import showers
from torch import Tensor
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from gammalearn_core.api import Batch
from gammalearn_core.api import InputSpec
from gammalearn_core.api import OutputSpec
from gammalearn_stereo.networks.attention import StereoAttention
from gammalearn_stereo.networks.mono_average import MonoAverage
from gammalearn_stereo.networks.pooling import WAYS
from gammalearn_stereo.networks.pooling import StereoPooling
from gammalearn_stereo.networks.rnn import StereoRNN

NETWORKS = {
    "attention": lambda **k: StereoAttention(**k, features=8, width=8, heads=2, pair=6, hidden=8),
    "pooling": lambda **k: StereoPooling(**k, features=8, width=8, heads=2, hidden=8, pooling=WAYS),
    "rnn": lambda **k: StereoRNN(**k, features=8, units=8, layers=2, hidden=8),
    "mono_average": lambda **k: MonoAverage(**k),
}  # fmt: skip
EVERY = pytest.mark.parametrize("name", NETWORKS)
MIXED = (3, 0, 1, 26, 2, 3, 2)


def make(name: str, maker: Callable[..., nn.Module] | None = None) -> nn.Module:
    """A network whose parameters that are 0 at the start are not."""
    torch.manual_seed(3)
    network = NETWORKS[name](inputs=as_measured(), outputs=TASKS, encoder=maker or Maker())
    with torch.no_grad():
        for parameter in network.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    return network


def flat(outputs: dict[str, Tensor]) -> Tensor:
    return torch.cat([outputs[name] for name in TASKS.tasks], dim=1)


@EVERY
def test_events_of_any_number_of_telescopes_are_predicted_in_one_batch(name: str) -> None:
    outputs = make(name)(showers(MIXED))
    assert {n: tuple(v.shape) for n, v in outputs.items()} == {n: (7, t.size) for n, t in TASKS.tasks.items()}
    assert flat(outputs).isfinite().all()
    assert torch.unique(flat(outputs), dim=0).shape[0] == 7


@EVERY
def test_an_event_is_predicted_alike_in_every_batch(name: str) -> None:
    network, batch = make(name).double(), in_double(showers(MIXED))
    whole = flat(network(batch))
    alone = torch.cat([flat(network(batch.take(torch.tensor([row])))) for row in range(len(batch))])
    torch.testing.assert_close(alone, whole, rtol=0, atol=1e-10)


@EVERY
@pytest.mark.parametrize("renamed", [False, True], ids=["shuffled", "renamed"])
def test_the_order_of_telescopes_does_not_matter(name: str, renamed: bool) -> None:
    network, batch = make(name).double(), in_double(showers(MIXED))
    other = {}
    for key, group in batch.images.items():
        order = torch.randperm(len(group))
        other[key] = group.take(order)
        if renamed:
            # Another order within the event, too: images of an event are sorted by it.
            other[key] = replace(other[key], telescope=torch.randperm(len(group)))
    turned = replace(batch, images=dict(reversed(other.items())))
    torch.testing.assert_close(flat(network(turned)), flat(network(batch)), rtol=0, atol=1e-10)


@EVERY
def test_encoders_are_given_each_image_once(name: str) -> None:
    maker = Maker()
    network, batch = make(name, maker), showers(MIXED)
    network(batch)
    assert [encoder.given for encoder in maker.made] == [[len(g)] for g in batch.images.values()]
    assert sum(encoder.given[0] for encoder in maker.made) == sum(MIXED)


@EVERY
def test_what_is_computed_grows_with_images_and_not_with_the_largest_event(name: str) -> None:
    network, sizes = make(name), []
    for layer in network.modules():
        if isinstance(layer, (nn.Linear, nn.LSTM)):
            layer.register_forward_hook(lambda _, given, __: sizes.append(len(getattr(given[0], "data", given[0]))))
    network(showers([2] * 30))
    small = max(sizes)
    sizes.clear()
    network(showers([*[2] * 30, 26]))
    # Rows of a linear layer: images, or pairs of images of one event.
    assert max(sizes) <= small + 26**2
    assert max(sizes) < 31 * 26


@EVERY
@pytest.mark.parametrize("multiplicities", [(0, 0), ()], ids=["without images", "without events"])
def test_a_batch_of_nothing_has_predictions_and_gradients(name: str, multiplicities: tuple[int, ...]) -> None:
    network = make(name)
    outputs = flat(network(showers(multiplicities)))
    assert outputs.shape == (len(multiplicities), 7)
    assert outputs.isfinite().all()
    outputs.sum().backward()
    assert [n for n, p in network.named_parameters() if p.grad is None or not p.grad.isfinite().all()] == []


@EVERY
def test_parameters_of_a_camera_without_images_get_gradients_of_0(name: str) -> None:
    network, batch = make(name), showers(MIXED)
    del batch.images["Small-28.5m"]
    flat(network(batch)).square().sum().backward()
    absent = dict(network.encoders["Small-28_5m"].named_parameters())
    assert absent
    assert all(p.grad is not None and not p.grad.any() for p in absent.values())
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())


@EVERY
def test_a_camera_whose_group_is_empty_is_one_without_images(name: str) -> None:
    network, batch = make(name), showers(MIXED)
    empty = batch.take_images({"Small-28.5m": torch.zeros(len(batch.images["Small-28.5m"]), dtype=torch.bool)})
    without = replace(batch, images={"Large": batch.images["Large"]})
    assert torch.equal(flat(network(empty)), flat(network(without)))


@EVERY
def test_gradients_are_those_of_finite_differences(name: str) -> None:
    network, batch = make(name).double(), in_double(showers([2, 0, 3]))
    bias = next(p for n, p in network.named_parameters() if n.endswith("hidden.bias"))

    def loss() -> Tensor:
        return flat(network(batch)).square().sum()

    (grad,) = torch.autograd.grad(loss(), bias)
    with torch.no_grad():
        for i in range(len(bias)):
            bias[i] += 1e-6
            more = loss()
            bias[i] -= 2e-6
            less = loss()
            bias[i] += 1e-6
            torch.testing.assert_close((more - less) / 2e-6, grad[i], rtol=1e-5, atol=1e-7)


@EVERY
def test_autocast_reduces_encoders_only(name: str) -> None:
    network, batch = make(name), showers(MIXED)
    plain = flat(network(batch))
    with torch.autocast("cpu", torch.bfloat16):
        outputs = network(batch)
    assert all(value.dtype == torch.float32 for value in outputs.values())
    assert 0 < (flat(outputs) - plain).abs().max() < 0.1


@EVERY
def test_it_works_with_deterministic_algorithms_and_repeats_itself(name: str) -> None:
    torch.use_deterministic_algorithms(True)
    try:
        given = []
        for _ in range(2):
            network = make(name)
            flat(network(showers(MIXED))).square().sum().backward()
            given.append(torch.cat([p.grad.flatten() for p in network.parameters()]))
    finally:
        torch.use_deterministic_algorithms(False)
    assert torch.equal(*given)


class Fused(Tiny):
    """A mono network with another form for prediction."""

    def for_prediction(self, *, dtype: torch.dtype) -> nn.Module | None:
        fused = copy.deepcopy(self)
        fused.asked = dtype
        return fused


@EVERY
def test_for_prediction_takes_the_form_of_the_encoders(name: str) -> None:
    network, batch = make(name, Maker(Fused)), showers(MIXED)
    state = {n: id(p) for n, p in network.named_parameters()}
    made = network.for_prediction(dtype=torch.bfloat16)
    assert [encoder.asked for encoder in made.encoders.values()] == [torch.bfloat16] * 2
    assert torch.equal(flat(made(batch)), flat(network(batch)))
    assert {n: id(p) for n, p in network.named_parameters()} == state
    assert not any(hasattr(encoder, "asked") for encoder in network.encoders.values())


@EVERY
def test_without_encoders_that_have_a_form_for_prediction_there_is_none(name: str) -> None:
    assert make(name).for_prediction(dtype=torch.float32) is None


@EVERY
def test_samples_that_are_single_images_are_refused(name: str) -> None:
    mono = InputSpec(level="telescope", cameras=INPUTS.cameras)
    with pytest.raises(ValueError, match="read events with the loader's level='subarray'"):
        NETWORKS[name](inputs=mono, outputs=TASKS, encoder=Maker())


@EVERY
def test_images_that_are_not_measured_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"not measured: put ref\('stereo.moments'\) before"):
        NETWORKS[name](inputs=INPUTS, outputs=TASKS, encoder=Maker())
    bare = {key: replace(group, columns={}) for key, group in showers([2]).images.items()}
    with pytest.raises(ValueError, match=r"come without the column 'stereo_size'"):
        make(name)(replace(showers([2]), images=bare))


@pytest.mark.parametrize("name", ["attention", "pooling", "mono_average"])
def test_networks_work_without_moments(name: str) -> None:
    target = {"attention": StereoAttention, "pooling": StereoPooling, "mono_average": MonoAverage}[name]
    network = target(inputs=INPUTS, outputs=TASKS, encoder=Maker(), moments=False)
    batch = showers(MIXED)
    bare = replace(batch, images={key: replace(group, columns={}) for key, group in batch.images.items()})
    assert flat(network(bare)).isfinite().all()


@EVERY
def test_the_pointing_is_that_of_the_telescopes_where_events_have_none(name: str) -> None:
    network, batch = make(name).double(), in_double(showers(MIXED))
    bare = replace(batch, events={"row": batch.events["row"]})
    has = torch.tensor(MIXED) > 0
    torch.testing.assert_close(flat(network(bare))[has], flat(network(batch))[has], rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "parameters", "message"),
    [
        ("attention", {"width": 10, "heads": 4}, "width must be a multiple of heads, got 10 and 4"),
        ("attention", {"depth": -1}, "depth must be a whole number of at least 0"),
        ("attention", {"rounds": -1}, "rounds must be a whole number of at least 0"),
        ("attention", {"features": 0}, "features must be a whole number of at least 1"),
        ("attention", {"dropout": 1.0}, "dropout must be a number from 0 to less than 1"),
        ("pooling", {"pooling": ["mean", "sum"]}, "pooling must be a list of 'mean', 'max', 'attention'"),
        ("pooling", {"pooling": "mean"}, "pooling must be a list of"),
        ("pooling", {"pooling": ("attention",), "width": 9}, "width must be a multiple of heads"),
        ("rnn", {"units": 2.5}, "units must be a whole number of at least 1, got 2.5"),
    ],
)
def test_wrong_parameters_are_told(name: str, parameters: dict[str, object], message: str) -> None:
    target = {"attention": StereoAttention, "pooling": StereoPooling, "rnn": StereoRNN}[name]
    with pytest.raises(ValueError, match=message):
        target(inputs=as_measured(), outputs=TASKS, encoder=Maker(), **parameters)


def test_the_recurrent_network_reads_the_brightest_image_first() -> None:
    network, batch = make("rnn").double(), in_double(showers([2, 4, 3]))
    read: list[Tensor] = []
    network.lstm.register_forward_pre_hook(lambda _, given: read.append(given[0]))
    network(batch)
    (packed,) = read
    assert packed.batch_sizes.tolist() == [3, 3, 2, 1]
    sizes = torch.cat([g.columns["stereo_size"] for g in batch.images.values()])
    event = torch.cat([g.event for g in batch.images.values()])
    wanted = [sizes[event == e].sort(descending=True).values for e in (1, 2, 0)]
    for step, count in enumerate(packed.batch_sizes.tolist()):
        start = int(packed.batch_sizes[:step].sum())
        # The first number of `describing.of_images`, behind the features, is of the size.
        got = packed.data[start : start + count, 8].sinh().mul(4).expm1()
        torch.testing.assert_close(got, torch.stack([w[step] for w in wanted[:count]]), rtol=1e-9, atol=0)


def test_the_recurrent_network_reads_images_of_the_same_size_by_telescope() -> None:
    network, batch = make("rnn").double(), in_double(showers([4]))
    (key, group), *_ = batch.images.items()
    group.columns["stereo_size"][:] = 100.0
    batch = replace(batch, images={key: group})
    turned = replace(batch, images={key: group.take(torch.tensor([1, 0]))})
    torch.testing.assert_close(flat(network(turned)), flat(network(batch)), rtol=0, atol=1e-10)
    renamed = replace(batch, images={key: replace(group, telescope=group.telescope.flip(0))})
    assert (flat(network(renamed)) - flat(network(batch))).abs().max() > 1e-6


def test_the_recurrent_network_as_published_sees_features_only() -> None:
    published = StereoRNN(inputs=as_measured(), outputs=TASKS, encoder=Maker(), features=8, geometry=False)
    batch = showers([2, 3])
    before = flat(published(batch))
    moved = {k: replace(g, position=g.position + 50) for k, g in batch.images.items()}
    assert torch.equal(flat(published(replace(batch, images=moved))), before)


def test_an_average_of_equal_weights_is_the_mean_of_the_mono_predictions() -> None:
    torch.manual_seed(3)
    network = MonoAverage(inputs=as_measured(), outputs=TASKS, encoder=Maker())
    batch = showers([3])
    mono = [network.encoders.encode(key, group) for key, group in batch.images.items()]
    energy = torch.cat([given["energy"] for given in mono])
    share = torch.cat([given["particle"].softmax(dim=1) for given in mono])
    direction = torch.cat([given["direction"] for given in mono])
    impact = torch.cat(
        [m["impact"] + g.position[:, :2] / 100 for m, g in zip(mono, batch.images.values(), strict=True)]
    )
    outputs = network(batch)
    torch.testing.assert_close(outputs["energy"][0], energy.mean(dim=0))
    torch.testing.assert_close(outputs["particle"][0].softmax(dim=0), share.mean(dim=0))
    torch.testing.assert_close(outputs["direction"][0], direction.mean(dim=0), atol=1e-5, rtol=0)
    torch.testing.assert_close(outputs["impact"][0], impact.mean(dim=0))


@pytest.mark.parametrize("target", [StereoAttention, StereoPooling, MonoAverage])
def test_numbers_for_the_size_of_errors_come_after_a_vector(target: type[nn.Module]) -> None:
    larger = {n: attrs.evolve(t, size=2 * t.size) if t.size == 2 else t for n, t in TASKS.tasks.items()}
    batch, given = showers([2, 3]), []
    for tasks in (TASKS, OutputSpec(tasks=larger)):
        torch.manual_seed(3)
        network = target(inputs=as_measured(), outputs=tasks, encoder=Maker())
        if target is MonoAverage:
            with torch.no_grad():
                for parameter in network.parameters():
                    parameter.zero_()
        given.append(network(batch))
    for name in ("direction", "impact"):
        assert given[1][name].shape == (2, 4)
        torch.testing.assert_close(given[1][name][:, :2], given[0][name], atol=1e-5, rtol=0)


def test_directions_are_averaged_on_the_sky_where_telescopes_point_differently() -> None:
    network = MonoAverage(inputs=as_measured(), outputs=TASKS, encoder=Maker())
    with torch.no_grad():
        for encoder in network.encoders.values():
            for parameter in encoder.heads[2].parameters():
                parameter.zero_()
    batch = showers([2])
    for group in batch.images.values():
        group.pointing[:, 0] += 1.5
    torch.testing.assert_close(network(batch)["direction"], torch.tensor([[0.0, 1.5]]), atol=1e-5, rtol=0)


def _train(rank: int, store: str, name: str, queue: mp.Queue[list[float]]) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=2)
    try:
        # Not told that parameters may be unused: all must have gradients in both processes.
        network = DistributedDataParallel(make(name).double())
        batch = in_double(showers([3, 2]))
        if rank:
            del batch.images["Small-28.5m"]
        flat(network(batch)).square().sum().backward()
        queue.put([float(p.grad.norm()) for p in network.parameters()])
    finally:
        dist.destroy_process_group()


def test_two_processes_train_though_one_has_no_image_of_a_camera(tmp_path: Path) -> None:
    name = "attention"
    context = mp.get_context("spawn")
    queue = context.Queue()
    store = str(tmp_path / "store")
    started = [context.Process(target=_train, args=(rank, store, name, queue)) for rank in range(2)]
    for process in started:
        process.start()
    norms = [queue.get(timeout=300) for _ in started]
    for process in started:
        process.join(timeout=60)
    assert [process.exitcode for process in started] == [0, 0]
    assert norms[0] == norms[1]

    network, batch = make(name).double(), in_double(showers([3, 2]))
    alone = replace(batch, images={"Large": batch.images["Large"]})
    (flat(network(batch)).square().sum() / 2).backward()
    (flat(network(alone)).square().sum() / 2).backward()
    assert norms[0] == pytest.approx([float(p.grad.norm()) for p in network.parameters()], rel=1e-9, abs=1e-12)


def test_a_batch_of_an_unknown_camera_is_told() -> None:
    batch: Batch = showers([2])
    batch.images["Other"] = batch.images.pop("Large")
    with pytest.raises(ValueError, match=r"images of camera 'Other'; the network has Large, Small-28.5m"):
        make("pooling")(batch)
