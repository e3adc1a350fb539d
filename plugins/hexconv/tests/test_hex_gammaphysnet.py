"""``hexconv.gammaphysnet``: the published layout, its heads, and what it is in plain torch."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch import nn

from gammalearn_core.api import CameraGeometry
from gammalearn_core.api import InputSpec
from gammalearn_core.api import OutputSpec
from gammalearn_core.api import TaskSpec
from gammalearn_hexconv.modules import HexConv2d
from gammalearn_hexconv.networks.attention import DualAttention
from gammalearn_hexconv.networks.attention import SpatialAttention
from gammalearn_hexconv.networks.attention import SqueezeExcite
from gammalearn_hexconv.networks.blocks import PreActivationLayer
from gammalearn_hexconv.networks.gammaphysnet import GammaPhysNet

Inputs = Callable[..., InputSpec]

SCALAR = TaskSpec(name="energy", target="core.energy", size=1)
DIRECTION = TaskSpec(name="direction", target="core.direction", size=2, geometry="camera_vector")
IMPACT = TaskSpec(name="impact", target="mine.impact", size=2, geometry="ground_vector")
CLASS = TaskSpec(name="particle", target="core.particle", size=2, geometry="class", classes=("gamma", "proton"))
PUBLISHED = OutputSpec(tasks={task.name: task for task in (SCALAR, IMPACT, DIRECTION, CLASS)})


def lst() -> CameraGeometry:
    """The camera of the LST: 265 modules of seven pixels, a hexagon of nine modules a side without its corners."""
    steps = np.arange(-9, 10)
    a, b = (v.ravel() for v in np.meshgrid(steps, steps, indexing="ij"))
    ring = np.maximum(np.maximum(abs(a), abs(b)), abs(a + b))
    kept = (ring <= 9) & ~((ring == 9) & ((a == 0) | (b == 0) | (a + b == 0)))
    seven = np.array([(0, 0), (1, 0), (-1, 0), (0, 1), (0, -1), (1, -1), (-1, 1)])
    centres = a[kept, None] * (2, 1) + b[kept, None] * (-1, 3)
    q, r = (centres[:, None] + seven).reshape(-1, 2).T
    x, y = 0.05 * (q + r / 2), 0.05 * r * 0.75**0.5
    return CameraGeometry(name="LSTCam", x=x, y=y, area=np.ones(len(x)), focal_length=28.0)


def count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def test_it_has_as_many_parameters_as_the_published_network(inputs: Inputs) -> None:
    """GammaLearn's GammaPhysNet with the backbone ResNetAttentionIndexed has 2.18 million for LSTCam, counted there."""
    network = GammaPhysNet(inputs=inputs(lst()), outputs=PUBLISHED, indexedconv_compat=True)
    assert count(network) == 2_181_849
    assert [stage.out_lattice.n_pixels for stage in network.stages[::2]] == [1855, 462, 117]  # type: ignore[union-attr, index]


def test_its_parts_have_the_parameters_that_the_layout_gives(inputs: Inputs) -> None:
    network = GammaPhysNet(inputs=inputs(lst()), outputs=PUBLISHED, indexedconv_compat=True)

    def conv(inside: int, outside: int, taps: int = 7) -> int:
        return taps * inside * outside + outside

    def norm(channels: int) -> int:
        return 2 * channels

    def layer(channels: int) -> int:
        return 2 * norm(channels) + 2 * conv(channels, channels)

    def first(inside: int, outside: int) -> int:
        through = norm(inside) + conv(inside, outside) + norm(outside) + conv(outside, outside)
        return through + norm(inside) + conv(inside, outside)

    def attention(channels: int) -> int:
        small, half = channels // 16, channels // 2
        squeeze = conv(channels, small, 1) + conv(small, channels, 1)
        return squeeze + channels * half + norm(half) + conv(half, 1, 1)

    stages = list(network.stages)
    assert count(network.stem) == conv(2, 16)
    # The first layer follows the ReLU of the stem, and has no batch norm of its own.
    assert [count(s) for s in stages[::2]] == [
        3 * layer(16) - norm(16),
        first(16, 32) + 2 * layer(32),
        first(32, 64) + 2 * layer(64),
    ]
    assert [count(s) for s in stages[1::2]] == [attention(16), attention(32), attention(64)]
    flat = 117 * 64
    energy, vectors = conv(64, 256, 1) + conv(256, 1, 1), conv(flat, 256, 1) + 2 * conv(256, 2, 1)
    assert count(network.head) == energy + vectors + conv(flat, 2, 1)


