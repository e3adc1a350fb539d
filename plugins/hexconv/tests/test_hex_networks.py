"""What holds for every network of the plug-in, on every kind of camera."""

from __future__ import annotations

import copy
import inspect
import pickle
from collections.abc import Callable
from importlib import import_module

import numpy as np
import pytest
import torch
from conftest import ALL
from conftest import real
from conftest import square
from conftest import two_sizes
from torch import Tensor
from torch import nn

from gammalearn_core.api import CameraGeometry
from gammalearn_core.api import InputSpec
from gammalearn_core.api import OutputSpec
from gammalearn_core.api import TaskSpec
from gammalearn_hexconv import kernel
from gammalearn_hexconv import plugin
from gammalearn_hexconv.lattice import HexLattice
from gammalearn_hexconv.networks.base import HexNetwork

Inputs = Callable[..., InputSpec]
Make = Callable[..., HexNetwork]

TASKS = {
    "energy": TaskSpec(name="energy", target="core.energy", size=1),
    "direction": TaskSpec(name="direction", target="core.direction", size=2, geometry="camera_vector"),
    "impact": TaskSpec(name="impact", target="mine.impact", size=2, geometry="ground_vector"),
    "particle": TaskSpec(name="particle", target="core.particle", size=3, geometry="class", classes=("a", "b", "c")),
}
SMALL = {"channels": (4, 8), "depths": (1, 1), "hidden": 8}
NAMES = [record.name for record in plugin.gammalearn_networks()]


def spiral(n: int) -> CameraGeometry:
    """Pixels on no lattice: seeds of a sunflower."""
    k = np.arange(n) + 0.5
    z = np.sqrt(k) * np.exp(1j * np.pi * (3 - 5**0.5) * k)
    return CameraGeometry(name="spiral", x=z.real, y=z.imag, area=np.ones(n), focal_length=28.0)


def shuffled(camera: CameraGeometry, order: np.ndarray[tuple[int], np.dtype[np.int64]]) -> CameraGeometry:
    return CameraGeometry(
        name="shuffled", x=camera.x[order], y=camera.y[order], area=camera.area[order], focal_length=28.0
    )


@pytest.fixture(params=NAMES)
def make(request: pytest.FixtureRequest, inputs: Inputs) -> Make:
    """``make(camera)``: each network in turn, small; ``if_taken`` are parameters that not all networks have."""
    record = next(r for r in plugin.gammalearn_networks() if r.name == request.param)
    module, _, name = record.target.partition(":")
    target = getattr(import_module(module), name)

    def create(
        camera: CameraGeometry,
        tasks: tuple[str, ...] = tuple(TASKS),
        images: tuple[str, ...] = ("image", "peak_time"),
        shape: tuple[int, ...] = (),
        if_taken: dict[str, object] | None = None,
        **parameters: object,
    ) -> HexNetwork:
        taken = {n: v for n, v in (if_taken or {}).items() if n in inspect.signature(target).parameters}
        outputs = OutputSpec(tasks={name: TASKS[name] for name in tasks})
        network = target(inputs=inputs(camera, images, shape), outputs=outputs, **(SMALL | parameters | taken))
        assert isinstance(network, HexNetwork)
        return network

    return create


def settled(network: HexNetwork) -> HexNetwork:
    """The network in evaluation, with statistics as after training."""
    generator = torch.Generator().manual_seed(5)
    for name, buffer in network.named_buffers():
        if name.endswith("running_mean"):
            buffer.normal_(0, 0.1, generator=generator)
        elif name.endswith("running_var"):
            buffer.uniform_(0.5, 2, generator=generator)
    return network.eval()


def total(predicted: dict[str, Tensor]) -> Tensor:
    return torch.stack([p.square().mean() for p in predicted.values()]).sum()


