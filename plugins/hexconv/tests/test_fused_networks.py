"""`fuse`: whole networks for inference."""

from __future__ import annotations

import copy
import os
import pickle
import subprocess
import sys
from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch import nn

from gammalearn_core.api import CameraGeometry
from gammalearn_core.api import InputSpec
from gammalearn_core.api import OutputSpec
from gammalearn_hexconv import HexAvgPool2d
from gammalearn_hexconv import HexConv2d
from gammalearn_hexconv import HexLattice
from gammalearn_hexconv import fuse
from gammalearn_hexconv import kernel
from gammalearn_hexconv.fused import chain
from gammalearn_hexconv.fused.chain import FusedChain
from gammalearn_hexconv.fused.fusing import FusedNetwork
from gammalearn_hexconv.fused.layers import Layer
from gammalearn_hexconv.networks.blocks import ConvNormAct
from gammalearn_hexconv.networks.blocks import PreActivationLayer
from gammalearn_hexconv.networks.blocks import ResidualBlock
from gammalearn_hexconv.networks.gammaphysnet import GammaPhysNet
from gammalearn_hexconv.networks.resnet import HexResNet
from gammalearn_hexconv.networks.unet import HexUNet
from gammalearn_hexconv.networks.vgg import HexVGG

needs_kernel = pytest.mark.skipif(not kernel.available(), reason=f"no kernel: {kernel.why_not()}")

Make = Callable[..., nn.Module]
LATTICE = HexLattice([(q, r) for q in range(7) for r in range(5)])
NETWORKS: list[tuple[type[nn.Module], dict[str, object]]] = [
    (GammaPhysNet, {}),
    (GammaPhysNet, {"attention": "squeeze_excite", "channels": (5, 17), "depths": (2, 2)}),
    (GammaPhysNet, {"attention": "spatial", "radius": 2}),
    (GammaPhysNet, {"attention": None, "indexedconv_compat": True}),
    (HexResNet, {}),
    (HexResNet, {"attention": "dual", "channels": (3, 8), "depths": (1, 1)}),
    (HexVGG, {}),
    (HexUNet, {}),
]


def stirred(module: nn.Module) -> nn.Module:
    """With batch norms that do something."""
    for child in module.modules():
        if isinstance(child, nn.BatchNorm2d) and child.running_mean is not None and child.running_var is not None:
            child.running_mean.normal_(0, 0.1)
            child.running_var.uniform_(0.5, 1.5)
            for parameter in child.parameters():
                nn.init.uniform_(parameter, 0.2, 1.5)
    return module.eval()


@pytest.fixture
def make(
    small: CameraGeometry, inputs: Callable[..., InputSpec], outputs: Callable[..., OutputSpec]
) -> Callable[..., nn.Module]:
    """``make(GammaPhysNet)`` on 217 pixels."""
    return lambda kind, **settings: stirred(
        kind(inputs=inputs(small), outputs=outputs(energy=1, direction=2), **settings)
    )


def off(value: Tensor, wanted: Tensor) -> float:
    return float((value.double() - wanted).abs().max() / wanted.abs().max())


@torch.no_grad()
def worst(network: nn.Module, model: nn.Module, images: Tensor) -> float:
    """Largest difference from the model in double precision, over the largest value, of all tasks."""
    wanted = copy.deepcopy(model).double()(images.double())
    given = network(images)
    assert given.keys() == wanted.keys()
    return max(off(given[task], wanted[task]) for task in wanted)


@pytest.mark.parametrize(("kind", "settings"), NETWORKS)
def test_a_fused_network_gives_what_the_network_gives(make: Make, kind: type, settings: dict[str, object]) -> None:
    model, images = make(kind, **settings), torch.randn(5, 2, 217)
    before = copy.deepcopy(model.state_dict())
    fused = fuse(model)
    assert any(isinstance(module, FusedChain) for module in fused.modules())
    assert worst(fused, model, images) < max(2e-6, 3 * worst(model, model, images))
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


