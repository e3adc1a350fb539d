"""What ``hexconv.py`` measures: layers and networks of ours and of the peers, on the pixels of LSTCam."""

from __future__ import annotations

import copy
import importlib.util
from collections.abc import Callable
from collections.abc import Iterator
from functools import cache
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from hexconv_peers import CHANNELS
from hexconv_peers import DEPTHS
from hexconv_peers import HIDDEN
from hexconv_peers import RATIO
from hexconv_peers import TASKS
from hexconv_peers import HexagdlyLayout
from hexconv_peers import IndexedLayout
from hexconv_peers import Layout
from hexconv_peers import PeerNetwork
from hexconv_peers import SquareLayout
from hexconv_peers import hexagdly_cells
from hexconv_peers import hexagdly_layer
from hexconv_peers import take_weights
from hexconv_timing import Call
from torch import Tensor
from torch import nn

from gammalearn_core.api import CameraGeometry
from gammalearn_core.api import CameraSpec
from gammalearn_core.api import InputSpec
from gammalearn_core.api import OutputSpec
from gammalearn_core.api import TaskSpec
from gammalearn_hexconv import HexConv2d
from gammalearn_hexconv import HexLattice
from gammalearn_hexconv import fuse
from gammalearn_hexconv import kernel
from gammalearn_hexconv.networks.gammaphysnet import GammaPhysNet

Make = Callable[[], Call]

CAMERA = "LSTCam"
TABLES = Path(__file__).parent.parent / "plugins" / "hexconv" / "tests" / "data" / "cameras.npz"
IMAGE_CHANNELS = ("image", "peak_time")
GEOMETRIES = {"energy": "scalar", "impact": "ground_vector", "direction": "camera_vector", "particle": "class"}
INDEXED, HEXAGDLY = "IndexedConv 1.3.2", "HexagDLy 2.0.2"
OURS, FUSED, FUSED_BF16 = "**ours**", "**ours, fused**", "**ours, fused, bf16**"
SIDES = 55, 110
TOLERANCE = 1e-4
"""Of outputs and gradients of networks over the largest, in float32; between IndexedConv and ours it is rounding."""
PARTS = {"IndexedConv": "indexedconv", "HexagDLy": "hexagdly"}


def missing() -> Iterator[str]:
    """What is left out, and why."""
    for name, module in PARTS.items():
        if not has(module):
            yield f"{name} is not installed: what needs it is left out"
    if not kernel.available():
        yield f"ours runs without its compiled kernel: {kernel.why_not()}"


def instructions() -> str:
    """What our kernel uses."""
    return f"kernel {kernel.isa()}" if kernel.available() else "no kernel"


def has(module: str) -> bool:
    """Whether a package is installed."""
    return importlib.util.find_spec(module) is not None


@cache
def camera() -> CameraGeometry:
    """The camera that all is measured on."""
    with np.load(TABLES) as tables:
        values = {name: tables[f"{CAMERA}/{name}"] for name in ("x", "y", "area")}
    return CameraGeometry(name=CAMERA, focal_length=28.0, **values)


@cache
def lattice() -> HexLattice:
    """Its pixels."""
    return HexLattice.from_camera(camera())


def inference(module: nn.Module, images: Tensor) -> Call:
    """A call without gradients."""

    def call() -> None:
        with torch.no_grad():
            module(images)

    return call


def training(module: nn.Module, images: Tensor, backward: Callable[[Any], None]) -> Call:
    """A step of training: forward, backward, and an update, without which weights could be prepared once for all."""
    optimizer = torch.optim.SGD(module.parameters(), lr=1e-9)

    def call() -> None:
        optimizer.zero_grad(set_to_none=True)
        images.grad = None
        backward(module(images))
        optimizer.step()

    return call


def backward(outputs: dict[str, Tensor]) -> None:
    """Go back from the squares of what networks give."""
    torch.stack([output.square().sum() for output in outputs.values()]).sum().backward()