def test_by_default_no_pixel_at_the_border_is_lost(inputs: Inputs) -> None:
    network = GammaPhysNet(inputs=inputs(lst()), outputs=PUBLISHED)
    pixels = torch.randn(1, 2, 1855, requires_grad=True)
    features = network.eval().stages[2](network.stem(network.enter(pixels)))
    features.square().sum().backward()
    assert pixels.grad is not None
    assert pixels.grad.any(dim=1).all()


def reference(network: GammaPhysNet, images: Tensor) -> dict[str, Tensor]:
    """What the layout says, in evaluation, on a dense array of the camera's index matrix."""

    def dense(x: Tensor, conv: HexConv2d, side: str) -> Tensor:
        matrix = torch.from_numpy((conv.lattice if side == "in" else conv.out_lattice).index_matrix())
        array = x.new_zeros(*x.shape[:2], matrix.numel())
        array[:, :, matrix.flatten() >= 0] = x[:, :, matrix.flatten()[matrix.flatten() >= 0]]
        return array.reshape(*x.shape[:2], *matrix.shape)

    def convolve(x: Tensor, conv: HexConv2d) -> Tensor:
        inside = torch.tensor([[1, 1, 0], [1, 1, 1], [0, 1, 1]], dtype=torch.bool)
        weight = x.new_zeros(*conv.weight.shape[:2], 3, 3)
        weight[:, :, inside] = conv.weight
        stride = 1 if conv.lattice.n_pixels == conv.out_lattice.n_pixels else 2
        array = F.conv2d(dense(x, conv, "in"), weight, conv.bias, stride=stride, padding=1)
        matrix = torch.from_numpy(conv.out_lattice.index_matrix())
        rows, columns = matrix.shape
        order = torch.argsort(matrix[matrix >= 0])
        return array[:, :, :rows, :columns][:, :, matrix >= 0][:, :, order]

    def norm(x: Tensor, bn: nn.BatchNorm2d) -> Tensor:
        return F.batch_norm(x, bn.running_mean, bn.running_var, bn.weight, bn.bias, eps=bn.eps)

    def part(x: Tensor, block: nn.Module) -> Tensor:
        return convolve(x if block.norm is None else F.relu(norm(x, block.norm)), block.conv)  # type: ignore[arg-type]

    x = F.relu(convolve(images, network.stem.conv))
    for stage, attention in zip(network.stages[::2], network.stages[1::2], strict=True):  # type: ignore[call-overload]
        for layer in stage:
            kept = x if layer.shortcut is None else part(x, layer.shortcut)
            x = part(part(x, layer.first), layer.second) + kept
        channel, spatial = attention.channel, attention.spatial
        gate = torch.sigmoid(channel.expand(F.relu(channel.reduce(x.mean(dim=2)))))[:, :, None]
        half = norm(torch.einsum("oc,ncl->nol", spatial.reduce.weight[:, :, 0, 0], x), spatial.norm)
        score = torch.einsum("oc,ncl->nol", spatial.score.weight[:, :, 0, 0], F.relu(half)) + spatial.score.bias
        x = x * gate * (torch.sigmoid(score) + 1)
    x = F.relu(x)
    flat = x.transpose(1, 2).flatten(1)
    head = network.head
    assert head.fusion is not None
    fused = F.relu(head.fusion(flat))
    energy, impact, direction, particle = head.heads
    given = {"energy": energy(x.mean(dim=2)), "impact": impact(fused), "direction": direction(fused)}
    return given | {"particle": particle(flat)}


def test_it_computes_what_the_layout_says(small: CameraGeometry, inputs: Inputs) -> None:
    network = GammaPhysNet(inputs=inputs(small), outputs=PUBLISHED, hidden=16, indexedconv_compat=True).double().train()
    with torch.no_grad():
        for _ in range(3):
            network(torch.randn(8, 2, 217, dtype=torch.float64))
    pixels = torch.randn(2, 2, 217, dtype=torch.float64)
    torch.testing.assert_close(network.eval()(pixels), reference(network, pixels), atol=1e-11, rtol=0)


def test_the_backend_of_the_indexedconv_package_gives_the_same(small: CameraGeometry, inputs: Inputs) -> None:
    pytest.importorskip("indexedconv")
    ours, theirs = (
        GammaPhysNet(
            inputs=inputs(small), outputs=PUBLISHED, hidden=16, indexedconv_compat=True, backend=backend
        ).double()
        for backend in ("auto", "reference")
    )
    theirs.load_state_dict(ours.state_dict())
    pixels = torch.randn(2, 2, 217, dtype=torch.float64)
    torch.testing.assert_close(ours.eval()(pixels), theirs.eval()(pixels), atol=1e-12, rtol=0)


