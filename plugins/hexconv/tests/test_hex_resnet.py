from __future__ import annotations

import copy
import pickle
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from gammalearn_core.api import CameraGeometry
from gammalearn_core.api import InputSpec
from gammalearn_core.api import OutputSpec
from gammalearn_hexconv.lattice import HexLattice
from gammalearn_hexconv.networks.attention import Attention
from gammalearn_hexconv.networks.blocks import ResidualBlock
from gammalearn_hexconv.networks.resnet import HexResNet

Inputs = Callable[..., InputSpec]
Outputs = Callable[..., OutputSpec]


@pytest.fixture
def network(small: CameraGeometry, inputs: Inputs, outputs: Outputs) -> HexResNet:
    return HexResNet(inputs=inputs(small), outputs=outputs(energy=1, direction=2, particle=3))


def test_it_gives_each_task_its_numbers(camera: CameraGeometry, inputs: Inputs, outputs: Outputs) -> None:
    network = HexResNet(inputs=inputs(camera), outputs=outputs(energy=1, direction=2, particle=3))
    predicted = network(torch.randn(5, 2, camera.n_pixels))
    assert {task: tuple(p.shape) for task, p in predicted.items()} == {
        "energy": (5, 1),
        "direction": (5, 2),
        "particle": (5, 3),
    }


def test_tasks_may_have_the_names_of_attributes(small: CameraGeometry, inputs: Inputs, outputs: Outputs) -> None:
    network = HexResNet(inputs=inputs(small), outputs=outputs(type=1, keys=2, forward=3))
    assert list(network(torch.zeros(2, 2, 217))) == ["type", "keys", "forward"]


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("n", [0, 1])
def test_few_images_are_legal(network: HexResNet, n: int, training: bool) -> None:
    network.train(training)
    predicted = network(torch.randn(n, 2, 217))
    assert predicted["direction"].shape == (n, 2)
    sum(p.sum() for p in predicted.values()).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())


def test_no_image_changes_no_statistics(network: HexResNet) -> None:
    network.train()(torch.randn(4, 2, 217))
    before = {n: b.clone() for n, b in network.named_buffers() if "running" in n}
    network(torch.zeros(0, 2, 217))
    after = {n: b for n, b in network.named_buffers() if "running" in n}
    assert before
    torch.testing.assert_close(after, before, atol=0, rtol=0)


def test_one_image_of_three_pixels_is_legal(inputs: Inputs, outputs: Outputs) -> None:
    camera = CameraGeometry(name="three", x=[0, 1, 0.5], y=[0, 0, 0.75**0.5], area=[1, 1, 1], focal_length=28.0)
    network = HexResNet(inputs=inputs(camera), outputs=outputs(energy=1), channels=[4] * 6, depths=[1] * 6)
    assert network.train()(torch.randn(1, 2, 3))["energy"].isfinite().all()


def test_every_parameter_has_a_finite_gradient(network: HexResNet) -> None:
    predicted = network(torch.randn(8, 2, 217))
    sum(p.square().mean() for p in predicted.values()).backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.any(), name


def test_its_state_holds_no_tables(network: HexResNet) -> None:
    leaves = {name.rpartition(".")[2] for name in network.state_dict()}
    assert leaves == {"weight", "bias", "running_mean", "running_var", "num_batches_tracked"}


def test_the_same_seed_gives_the_same_weights(small: CameraGeometry, inputs: Inputs, outputs: Outputs) -> None:
    states = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        states.append(HexResNet(inputs=inputs(small), outputs=outputs(energy=1)).state_dict())
    torch.testing.assert_close(states[0], states[1], atol=0, rtol=0)
    assert not torch.equal(states[0]["stages.0.0.conv.weight"], states[2]["stages.0.0.conv.weight"])


