from __future__ import annotations

import copy
import pickle
import warnings
from pathlib import Path

import pytest
import torch
from conftest import hexagonal
from conftest import real
from conftest import two_sizes
from torch import Tensor
from torch import nn

from gammalearn_hexconv import HexAdaptiveAvgPool2d
from gammalearn_hexconv import HexAdaptiveMaxPool2d
from gammalearn_hexconv import HexAvgPool2d
from gammalearn_hexconv import HexConv2d
from gammalearn_hexconv import HexConvTranspose2d
from gammalearn_hexconv import HexLattice
from gammalearn_hexconv import HexMaxPool2d
from gammalearn_hexconv.backends import Backend

BACKENDS: list[Backend] = ["auto", "axial", "gather", "indirect"]


class Model(nn.Module):
    """Every layer there is."""

    def __init__(self, lattice: HexLattice, backend: Backend) -> None:
        super().__init__()
        pools: Backend = "auto" if backend == "axial" else backend
        self.first = HexConv2d(2, 8, lattice, backend=backend)
        self.norm = nn.BatchNorm2d(8)
        self.down = HexConv2d(8, 16, lattice, stride=2, groups=2, backend=backend)
        self.largest = HexMaxPool2d(lattice, backend=pools)
        self.mean = HexAvgPool2d(lattice, backend=pools)
        self.up = HexConvTranspose2d(16, 8, lattice, stride=2, backend=backend)
        self.cells, self.all = HexAdaptiveAvgPool2d(7, lattice), HexAdaptiveMaxPool2d(1, lattice)
        self.head = nn.Linear(64, 3)

    def forward(self, pixels: Tensor) -> Tensor:
        fine = self.norm(self.first(pixels.unsqueeze(3))).relu()
        coarse = self.down(fine) + torch.cat([self.largest(fine), self.mean(fine)], dim=1)
        fine = fine + self.up(coarse)
        features = torch.cat([self.cells(fine), self.all(fine)], dim=2)
        output: Tensor = self.head(features.flatten(1))
        return output


@pytest.fixture(params=["VERITAS", "two_sizes"])
def lattice(request: pytest.FixtureRequest) -> HexLattice:
    """A hexagonal lattice, and pixels on none."""
    return HexLattice.from_camera(two_sizes() if request.param == "two_sizes" else real("VERITAS"))


def model_of(lattice: HexLattice, backend: Backend) -> Model:
    """A model with statistics of its own; on irregular pixels there is no dense box."""
    model = Model(lattice, "auto" if lattice.kind == "irregular" and backend == "axial" else backend)
    model(torch.randn(4, 2, lattice.n_pixels))
    return model.eval()


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_model_is_exported_for_any_number_of_images(lattice: HexLattice, backend: Backend) -> None:
    model = model_of(lattice, backend)
    exported = torch.export.export(
        model, (torch.randn(4, 2, lattice.n_pixels),), dynamic_shapes=({0: torch.export.Dim("n")},)
    )
    assert "gammalearn_hexconv." not in str(exported.graph), "the compiled kernel must not be needed elsewhere"
    for n in (2, 9):
        pixels = torch.randn(n, 2, lattice.n_pixels)
        torch.testing.assert_close(exported.module()(pixels), model(pixels), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(("camera", "backend"), [("VERITAS", "auto"), ("VERITAS", "gather"), ("two_sizes", "auto")])
def test_onnx_gives_the_same(camera: str, backend: Backend, tmp_path: Path) -> None:
    pytest.importorskip("onnxscript")
    runtime = pytest.importorskip("onnxruntime")
    lattice = HexLattice.from_camera(two_sizes() if camera == "two_sizes" else real(camera))
    model = model_of(lattice, backend)
    path = tmp_path / "model.onnx"
    with warnings.catch_warnings():
        # Of the exporter and what it imports, about itself.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            model,
            (torch.randn(4, 2, lattice.n_pixels),),
            path,
            dynamo=True,
            verbose=False,
            dynamic_shapes=({0: torch.export.Dim("n")},),
        )
    session = runtime.InferenceSession(path, providers=["CPUExecutionProvider"])
    for n in (1, 6):
        pixels = torch.randn(n, 2, lattice.n_pixels)
        (found,) = session.run(None, {session.get_inputs()[0].name: pixels.numpy()})
        torch.testing.assert_close(torch.from_numpy(found), model(pixels), atol=1e-5, rtol=0)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_model_is_compiled_without_a_break(backend: Backend) -> None:
    torch.compiler.reset()
    lattice = HexLattice.from_camera(hexagonal(4))
    model = Model(lattice, backend)
    other = copy.deepcopy(model)
    # Its own backend of torch, because what a C++ compiler does to the loops around is not ours to test.
    compiled = torch.compile(other, fullgraph=True, backend="aot_eager")
    pixels = torch.randn(4, 2, lattice.n_pixels)
    results = []
    for run, parameters in ((model, model), (compiled, other)):
        x = pixels.clone().requires_grad_()
        output = run(x)
        output.square().sum().backward()
        results.append([output, x.grad, *(p.grad for p in parameters.parameters())])
    for ours, theirs in zip(*results, strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("again", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_a_model_can_be_copied(lattice: HexLattice, again: object) -> None:
    model = model_of(lattice, "auto")
    pixels = torch.randn(2, 2, lattice.n_pixels)
    other = again(model)  # type: ignore[operator]
    assert torch.equal(other(pixels), model(pixels))
    assert other.first.lattice == lattice


def test_shapes_are_known_without_data() -> None:
    lattice = HexLattice.from_camera(hexagonal(4))
    model = Model(lattice, "auto").to("meta")
    assert model(torch.empty(3, 2, 61, device="meta")).shape == (3, 3)


@pytest.mark.parametrize("backend", ["axial", "gather"])
def test_functions_can_be_transformed(backend: Backend) -> None:
    lattice = HexLattice.from_camera(hexagonal(2))
    layer = HexConv2d(2, 3, lattice, backend=backend)
    pixels = torch.randn(5, 2, 19)
    parameters = dict(layer.named_parameters())

    def loss(parameters: dict[str, Tensor]) -> Tensor:
        return torch.func.functional_call(layer, parameters, pixels).square().sum()

    found = torch.func.grad(loss)(parameters)
    layer(pixels).square().sum().backward()
    for name, parameter in parameters.items():
        torch.testing.assert_close(found[name], parameter.grad)


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning", "ignore::torch.jit.TracerWarning")
def test_a_traced_model_takes_any_number_of_images(lattice: HexLattice) -> None:
    model = model_of(lattice, "auto")
    traced = torch.jit.trace(model, torch.randn(3, 2, lattice.n_pixels))  # type: ignore[no-untyped-call]
    assert "gammalearn_hexconv::" not in str(traced.inlined_graph)
    pixels = torch.randn(5, 2, lattice.n_pixels)
    torch.testing.assert_close(traced(pixels), model(pixels), atol=1e-5, rtol=1e-5)