def test_every_camera_with_hexagonal_pixels_will_do(make: Make, camera: CameraGeometry) -> None:
    predicted = make(camera)(torch.randn(2, 2, camera.n_pixels))
    assert {name: tuple(p.shape) for name, p in predicted.items()} == {n: (2, t.size) for n, t in TASKS.items()}


def test_every_real_camera_will_do(make: Make) -> None:
    kinds = set()
    for name in ALL:
        network = make(real(name))
        predicted = network(torch.randn(2, 2, network.lattice.n_pixels))
        kinds.add(network.lattice.kind)
        assert {k: tuple(p.shape) for k, p in predicted.items()} == {k: (2, t.size) for k, t in TASKS.items()}, name
        assert all(p.isfinite().all() for p in predicted.values()), name
    assert kinds == {"hexagonal", "square"}


@pytest.mark.parametrize("camera", [spiral(90), two_sizes(), square(10)], ids=lambda camera: str(camera.name))
def test_other_cameras_will_do(make: Make, camera: CameraGeometry) -> None:
    kind = "square" if camera.name == "square" else "irregular"
    assert camera.kind == kind
    network = make(camera)
    predicted = network(torch.randn(3, 2, camera.n_pixels))
    total(predicted).backward()  # type: ignore[no-untyped-call]
    assert network.lattice.kind == kind
    assert {name: tuple(p.shape) for name, p in predicted.items()} == {n: (3, t.size) for n, t in TASKS.items()}
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())


@pytest.mark.parametrize("tasks", [("energy",), ("direction",), ("particle",), ("impact", "energy")])
def test_any_choice_of_tasks_will_do(make: Make, small: CameraGeometry, tasks: tuple[str, ...]) -> None:
    network = make(small, tasks)
    predicted = network(torch.randn(2, 2, 217))
    assert {name: tuple(p.shape) for name, p in predicted.items()} == {n: (2, TASKS[n].size) for n in tasks}
    total(predicted).backward()  # type: ignore[no-untyped-call]
    assert all(p.grad is not None for p in network.parameters())


@pytest.mark.parametrize("images", [("image",), ("image", "peak_time", "image_mask")])
def test_images_may_have_any_number_of_channels(make: Make, small: CameraGeometry, images: tuple[str, ...]) -> None:
    assert make(small, images=images)(torch.randn(2, len(images), 217))["energy"].shape == (2, 1)


def test_every_parameter_has_a_gradient(make: Make, small: CameraGeometry) -> None:
    network = settled(make(small, if_taken={"attention": "dual", "ratio": 1}))
    total(network(torch.randn(8, 2, 217))).backward()  # type: ignore[no-untyped-call]
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.any(), name


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("n", [0, 1])
def test_few_images_are_legal(make: Make, small: CameraGeometry, n: int, training: bool) -> None:
    network = make(small).train(training)
    predicted = network(torch.randn(n, 2, 217))
    assert {name: tuple(p.shape) for name, p in predicted.items()} == {k: (n, t.size) for k, t in TASKS.items()}
    torch.stack([p.sum() for p in predicted.values()]).sum().backward()  # type: ignore[no-untyped-call]
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())


def test_no_image_changes_no_statistics(make: Make, small: CameraGeometry) -> None:
    network = make(small).train()
    network(torch.randn(4, 2, 217))
    before = {n: b.clone() for n, b in network.named_buffers() if "running" in n}
    network(torch.zeros(0, 2, 217))
    after = {n: b for n, b in network.named_buffers() if "running" in n}
    assert before
    torch.testing.assert_close(after, before, atol=0, rtol=0)