class Layer:
    """A convolution in several forms, each with inputs and output gradients in the layout that suits it.

    Parameters
    ----------
    inputs, outputs, radius, stride : int
        Of the convolution.
    batch : int
        Images.
    """

    def __init__(self, inputs: int, outputs: int, radius: int, stride: int, *, batch: int) -> None:
        torch.manual_seed(1)
        self.ours = HexConv2d(inputs, outputs, lattice(), radius=radius, stride=stride, indexedconv_compat=True)
        table = self.ours.table
        self.operations = 2 * batch * table.n_out * table.n_taps * inputs * outputs
        self.images = torch.randn(batch, inputs, table.n_in)
        self.gradient = torch.randn(batch, outputs, table.n_out)
        self.simple = (radius, stride) == (1, 1)

    def forms(self) -> dict[str, tuple[nn.Module, Tensor, Tensor]]:
        """By name: module, images, and gradients of its output."""
        found: dict[str, tuple[nn.Module, Tensor, Tensor]] = {}
        if has("indexedconv"):
            found[INDEXED] = (self._indexed(), self.images, self.gradient)
        if has("hexagdly") and self.simple:
            found[HEXAGDLY] = self._hexagdly()
        mine = self._stored(self.images), self._stored(self.gradient)
        for backend in ("axial", "gather"):
            layer = copy.deepcopy(self.ours)
            layer.backend = backend
            found[f"ours, {backend}"] = (layer, *mine)
        found[OURS] = (self.ours, *mine)
        if kernel.available():
            halves = (tensor.bfloat16() for tensor in mine)
            found["**ours, bf16**"] = (copy.deepcopy(self.ours).bfloat16(), *halves)
        return found

    def _indexed(self) -> nn.Module:
        from gammalearn_hexconv.interop.indexedconv import to_indexedconv

        return to_indexedconv(self.ours)

    def _hexagdly(self) -> tuple[nn.Module, Tensor, Tensor]:
        assert lattice().axial is not None
        cells, box = hexagdly_cells(torch.tensor(lattice().axial))
        bias = self.ours.bias
        assert bias is not None
        boxed = (
            tensor.new_zeros(*tensor.shape[:2], box[0] * box[1]).index_copy(2, cells, tensor).unflatten(2, box)
            for tensor in (self.images, self.gradient)
        )
        return hexagdly_layer(self.ours.weight.detach(), bias.detach()), *boxed

    @staticmethod
    def _stored(tensor: Tensor) -> Tensor:
        return tensor.unsqueeze(-1).contiguous(memory_format=torch.channels_last)

    def forward(self) -> dict[str, Make]:
        """Calls without gradients."""
        return {name: partial(inference, *form[:2]) for name, form in self.forms().items()}

    def backward(self) -> dict[str, Make]:
        """Calls with gradients: of the weights, and of the images unless these have one or two channels."""
        found: dict[str, Make] = {}
        for name, (module, images, gradient) in self.forms().items():
            given = images.clone().requires_grad_(images.shape[1] > 2)
            back = partial(torch.autograd.backward, grad_tensors=gradient)
            found[name] = partial(training, module, given, back)
        return found


def our_network(**options: object) -> nn.Module:
    """The network ``hexconv.gammaphysnet`` with the parameters that GammaLearn has."""
    torch.manual_seed(1)
    spec = CameraSpec(geometry=camera(), shape=(lattice().n_pixels,), channels=IMAGE_CHANNELS)
    classes = {"particle": ("gamma", "proton")}
    tasks = {
        name: TaskSpec(
            name=name, target=f"core.{name}", size=size, geometry=GEOMETRIES[name], classes=classes.get(name, ())
        )
        for name, size in TASKS.items()
    }
    inputs = InputSpec(level="telescope", cameras={CAMERA: spec})
    sizes = {"channels": CHANNELS, "depths": DEPTHS, "hidden": HIDDEN, "ratio": RATIO}
    network = GammaPhysNet(inputs=inputs, outputs=OutputSpec(tasks=tasks), **sizes, **options)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            # As after some training, so that nothing is an identity.
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, std=0.1)
            module.running_mean.normal_(std=0.1)
            module.running_var.uniform_(0.5, 1.5)
    return network


def indexed_network(ours: nn.Module) -> PeerNetwork:
    """The same network of IndexedConv's layers, with the same weights."""
    matrix = torch.from_numpy(lattice().index_matrix())
    network = PeerNetwork(IndexedLayout(matrix), torch.zeros(1, len(IMAGE_CHANNELS), lattice().n_pixels))
    pixels = network.head.fusion.in_features // CHANNELS[-1]
    take_weights(network, ours.state_dict(), pixels=pixels)
    return network