def test_onnx_gives_the_same_for_any_number_of_images(small: CameraGeometry, inputs: Inputs, tmp_path: Path) -> None:
    pytest.importorskip("onnxscript")
    runtime = pytest.importorskip("onnxruntime")
    network = GammaPhysNet(inputs=inputs(small), outputs=PUBLISHED, channels=(4, 8), depths=(1, 1), hidden=8).eval()
    dynamic, path = ({0: torch.export.Dim("n")},), tmp_path / "model.onnx"
    with warnings.catch_warnings():
        # Of the exporter and what it imports, about itself.
        warnings.simplefilter("ignore")
        torch.onnx.export(network, (torch.randn(4, 2, 217),), path, dynamo=True, verbose=False, dynamic_shapes=dynamic)
    session = runtime.InferenceSession(path, providers=["CPUExecutionProvider"])
    for n in (1, 6):
        pixels = torch.randn(n, 2, 217)
        found = session.run(None, {session.get_inputs()[0].name: pixels.numpy()})
        for values, expected in zip(found, network(pixels).values(), strict=True):
            torch.testing.assert_close(torch.from_numpy(values), expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("task", "kind"), [(SCALAR, "pooled"), (CLASS, "linear"), (DIRECTION, "fusion"), (IMPACT, "fusion")]
)
def test_the_geometry_of_a_target_chooses_its_head(
    small: CameraGeometry, inputs: Inputs, task: TaskSpec, kind: str
) -> None:
    network = GammaPhysNet(inputs=inputs(small), outputs=OutputSpec(tasks={"mine": task}), hidden=8, depths=(1, 1, 1))
    assert network.head.kinds == {"mine": kind}
    assert (network.head.fusion is None) == (kind != "fusion")
    assert network(torch.zeros(2, 2, 217))["mine"].shape == (2, task.size)


def test_settings_can_choose_the_head_of_a_task(small: CameraGeometry, inputs: Inputs) -> None:
    heads = {"energy": "fusion", "particle": "pooled"}
    network = GammaPhysNet(inputs=inputs(small), outputs=PUBLISHED, heads=heads, hidden=8)  # type: ignore[arg-type]
    expected = {"energy": "fusion", "impact": "fusion", "direction": "fusion", "particle": "pooled"}
    assert network.head.kinds == expected
    assert {n: tuple(p.shape) for n, p in network(torch.zeros(3, 2, 217)).items()} == {
        "energy": (3, 1),
        "impact": (3, 2),
        "direction": (3, 2),
        "particle": (3, 2),
    }


@pytest.mark.parametrize(
    ("name", "kind"),
    [("squeeze_excite", SqueezeExcite), ("spatial", SpatialAttention), ("dual", DualAttention), (None, nn.Identity)],
)
def test_each_stage_ends_with_the_attention_of_the_settings(
    small: CameraGeometry, inputs: Inputs, name: str | None, kind: type
) -> None:
    network = GammaPhysNet(inputs=inputs(small), outputs=PUBLISHED, attention=name, hidden=8)  # type: ignore[arg-type]
    assert [type(module) for module in network.stages[1::2]] == [kind] * 3  # type: ignore[union-attr]
    assert network(torch.randn(2, 2, 217))["energy"].isfinite().all()


def test_the_ratio_is_that_of_the_settings(small: CameraGeometry, inputs: Inputs) -> None:
    network = GammaPhysNet(inputs=inputs(small), outputs=PUBLISHED, ratio=8, hidden=8)
    widths = [m.reduce.out_features for m in network.modules() if isinstance(m, SqueezeExcite)]
    assert widths == [2, 4, 8]


def test_resnet_56_is_nine_layers_a_stage(small: CameraGeometry, inputs: Inputs) -> None:
    network = GammaPhysNet(inputs=inputs(small), outputs=PUBLISHED, depths=(9, 9, 9), hidden=8)
    layers = [m for m in network.modules() if isinstance(m, PreActivationLayer)]
    # Two convolutions a layer, the stem and a head.
    assert 2 * len(layers) + 2 == 56


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"attention": "self"}, "attention must be None, 'squeeze_excite', 'spatial', 'dual', got 'self'"),
        ({"ratio": 0}, "ratio must be a whole number above 0, got 0"),
        ({"heads": {"xmax": "pooled"}}, "heads names the task 'xmax', but the tasks are energy, impact, direction"),
        ({"heads": {"energy": "mlp"}}, r"heads\['energy'\] must be one of 'pooled', 'fusion', 'linear', got 'mlp'"),
    ],
)
def test_wrong_parameters_are_refused(
    small: CameraGeometry, inputs: Inputs, wrong: dict[str, object], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        GammaPhysNet(inputs=inputs(small), outputs=PUBLISHED, **wrong)  # type: ignore[arg-type]