def test_the_order_of_pixels_does_not_matter(small: CameraGeometry, inputs: Inputs, outputs: Outputs) -> None:
    order = np.random.default_rng(2).permutation(217)
    shuffled = CameraGeometry(
        name="shuffled", x=small.x[order], y=small.y[order], area=small.area[order], focal_length=28.0
    )
    one, other = (HexResNet(inputs=inputs(c), outputs=outputs(energy=1)).eval() for c in (small, shuffled))
    other.load_state_dict(one.state_dict())
    pixels = torch.randn(3, 2, 217)
    torch.testing.assert_close(other(pixels[:, :, order]), one(pixels))


def test_it_is_built_again_from_plain_data(
    network: HexResNet, small: CameraGeometry, inputs: Inputs, outputs: Outputs
) -> None:
    spec = InputSpec.from_dict(inputs(small).to_dict())
    tasks = OutputSpec.from_dict(outputs(energy=1, direction=2, particle=3).to_dict())
    again = HexResNet(inputs=spec, outputs=tasks)
    again.load_state_dict(network.state_dict())
    pixels = torch.randn(2, 2, 217)
    torch.testing.assert_close(again.eval()(pixels), network.eval()(pixels), atol=0, rtol=0)


@pytest.mark.parametrize("again", [copy.deepcopy, lambda network: pickle.loads(pickle.dumps(network))])
def test_it_can_be_copied(network: HexResNet, again: Callable[[HexResNet], HexResNet]) -> None:
    pixels = torch.randn(2, 2, 217)
    torch.testing.assert_close(again(network.eval())(pixels), network(pixels), atol=0, rtol=0)


def test_it_is_exported_for_any_number_of_images(network: HexResNet) -> None:
    exported = torch.export.export(
        network.eval(), (torch.randn(4, 2, 217),), dynamic_shapes=({0: torch.export.Dim("n")},)
    ).module()
    pixels = torch.randn(9, 2, 217)
    torch.testing.assert_close(exported(pixels), network(pixels))


def test_a_block_whose_convolutions_give_nothing_lets_its_input_through() -> None:
    block = ResidualBlock(4, HexLattice([(0, 0), (1, 0), (0, 1)]))
    torch.nn.init.zeros_(block.norm2.weight)
    pixels = torch.rand(2, 4, 3, 1)
    torch.testing.assert_close(block(pixels), pixels)


def blobs(camera: CameraGeometry, n: int) -> tuple[Tensor, Tensor]:
    """Round images, and where each is in units of the camera's radius."""
    place = np.random.default_rng(7).uniform(-0.6, 0.6, (n, 2))
    radius = np.hypot(camera.x, camera.y).max()
    x, y = (place[:, i, None] - c / radius for i, c in enumerate((camera.x, camera.y)))
    images = np.exp(-(x**2 + y**2) / (2 * 0.15**2))
    return torch.from_numpy(images[:, None]).float(), torch.from_numpy(place).float()


def test_centroids_tell_it_sooner_where_a_blob_is(small: CameraGeometry, inputs: Inputs, outputs: Outputs) -> None:
    pixels, place = blobs(small, 64)
    losses = {}
    for pooling in (("mean", "max"), ("mean", "max", "centroid")):
        torch.manual_seed(20)
        network = HexResNet(
            inputs=inputs(small, ("image",)), outputs=outputs(place=2), channels=(8, 16), depths=(1, 1), pooling=pooling
        )
        optimizer = torch.optim.Adam(network.parameters(), lr=1e-2)
        for _ in range(20):
            loss = torch.nn.functional.mse_loss(network(pixels)["place"], place)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        losses[pooling[-1]] = loss.item()
    assert losses["centroid"] < losses["max"] / 2