@pytest.mark.parametrize(("kind", "settings"), NETWORKS)
def test_in_bfloat16_it_gives_nearly_that(make: Make, kind: type, settings: dict[str, object]) -> None:
    model, images = make(kind, **settings), torch.randn(5, 2, 217)
    fused = fuse(model, dtype=torch.bfloat16)
    with torch.no_grad():
        wanted = torch.cat([*copy.deepcopy(model).double()(images.double()).values()], dim=1)
        given = torch.cat([*fused(images).values()], dim=1)
    assert float((given - wanted).norm() / wanted.norm()) < 3e-2
    assert {value.dtype for value in fused(images).values()} == {torch.float32}


@pytest.mark.parametrize(("kind", "settings"), NETWORKS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_without_the_kernel_it_gives_the_same(
    make: Make, monkeypatch: pytest.MonkeyPatch, kind: type, settings: dict[str, object], dtype: torch.dtype
) -> None:
    model, images = make(kind, **settings), torch.randn(3, 2, 217)
    monkeypatch.setattr(chain, "available", lambda: False)
    assert worst(fuse(model, dtype=dtype), model, images) < (1e-5 if dtype == torch.float32 else 0.1)


def test_all_of_a_gammaphysnet_but_its_heads_is_one_chain(make: Make) -> None:
    model = make(GammaPhysNet)
    report = fuse(model).report
    assert str(report) == "stem + stages: fused, 37 layers"


def test_what_is_not_fused_is_said(make: Make) -> None:
    report = str(fuse(make(HexVGG)).report)
    assert "stages: as it was, there is no fused HexMaxPool2d" in report
    assert "stages.0: fused, 1 layer" in report


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_network_gives_its_form_for_prediction(make: Make, dtype: torch.dtype) -> None:
    network = make(GammaPhysNet)
    fused = network.for_prediction(dtype=dtype)  # type: ignore[operator]
    assert isinstance(fused, FusedNetwork)
    assert fused.dtype == dtype
    images = torch.randn(3, 2, 217)
    with torch.no_grad():
        wanted, found = network(images), fused(images)
    assert all(found[task].dtype == torch.float32 for task in wanted)
    close = {"rtol": 1e-4, "atol": 1e-5} if dtype == torch.float32 else {"rtol": 0.1, "atol": 0.1}
    torch.testing.assert_close(found, wanted, **close)


def test_there_is_no_form_for_prediction_where_nothing_can_be_fused(make: Make) -> None:
    network = make(HexResNet, backend="reference")
    assert network.for_prediction() is None  # type: ignore[operator]


def test_nothing_to_fuse_is_an_error() -> None:
    with pytest.raises(ValueError, match="nothing of the Linear can be fused"):
        fuse(nn.Linear(2, 2))
    with pytest.raises(ValueError, match="runs on the backend 'gather'"):
        fuse(HexConv2d(2, 2, LATTICE, backend="gather"))


@pytest.mark.parametrize(
    ("layer", "why"),
    [
        (nn.GELU(), "there is no fused GELU"),
        (nn.BatchNorm2d(2, track_running_stats=False), "without running statistics depends on the batch"),
        (nn.Conv2d(2, 2, 1, padding=1), "only 1x1 without stride, padding or groups"),
        (nn.Conv2d(2, 2, (2, 1)), "only 1x1 without stride, padding or groups"),
        (HexAvgPool2d(HexLattice([(0, 0), (1, 0), (0, 1)])), "no fused HexAvgPool2d"),
        (
            HexConv2d(2, 2, HexLattice([(0, 0), (1, 0), (0, 1)])),
            "wants (pixels, channels) = (3, 2), and",
        ),
    ],
)
def test_what_has_no_fused_form_stays(layer: nn.Module, why: str) -> None:
    fused = fuse(nn.Sequential(HexConv2d(2, 2, LATTICE), layer))
    assert fused.report[0][:2] == ("", False)
    assert why in fused.report[0].what
    assert fused.report[1] == ("0", True, "1 layer")


def test_a_layer_that_is_to_run_on_another_backend_stays() -> None:
    model = nn.Sequential(HexConv2d(2, 2, LATTICE, backend="gather"), HexConv2d(2, 2, LATTICE))
    assert "0: as it was, a HexConv2d runs on the backend 'gather'" in str(fuse(model).report)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16])
