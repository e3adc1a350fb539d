"""Linear layers of many features, by the kernel."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch
from torch import nn

from gammalearn_hexconv import HexConv2d
from gammalearn_hexconv import HexLattice
from gammalearn_hexconv import fuse
from gammalearn_hexconv import kernel
from gammalearn_hexconv.fused import linear
from gammalearn_hexconv.fused.linear import WideLinear
from gammalearn_hexconv.steady import SteadyLinear

needs_kernel = pytest.mark.skipif(not kernel.available(), reason=f"no kernel: {kernel.why_not()}")


@torch.no_grad()
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("sizes", [(1024, 1), (1088, 17), (7488, 256)])
@pytest.mark.parametrize("n", [0, 1, 5, 32])
def test_it_gives_what_the_layer_gives(n: int, sizes: tuple[int, int], bias: bool) -> None:
    layer, rows = nn.Linear(*sizes, bias=bias), torch.randn(n, sizes[0])
    given, wanted = WideLinear(layer)(rows), copy.deepcopy(layer).double()(rows.double())
    assert given.shape == wanted.shape
    assert torch.allclose(given.double(), wanted, atol=2e-6)


@needs_kernel
@torch.no_grad()
def test_a_row_does_not_depend_on_the_batch() -> None:
    layer, rows = WideLinear(SteadyLinear(7488, 20)), torch.randn(7, 7488)
    whole = layer(rows)
    assert all(torch.equal(torch.cat([layer(part) for part in rows.split(size)]), whole) for size in (1, 2, 3))


@torch.no_grad()
@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_other_types_are_computed_by_torch(dtype: torch.dtype) -> None:
    layer, rows = nn.Linear(1024, 3).to(dtype), torch.randn(4, 1024, dtype=dtype)
    assert torch.equal(WideLinear(layer)(rows), layer(rows))


def test_gradients_are_those_of_torch() -> None:
    layer, rows = nn.Linear(1024, 3), torch.randn(4, 1024, requires_grad=True)
    given = torch.autograd.grad(WideLinear(layer)(rows).sum(), [rows, layer.weight])
    wanted = torch.autograd.grad(layer(rows).sum(), [rows, layer.weight])
    assert all(torch.equal(a, b) for a, b in zip(given, wanted, strict=True))


@torch.no_grad()
def test_it_can_be_copied_moved_and_loaded() -> None:
    layer, rows = WideLinear(nn.Linear(1024, 3)), torch.randn(4, 1024)
    wanted = layer(rows)
    other = WideLinear(nn.Linear(1024, 3))
    assert not torch.equal(other(rows), wanted)
    other.load_state_dict(layer.state_dict())
    for twin in (other, copy.deepcopy(layer), pickle.loads(pickle.dumps(layer)), copy.deepcopy(layer).to("cpu")):
        assert torch.equal(twin(rows), wanted)


def test_fused_networks_have_them_where_there_are_many_features(monkeypatch: pytest.MonkeyPatch) -> None:
    lattice = HexLattice([(q, r) for q in range(16) for r in range(4)])

    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = HexConv2d(2, 16, lattice)
            self.last = nn.Sequential(nn.Flatten(), nn.Linear(1024, 4), nn.ReLU(), nn.Linear(4, 2))

        def forward(self, pixels: torch.Tensor) -> torch.Tensor:
            return self.last(self.conv(pixels))  # type: ignore[no-any-return]

    network, images = Network(), torch.randn(3, 2, 64, 1)
    fused = fuse(network)
    assert [type(module) for module in fused.modules() if isinstance(module, nn.Linear)] == [WideLinear, nn.Linear]
    assert [type(module) for module in network.modules() if isinstance(module, nn.Linear)] == [nn.Linear] * 2
    assert torch.allclose(fused(images), network(images), atol=1e-5)
    monkeypatch.setattr(linear, "available", lambda: False)
    assert torch.allclose(fused(images), network(images), atol=1e-5)