def test_evaluation_is_repeatable_and_leaves_the_network_as_it_is(make: Make, small: CameraGeometry) -> None:
    network = settled(make(small))
    before, pixels = copy.deepcopy(network.state_dict()), torch.randn(3, 2, 217)
    torch.testing.assert_close(network(pixels), network(pixels), atol=0, rtol=0)
    torch.testing.assert_close(network.state_dict(), before, atol=0, rtol=0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("sizes", [(1,) * 13, (6, 7), (12, 1), (3, 0, 10)])
def test_what_an_image_gives_does_not_depend_on_the_others(
    make: Make, small: CameraGeometry, sizes: tuple[int, ...], dtype: torch.dtype
) -> None:
    """Not by a bit, with the compiled kernel; without it torch has its way with 1x1 convolutions and means."""
    network = settled(make(small, if_taken={"attention": "dual"})).to(dtype)
    pixels = torch.randn(13, 2, 217, dtype=dtype)
    parts = [network(part) for part in pixels.split(sizes)]
    whole = {name: torch.cat([part[name] for part in parts]) for name in TASKS}
    exact = dtype == torch.float32 and kernel.available()
    torch.testing.assert_close(network(pixels), whole, atol=0 if exact else 1e-6, rtol=0)


def test_the_number_of_threads_changes_no_bit(make: Make) -> None:
    """Of what is predicted, and of gradients."""
    if not kernel.available():
        pytest.skip(f"torch's own sums depend on it: {kernel.why_not()}")
    network = make(real("LSTCam"), if_taken={"attention": "dual"})
    pixels, found = torch.randn(20, 2, 1855), []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        network.zero_grad()
        predicted = network(pixels)
        total(predicted).backward()  # type: ignore[no-untyped-call]
        found.append((predicted, {name: p.grad for name, p in network.named_parameters()}))
    torch.testing.assert_close(found[0], found[1], atol=0, rtol=0)


@pytest.mark.parametrize("shape", ["hexagonal", "square"])
def test_the_order_of_pixels_does_not_matter(
    make: Make, small: CameraGeometry, grid: CameraGeometry, shape: str
) -> None:
    camera = small if shape == "hexagonal" else grid
    order = np.random.default_rng(2).permutation(camera.n_pixels)
    one, other = make(camera).double(), make(shuffled(camera, order)).double()
    other.load_state_dict(one.state_dict())
    pixels = torch.randn(3, 2, camera.n_pixels, dtype=torch.float64)
    torch.testing.assert_close(settled(other)(pixels[:, :, order]), settled(one)(pixels), atol=1e-12, rtol=0)


def test_the_memory_format_of_images_does_not_matter(make: Make, small: CameraGeometry) -> None:
    network = settled(make(small))
    pixels = torch.randn(3, 2, 217)
    turned = pixels.transpose(1, 2).contiguous().transpose(1, 2)
    torch.testing.assert_close(network(turned), network(pixels), atol=0, rtol=0)


def test_inside_images_are_channels_last(make: Make, small: CameraGeometry) -> None:
    """Or torch's batch norm and 1x1 convolutions are slow."""
    network, wrong = make(small), []

    def look(module: nn.Module, given: tuple[Tensor, ...], gives: Tensor) -> None:
        if not gives.is_contiguous(memory_format=torch.channels_last):
            wrong.append(module)

    for module in network.modules():
        if isinstance(module, (nn.BatchNorm2d, nn.Conv2d)) or hasattr(module, "out_lattice"):
            module.register_forward_hook(look)
    network(torch.randn(3, 2, 217))
    assert wrong == []


@pytest.mark.parametrize("again", [copy.deepcopy, lambda network: pickle.loads(pickle.dumps(network))])
def test_it_can_be_copied(make: Make, small: CameraGeometry, again: Callable[[HexNetwork], HexNetwork]) -> None:
    network, pixels = settled(make(small)), torch.randn(2, 2, 217)
    torch.testing.assert_close(again(network)(pixels), network(pixels), atol=0, rtol=0)


def test_its_state_makes_the_same_network_again_and_holds_no_tables(make: Make, small: CameraGeometry) -> None:
    network, again = settled(make(small)), make(small).eval()
    state = network.state_dict()
    leaves = {name.rpartition(".")[2] for name in state}
    assert leaves == {"weight", "bias", "running_mean", "running_var", "num_batches_tracked"}
    again.load_state_dict(state)
    pixels = torch.randn(2, 2, 217)
    torch.testing.assert_close(again(pixels), network(pixels), atol=0, rtol=0)


def test_it_is_built_again_from_plain_data(make: Make, small: CameraGeometry, inputs: Inputs) -> None:
    network = settled(make(small))
    outputs = OutputSpec.from_dict(OutputSpec(tasks=TASKS).to_dict())
    again = type(network)(inputs=InputSpec.from_dict(inputs(small).to_dict()), outputs=outputs, **SMALL)  # type: ignore[call-arg]
    again.load_state_dict(network.state_dict())
    pixels = torch.randn(2, 2, 217)
    torch.testing.assert_close(again.eval()(pixels), network(pixels), atol=0, rtol=0)


def test_the_same_seed_gives_the_same_weights(make: Make, small: CameraGeometry) -> None:
    states = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        states.append(make(small).state_dict())
    torch.testing.assert_close(states[0], states[1], atol=0, rtol=0)
    assert any(not torch.equal(states[0][name], states[2][name]) for name in states[0] if name.endswith("weight"))


def test_it_is_compiled_whole(make: Make, small: CameraGeometry) -> None:
    network = settled(make(small))
    compiled = torch.compile(network, fullgraph=True, backend="aot_eager")
    pixels = torch.randn(3, 2, 217, requires_grad=True)
    actual, expected = compiled(pixels), network(pixels)
    torch.testing.assert_close(actual, expected)
    gradients = [torch.autograd.grad(total(found), pixels)[0] for found in (actual, expected)]
    torch.testing.assert_close(*gradients, atol=1e-5, rtol=1e-3)


def test_it_is_exported_for_any_number_of_images(make: Make, small: CameraGeometry) -> None:
    network = settled(make(small))
    dynamic = ({0: torch.export.Dim("n")},)
    exported = torch.export.export(network, (torch.randn(4, 2, 217),), dynamic_shapes=dynamic).module()
    pixels = torch.randn(9, 2, 217)
    torch.testing.assert_close(exported(pixels), network(pixels))


def test_all_backends_give_the_same(make: Make, small: CameraGeometry) -> None:
    pixels = torch.randn(3, 2, 217)
    network = settled(make(small))
    for backend in ("axial", "gather"):
        other = settled(make(small, backend=backend))
        other.load_state_dict(network.state_dict())
        torch.testing.assert_close(other(pixels), network(pixels), atol=1e-5, rtol=1e-4)
        assert backend in str(other.backend_report())


@pytest.mark.parametrize("how", ["autocast", "weights"])
def test_it_runs_in_bfloat16(make: Make, small: CameraGeometry, how: str) -> None:
    network, pixels = settled(make(small)), torch.randn(4, 2, 217)
    expected = network(pixels)
    if how == "autocast":
        with torch.autocast("cpu", torch.bfloat16):
            predicted = network(pixels)
    else:
        predicted = network.bfloat16()(pixels.bfloat16())
    for name, values in predicted.items():
        assert values.dtype == torch.bfloat16
        torch.testing.assert_close(values.float(), expected[name], atol=0.1, rtol=0.1)


def test_the_report_names_every_convolution(make: Make, small: CameraGeometry) -> None:
    network = make(small)
    report = str(network.backend_report())
    convolutions = [name for name, module in network.named_modules() if type(module).__name__.startswith("HexConv")]
    assert len(convolutions) >= 2
    assert [name for name in convolutions if name not in report] == []


def test_kernels_may_have_a_larger_radius(make: Make, small: CameraGeometry) -> None:
    weights = [m.weight for m in make(small, radius=2).modules() if type(m).__name__ == "HexConv2d"]
    assert {w.shape[2] for w in weights} == {19}  # type: ignore[union-attr, index]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"channels": (16, 32)}, "channels and depths must be as many, got 2 and 3"),
        ({"channels": ()}, r"channels must be whole numbers above 0, got \(\)"),
        ({"channels": 16}, "channels must be a list with a whole number for each stage, got 16"),
        ({"channels": (16, 0, 4)}, r"channels must be whole numbers above 0, got \(16, 0, 4\)"),
        ({"depths": (1, 2.5, 1)}, r"depths must be whole numbers above 0, got \(1, 2.5, 1\)"),
        ({"depths": "123"}, "depths must be a list with a whole number for each stage, got '123'"),
        ({"hidden": 0}, "hidden must be whole numbers above 0, got 0"),
        ({"hidden": True}, "hidden must be whole numbers above 0, got True"),
        ({"radius": 0}, "radius must be"),
        ({"backend": "cuda"}, "backend must be one of 'auto', 'indirect'"),
    ],
)
def test_wrong_parameters_are_refused(
    make: Make, small: CameraGeometry, wrong: dict[str, object], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        make(small, **({"channels": (4, 4, 4), "depths": (1, 1, 1)} | wrong))  # type: ignore[arg-type]


def test_a_network_without_tasks_is_refused(make: Make, small: CameraGeometry) -> None:
    with pytest.raises(ValueError, match="at least one task"):
        make(small, ())


def test_images_on_a_grid_are_refused(make: Make, small: CameraGeometry) -> None:
    with pytest.raises(ValueError, match="on the pixels of camera 'hexagon8', but are on a grid of 20 x 30"):
        make(small, shape=(20, 30))


def test_several_cameras_are_refused(make: Make, small: CameraGeometry, grid: CameraGeometry, inputs: Inputs) -> None:
    both = InputSpec(level="telescope", cameras={**inputs(small).cameras, **inputs(grid).cameras})
    with pytest.raises(ValueError, match="expected images of one camera"):
        type(make(small))(inputs=both, outputs=OutputSpec(tasks=TASKS))  # type: ignore[call-arg]


def test_tasks_may_have_the_names_of_attributes(make: Make, small: CameraGeometry, inputs: Inputs) -> None:
    tasks = dict.fromkeys(("type", "keys", "forward"), TASKS["energy"])
    network = type(make(small))(inputs=inputs(small), outputs=OutputSpec(tasks=tasks), **SMALL)  # type: ignore[call-arg]
    assert list(network(torch.zeros(2, 2, 217))) == ["type", "keys", "forward"]


@pytest.mark.parametrize("shape", [(2, 3, 217), (2, 2, 216), (2, 217), (2, 2, 217, 1)])
def test_images_of_another_shape_are_refused(make: Make, small: CameraGeometry, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"expected images of the shape \(n, 2, 217\), got"):
        make(small)(torch.zeros(shape))


def test_lattices_of_a_camera_are_found_once(make: Make, small: CameraGeometry) -> None:
    """Networks of one camera may share tables: equal lattices are."""
    assert make(small).lattice == HexLattice.from_camera(small)


def spots(camera: CameraGeometry, n: int) -> tuple[Tensor, Tensor]:
    """Round images, and where each is in units of the camera's radius."""
    place = np.random.default_rng(7).uniform(-0.6, 0.6, (n, 2))
    radius = np.hypot(camera.x, camera.y).max()
    x, y = (place[:, i, None] - c / radius for i, c in enumerate((camera.x, camera.y)))
    images = np.exp(-(x**2 + y**2) / (2 * 0.15**2))
    return torch.from_numpy(images[:, None]).float(), torch.from_numpy(place).float()


def test_it_learns_where_a_spot_is(make: Make, small: CameraGeometry) -> None:
    pooling = {"pooling": ("max", "centroid")}
    network = make(small, ("direction",), ("image",), channels=(8, 16), hidden=32, if_taken=pooling)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-2)
    pixels, place = spots(small, 32)
    losses = []
    for _ in range(60):
        loss = torch.nn.functional.mse_loss(network(pixels)["direction"], place)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 5
    assert losses[-1] < place.var(dim=0).mean() / 5