def test_other_types_are_refused(make: Make, dtype: torch.dtype) -> None:
    with pytest.raises(ValueError, match=r"dtype must be torch.float32 or torch.bfloat16, got torch.float"):
        fuse(make(HexResNet), dtype=dtype)


def test_it_cannot_be_trained(make: Make) -> None:
    fused = fuse(make(HexResNet).train())
    assert not fused.training
    assert not any(module.training for module in fused.modules())
    fused.eval()
    with pytest.raises(RuntimeError, match="a fused network cannot be trained"):
        fused.train()


BLOCKS: list[Callable[[int], nn.Module]] = [
    lambda c: ConvNormAct(c, c, LATTICE),
    lambda c: ConvNormAct(c, c, LATTICE, norm=False),
    lambda c: ResidualBlock(c, LATTICE),
    lambda c: PreActivationLayer(c, c, LATTICE),
    lambda c: PreActivationLayer(c, c + 1, LATTICE, stride=2),
    lambda c: nn.Sequential(PreActivationLayer(c, c, LATTICE), PreActivationLayer(c, c, LATTICE, preactivate=False)),
    lambda c: nn.Sequential(nn.BatchNorm2d(c), nn.ReLU(), HexConv2d(c, c, LATTICE, groups=c)),
    lambda c: nn.Sequential(HexConv2d(c, c, LATTICE), nn.ReLU(), nn.BatchNorm2d(c), nn.ReLU()),
    lambda c: nn.Sequential(HexConv2d(c, c, LATTICE), nn.BatchNorm2d(c), nn.BatchNorm2d(c, affine=False), nn.Dropout()),
    lambda c: nn.Sequential(HexConv2d(c, 3, LATTICE, radius=3, dilation=2), nn.Conv2d(3, 2, 1), nn.Identity()),
]


@pytest.mark.parametrize("channels", [1, 3, 8, 16, 17, 64])
@pytest.mark.parametrize("n", [0, 1, 5])
@pytest.mark.parametrize("block", BLOCKS)
def test_blocks_give_what_they_gave(block: Callable[[int], nn.Module], channels: int, n: int) -> None:
    model, images = stirred(block(channels)), torch.randn(n, channels, 35, 1)
    fused = fuse(model)
    assert isinstance(fused.network, FusedChain)
    with torch.no_grad():
        wanted = copy.deepcopy(model).double()(images.double())
        given = fused(images)
        low = fuse(model, dtype=torch.bfloat16)(images)
    assert given.shape == wanted.shape
    assert given.is_contiguous(memory_format=torch.channels_last)
    if n:
        assert off(given, wanted) < 2e-6
        assert off(low, wanted) < 3e-2


@needs_kernel
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_results_depend_neither_on_the_batch_nor_on_threads(make: Make, dtype: torch.dtype) -> None:
    model = make(GammaPhysNet)
    trunk = nn.Sequential(model.stem, model.stages)  # type: ignore[arg-type]
    fused, images = fuse(trunk, dtype=dtype), torch.randn(7, 2, 217, 1)
    whole = fused(images)
    for threads in (1, 2, 3):
        torch.set_num_threads(threads)
        for size in (1, 2, 3, 7):
            assert torch.equal(torch.cat([fused(part) for part in images.split(size)]), whole)


@needs_kernel
def test_nan_stays_in_its_image(make: Make) -> None:
    model = make(GammaPhysNet)
    images = torch.randn(3, 2, 217)
    images[1, 0, 100] = torch.nan
    for task in fuse(model)(images).values():
        assert task.isnan().all(dim=1).tolist() == [False, True, False]


@pytest.mark.parametrize("again", [copy.deepcopy, lambda network: pickle.loads(pickle.dumps(network))])
@pytest.mark.parametrize("used", [False, True])
def test_it_can_be_copied(make: Make, again: Callable[[FusedNetwork], FusedNetwork], used: bool) -> None:
    fused, images = fuse(make(GammaPhysNet)), torch.randn(3, 2, 217)
    wanted = fused(images) if used else None
    twin = again(fused)
    wanted = wanted or fused(images)
    assert all(torch.equal(value, wanted[task]) for task, value in twin(images).items())