class Networks:
    """The network in several forms; those of IndexedConv's layers and of ours have the same weights.

    Parameters
    ----------
    batch : int
        Images.
    peers : bool
        Whether to have the networks of HexagDLy's layers and on square images.
    """

    def __init__(self, *, batch: int, peers: bool = True) -> None:
        self.ours = our_network(indexedconv_compat=True)
        self.batch, self.peers = batch, peers
        self.images = torch.randn(batch, len(IMAGE_CHANNELS), lattice().n_pixels)
        self.operations = batch * sum(_operations(module) for module in self.ours.modules())

    def inference(self) -> dict[str, Make]:
        """Calls without gradients."""
        found = {name: partial(_inference, make, self.images) for name, make in self._all(self.ours).items()}
        if has("indexedconv"):
            found[f"{INDEXED}, bf16"] = lambda: inference(
                indexed_network(self.ours).bfloat16().eval(), self.images.bfloat16()
            )
        for name, network, options in (
            (FUSED, self.ours, {}),
            (FUSED_BF16, self.ours, {"dtype": torch.bfloat16}),
            ("ours, fused, no pixel left out", our_network(), {}),
        ):
            found[name] = partial(_inference, partial(_fused, network, **options), self.images)
        return found | {name: partial(_inference, *given) for name, given in self._others()}

    def training(self) -> dict[str, Make]:
        """Steps of training."""
        found = {name: partial(_training, make, self.images) for name, make in self._all(self.ours).items()}
        found["ours, no pixel left out"] = partial(_training, our_network, self.images)
        return found | {name: partial(_training, *given) for name, given in self._others()}

    @staticmethod
    def _all(ours: nn.Module) -> dict[str, Callable[[], nn.Module]]:
        found: dict[str, Callable[[], nn.Module]] = {}
        if has("indexedconv"):
            found[INDEXED] = lambda: indexed_network(ours)
        for backend in ("axial", "gather"):
            found[f"ours, {backend}"] = partial(our_network, indexedconv_compat=True, backend=backend)
        return found | {OURS: lambda: ours}

    def _others(self) -> Iterator[tuple[str, tuple[Callable[[], nn.Module], Tensor]]]:
        if not self.peers:
            return
        if has("hexagdly"):
            assert lattice().axial is not None
            _, box = hexagdly_cells(torch.tensor(lattice().axial))
            yield HEXAGDLY, _peer(HexagdlyLayout, self.batch, *box)
        for side in SIDES:
            for order, last in (("NCHW", False), ("channels_last", True)):
                yield square_name(side, order), _peer(partial(SquareLayout, channels_last=last), self.batch, side, side)


def _peer(make: Callable[[], Layout], batch: int, *shape: int) -> tuple[Callable[[], nn.Module], Tensor]:
    images = torch.randn(batch, len(IMAGE_CHANNELS), *shape)
    return lambda: PeerNetwork(make(), images[:1]), images


def _inference(make: Callable[[], nn.Module], images: Tensor) -> Call:
    return inference(make().eval(), images)


def _training(make: Callable[[], nn.Module], images: Tensor) -> Call:
    return training(make().train(), images, backward)


def _fused(network: nn.Module, **options: Any) -> nn.Module:
    return fuse(network.eval(), **options)


def compared() -> str:
    """How far IndexedConv's network and ours are apart.

    Raises
    ------
    ArithmeticError
        Further than rounding explains.
    """
    if not has("indexedconv"):
        return "not compared"
    ours = our_network(indexedconv_compat=True)
    theirs, images = indexed_network(ours), torch.randn(4, len(IMAGE_CHANNELS), lattice().n_pixels)
    apart = {"outputs": _apart(theirs.eval(), ours.eval(), images)}
    apart["outputs, fused"] = _apart(theirs, _fused(ours), images)
    # In double precision, where no ReLU takes the other side for rounding.
    apart["gradients, float64"] = _gradients_apart(theirs.double().train(), ours.double().train(), images.double())
    apart["outputs in training"] = _apart(theirs.float(), ours.float(), images)
    text = ", ".join(f"{name} {value:.1e}" for name, value in apart.items())
    if not max(apart.values()) < TOLERANCE:
        raise ArithmeticError(f"the networks are not the same: {text}")
    return text


def square_name(side: int, order: str) -> str:
    """Of a network on square images."""
    return f"torch, {side} x {side}, {order}"


def _operations(module: nn.Module) -> int:
    """Multiplications and additions of a convolution over neighbours, of one image."""
    if not isinstance(module, HexConv2d):
        return 0
    return 2 * module.table.n_out * module.table.n_taps * module.in_channels * module.out_channels


def _apart(one: nn.Module, other: nn.Module, images: Tensor) -> float:
    with torch.no_grad():
        left, right = one(images), other(images)
    return max(float((left[name] - right[name]).abs().max() / left[name].abs().max()) for name in left)


def _gradients_apart(one: PeerNetwork, other: nn.Module, images: Tensor) -> float:
    gradients = []
    for network in (one, other):
        backward(network(images))
        gradients.append([p.grad.flatten() for p in network.stages.parameters() if p.grad is not None])
    # Some are zero but for rounding: those of a bias that batch norm takes away.
    least = 1e-3 * max(float(gradient.abs().max()) for gradient in gradients[0])
    return max(float((a - b).abs().max() / a.abs().max().clamp(min=least)) for a, b in zip(*gradients, strict=True))


__all__ = [
    "FUSED",
    "FUSED_BF16",
    "HEXAGDLY",
    "INDEXED",
    "OURS",
    "SIDES",
    "Layer",
    "Networks",
    "compared",
    "instructions",
    "missing",
    "square_name",
]