def test_it_learns_where_a_blob_is(small: CameraGeometry, inputs: Inputs, outputs: Outputs) -> None:
    network = HexResNet(
        inputs=inputs(small, ("image",)), outputs=outputs(place=2), channels=(8, 16), depths=(1, 1), hidden=32
    )
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-2)
    pixels, place = blobs(small, 32)
    losses = []
    for _ in range(80):
        loss = torch.nn.functional.mse_loss(network(pixels)["place"], place)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 10
    assert losses[-1] < place.var(dim=0).mean() / 10


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"channels": (16, 32)}, "channels and depths must be as many, got 2 and 3"),
        ({"channels": ()}, r"channels must be whole numbers above 0, got \(\)"),
        ({"channels": (16, 0, 4)}, r"channels must be whole numbers above 0, got \(16, 0, 4\)"),
        ({"depths": (1, 2.5, 1)}, r"depths must be whole numbers above 0, got \(1, 2.5, 1\)"),
        ({"hidden": 0}, "hidden must be whole numbers above 0, got 0"),
        ({"dropout": 1.5}, "dropout must be from 0 to 1, got 1.5"),
        ({"attention": "self"}, "attention must be None, 'squeeze_excite', 'spatial', 'dual', got 'self'"),
        ({"ratio": 0.5}, "ratio must be a whole number above 0, got 0.5"),
        ({"pooling": ("mean", "sum")}, r"pooling must be a list of 'mean', 'max', 'centroid', got \('mean', 'sum'\)"),
    ],
)
def test_wrong_parameters_are_refused(
    small: CameraGeometry, inputs: Inputs, outputs: Outputs, wrong: dict[str, object], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        HexResNet(inputs=inputs(small), outputs=outputs(energy=1), **wrong)  # type: ignore[arg-type]


def test_a_network_without_tasks_is_refused(small: CameraGeometry, inputs: Inputs, outputs: Outputs) -> None:
    with pytest.raises(ValueError, match="at least one task"):
        HexResNet(inputs=inputs(small), outputs=outputs())


@pytest.mark.parametrize("attention", ["squeeze_excite", "spatial", "dual"])
def test_each_stage_may_end_with_attention(
    small: CameraGeometry, inputs: Inputs, outputs: Outputs, attention: Attention
) -> None:
    plain = HexResNet(inputs=inputs(small), outputs=outputs(energy=1))
    network = HexResNet(inputs=inputs(small), outputs=outputs(energy=1), attention=attention, ratio=8)
    names = [type(module).__name__ for module in network.stages[1::2]]  # type: ignore[union-attr]
    assert [name.lower() for name in names] == [f"{attention}attention".replace("_exciteattention", "excite")] * 3
    assert len(network.state_dict()) > len(plain.state_dict())
    assert network(torch.randn(2, 2, 217))["energy"].isfinite().all()


def test_without_attention_it_has_the_parameters_of_0_1(
    small: CameraGeometry, inputs: Inputs, outputs: Outputs
) -> None:
    network = HexResNet(inputs=inputs(small), outputs=outputs(energy=1, direction=2))
    shapes = [tuple(p.shape) for p in network.parameters() if p.ndim > 1]
    blocks = [[(c, c, 7)] * 4 for c in (16, 32, 64)]
    convolutions = [(16, 2, 7), *blocks[0], (32, 16, 7), *blocks[1], (64, 32, 7), *blocks[2]]
    assert shapes == [*convolutions, (64, 128), (1, 64), (2, 64)]
    assert sum(p.numel() for p in network.parameters() if p.ndim == 1) == 2 * 5 * (16 + 32 + 64) + 64 + 1 + 2


def test_images_on_a_grid_are_refused(small: CameraGeometry, inputs: Inputs, outputs: Outputs) -> None:
    with pytest.raises(ValueError, match="on the pixels of camera 'hexagon8', but are on a grid of 20 x 30"):
        HexResNet(inputs=inputs(small, shape=(20, 30)), outputs=outputs(energy=1))


def test_several_cameras_are_refused(
    small: CameraGeometry, grid: CameraGeometry, outputs: Outputs, inputs: Inputs
) -> None:
    both = InputSpec(level="telescope", cameras={**inputs(small).cameras, **inputs(grid).cameras})
    with pytest.raises(ValueError, match="expected images of one camera"):
        HexResNet(inputs=both, outputs=outputs(energy=1))