def test_it_can_be_moved_and_loaded(make: Make) -> None:
    fused, other = fuse(make(HexResNet)), fuse(make(HexResNet))
    images = torch.randn(3, 2, 217)
    wanted = fused(images)
    assert not torch.equal(other(images)["energy"], wanted["energy"])
    other.load_state_dict(fused.state_dict())
    assert torch.equal(other(images)["energy"], wanted["energy"])
    assert torch.equal(other.to("cpu")(images)["energy"], wanted["energy"])
    assert other.to("meta")(images.to("meta"))["energy"].shape == (3, 1)


def test_gradients_of_the_images_are_those_of_the_network(make: Make) -> None:
    model, images = make(HexResNet), torch.randn(3, 2, 217, requires_grad=True)
    wanted = torch.autograd.grad(model(images)["energy"].sum(), images)[0]
    given = torch.autograd.grad(fuse(model)(images)["energy"].sum(), images)[0]
    assert off(given, wanted.double()) < 1e-4


@needs_kernel
@pytest.mark.parametrize("isa", ["avx512bf16", "avx512", "avx2", "portable"])
def test_every_instruction_set_gives_the_same(make: Make, isa: str, tmp_path: object) -> None:
    model, images = make(GammaPhysNet), torch.randn(3, 2, 217)
    path = f"{tmp_path}/model.pt"
    torch.save((fuse(model), images), path)
    code = (
        "import sys, torch; fused, images = torch.load(sys.argv[1], weights_only=False); "
        "from gammalearn_hexconv import kernel; torch.save((kernel.isa(), fused(images)), sys.argv[1])"
    )
    environment = {**os.environ, "GAMMALEARN_HEXCONV_ISA": isa}
    subprocess.run([sys.executable, "-c", code, path], check=True, env=environment)
    used, given = torch.load(path)
    wanted = copy.deepcopy(model).double()(images.double())
    assert used in ("avx512bf16", "avx512", "avx2", "portable")
    assert all(off(value, wanted[task].detach()) < 5e-6 for task, value in given.items())


def test_memory_between_layers_is_shared() -> None:
    layers = [Layer(i, i + 1) for i in range(6)]
    places, total = chain.places_of(layers, [64] * 7)
    assert total == 128
    assert [places[i] for i in range(1, 7)] == [0, 64, 0, 64, 0, 64]


def test_images_of_another_shape_are_refused() -> None:
    fused = fuse(HexConv2d(2, 3, LATTICE))
    with pytest.raises(ValueError, match="35"):
        fused(torch.zeros(1, 2, 34, 1))
    with pytest.raises(ValueError, match="2"):
        fused(torch.zeros(1, 3, 35, 1))


def test_the_report_of_backends_names_chains(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    fused = fuse(make(GammaPhysNet))
    if kernel.available():
        assert fused.backend_report()[0][2:] == ("fused", "one program of the compiled kernel, of 37 layers")
    assert fused.to("meta").backend_report()[0].backend == "torch"
    monkeypatch.setattr(chain, "available", lambda: False)
    assert fused.backend_report()[0].backend == "torch"


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_it_is_compiled_and_exported(make: Make, dtype: torch.dtype) -> None:
    fused, images = fuse(make(GammaPhysNet), dtype=dtype), torch.randn(3, 2, 217)
    wanted = fused(images)
    compiled = torch.compile(fused, fullgraph=True, backend="aot_eager")
    batch = torch.export.Dim("batch")
    exported = torch.export.export(fused, (images,), dynamic_shapes=(({0: batch},),), strict=False).module()
    tolerance = 1e-5 if dtype == torch.float32 else 3e-2
    for network in (compiled, exported):
        for n in (3, 5):
            given = network(torch.cat([images, images])[:n])
            assert all(off(value[:3], wanted[task].double()) < tolerance for task, value in given.items())
