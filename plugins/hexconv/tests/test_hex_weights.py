from __future__ import annotations

import warnings
from collections import OrderedDict

import numpy as np
import pytest
import torch
from conftest import hexagonal
from conftest import ragged
from conftest import real
from torch import nn

from gammalearn_core.api import CameraGeometry
from gammalearn_hexconv import HexConv2d
from gammalearn_hexconv import HexLattice
from gammalearn_hexconv import HexMaxPool2d
from gammalearn_hexconv import NeighbourTable
from gammalearn_hexconv import interop


def of_indexedconv(lattice: HexLattice, radius: int, stride: int) -> nn.Module:
    """A layer of IndexedConv."""
    engine = pytest.importorskip("indexedconv.engine")
    utils = pytest.importorskip("indexedconv.utils")
    matrix = torch.from_numpy(lattice.index_matrix())[None, None]
    layer: nn.Module = engine.IndexedConv(2, 3, utils.neighbours_extraction(matrix, "Hex", radius, stride))
    return layer


@pytest.mark.parametrize(("radius", "stride"), [(1, 1), (2, 1), (1, 2)])
@pytest.mark.parametrize("compat", [False, True])
def test_weights_of_indexedconv_are_taken_without_a_word(radius: int, stride: int, compat: bool) -> None:
    lattice = HexLattice.from_camera(real("FACT"))
    theirs = nn.Sequential(OrderedDict(conv=of_indexedconv(lattice, radius, stride)))
    layer = HexConv2d(2, 3, lattice, radius=radius, stride=stride, indexedconv_compat=compat or stride == 2)
    ours = nn.Sequential(OrderedDict(conv=layer))
    state = theirs.state_dict()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ours.load_state_dict(state)
    assert "conv.indices_" in state
    assert set(ours.state_dict()) == {"conv.weight", "conv.bias"}
    for name, value in ours.state_dict().items():
        assert torch.equal(value, theirs.state_dict()[name])


def test_weights_of_the_same_pixels_in_another_order_are_taken_without_a_word() -> None:
    camera = real("VERITAS")
    order = np.random.default_rng(0).permutation(camera.n_pixels)
    shuffled = HexLattice.from_positions(camera.x[order], camera.y[order])
    layer = HexConv2d(2, 3, HexLattice.from_camera(camera))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        layer.load_state_dict(of_indexedconv(shuffled, 1, 1).state_dict())


@pytest.mark.parametrize(("other", "stride"), [("HESS-I", 1), ("VERITAS", 2), ("turned", 1)])
def test_weights_of_other_pixels_are_taken_with_a_warning(other: str, stride: int) -> None:
    lattice = HexLattice.from_camera(real("VERITAS"))
    if other == "turned":
        # A camera whose outline is not the same when it is turned.
        lattice = HexLattice.from_camera(ragged())
        assert lattice.axial is not None
        source = HexLattice(np.column_stack([-lattice.axial[:, 1], lattice.axial.sum(axis=1)]))
    else:
        source = HexLattice.from_camera(real(other))
    theirs = of_indexedconv(source, 1, stride)
    layer = HexConv2d(2, 3, lattice)
    with pytest.warns(interop.IndicesWarning, match="with other pixels: its indices_ are not those from"):
        layer.load_state_dict(theirs.state_dict())
    assert torch.equal(layer.weight, theirs.weight)  # type: ignore[arg-type]


def test_a_layer_becomes_one_of_indexedconv_that_computes_the_same(camera: CameraGeometry) -> None:
    pytest.importorskip("indexedconv.engine")
    layer = HexConv2d(2, 3, HexLattice.from_camera(camera), stride=2).double()
    other = interop.to_indexedconv(layer)
    pixels = torch.randn(2, 2, camera.n_pixels, dtype=torch.float64)
    torch.testing.assert_close(other(pixels), layer(pixels), atol=1e-12, rtol=0)
    back = HexConv2d(2, 3, HexLattice.from_camera(camera), stride=2).double()
    back.load_state_dict(other.state_dict())
    assert torch.equal(back.weight, layer.weight)


def test_a_layer_with_groups_does_not_become_one_of_indexedconv(small: CameraGeometry) -> None:
    layer = HexConv2d(2, 4, HexLattice.from_camera(small), groups=2)
    with pytest.raises(ValueError, match="no groups, but the layer has 2"):
        interop.to_indexedconv(layer)


def test_the_state_of_a_model_is_written_as_indexedconv_has_it(small: CameraGeometry) -> None:
    engine = pytest.importorskip("indexedconv.engine")
    lattice = HexLattice.from_camera(small)
    first = HexConv2d(1, 2, lattice, stride=2, bias=False)
    model = nn.Sequential(first, nn.ReLU(), HexConv2d(2, 3, first.out_lattice))
    state = interop.indexedconv_state_dict(model)
    tables = [torch.from_numpy(layer.table.rows.T.astype(np.int64)) for layer in (first, model[2])]  # type: ignore[union-attr]
    theirs = nn.Sequential(
        engine.IndexedConv(1, 2, tables[0], bias=False), nn.ReLU(), engine.IndexedConv(2, 3, tables[1])
    )
    theirs.load_state_dict(state)
    pixels = torch.randn(2, 1, small.n_pixels)
    torch.testing.assert_close(theirs(pixels), model(pixels))


def test_the_state_of_a_layer_alone_is_read_without_a_mask(small: CameraGeometry) -> None:
    layer = HexConv2d(1, 2, HexLattice.from_camera(small))
    state = interop.indexedconv_state_dict(layer)
    rows, mask = state["indices_"], state.pop("mask_")
    state["indices_"] = torch.where(mask > 0, rows, -1)
    layer.load_state_dict(state)


def test_tables_are_told_apart_whatever_their_order() -> None:
    lattice = HexLattice.from_camera(ragged())
    table = lattice.table(2, 2)
    rng = np.random.default_rng(1)
    order, outputs = rng.permutation(table.n_in), rng.permutation(table.n_out)
    moved = np.where(table.rows < 0, -1, order[table.rows])[outputs]
    assert interop.same_up_to_order(NeighbourTable(moved, table.n_in), table)
    changed = moved.copy()
    i, k = np.argwhere(changed >= 0)[40]
    changed[i, k] = -1
    assert not interop.same_up_to_order(NeighbourTable(changed, table.n_in), table)
    assert not interop.same_up_to_order(lattice.table(1, 2), table)


def test_tables_with_repeated_inputs_are_compared_as_they_are() -> None:
    table = NeighbourTable([(0, 1), (0, 2)], 3)
    assert interop.same_up_to_order(table, NeighbourTable([(0, 1), (0, 2)], 3))
    assert not interop.same_up_to_order(table, NeighbourTable([(0, 2), (0, 1)], 3))


@pytest.mark.parametrize("radius", [1, 2, 3])
@pytest.mark.parametrize("bias", [True, False])
def test_weights_of_hexagdly_give_the_same_and_come_back(radius: int, bias: bool) -> None:
    hexagdly = pytest.importorskip("hexagdly")
    camera = hexagonal(6)
    lattice = HexLattice.from_camera(camera)
    theirs = hexagdly.Conv2d(2, 3, radius, 1, bias=bias)
    layer = HexConv2d(2, 3, lattice, radius=radius, bias=bias)
    layer.load_state_dict(interop.from_hexagdly(theirs.state_dict()))
    row, column = interop.hexagdly_places(lattice)
    pixels = torch.randn(4, 2, camera.n_pixels)
    grid = torch.zeros(4, 2, row.max() + 1, column.max() + 1)
    grid[:, :, row, column] = pixels
    torch.testing.assert_close(layer(pixels), theirs(grid)[:, :, row, column], atol=5e-6, rtol=0)
    back = interop.to_hexagdly(layer.state_dict())
    assert set(back) == set(theirs.state_dict())
    for name, value in theirs.state_dict().items():
        assert torch.equal(back[name], value)


@pytest.mark.parametrize("radius", [1, 2])
def test_weights_of_a_masked_square_kernel_give_the_same_and_come_back(radius: int) -> None:
    engine = pytest.importorskip("indexedconv.engine")
    theirs = engine.MaskedConv2d(2, 3, kernel_size=2 * radius + 1, padding=radius)
    lattice = HexLattice.from_index_matrix(np.arange(30).reshape(5, 6))
    layer = HexConv2d(2, 3, lattice, radius=radius)
    layer.load_state_dict({"weight": interop.from_square(theirs.weight), "bias": theirs.bias})
    image = torch.randn(4, 2, 5, 6)
    torch.testing.assert_close(layer(image.flatten(2)), theirs(image).flatten(2), atol=5e-6, rtol=0)
    assert torch.equal(interop.from_square(interop.to_square(layer.weight)), layer.weight)


def test_weights_of_another_form_are_refused() -> None:
    with pytest.raises(ValueError, match="kernel0, kernel1 and so on, got"):
        interop.from_hexagdly({"weight": torch.zeros(1)})
    with pytest.raises(ValueError, match="7, 19, 37 or so taps, not 9"):
        interop.to_hexagdly({"weight": torch.zeros(1, 1, 9)})
    with pytest.raises(ValueError, match="square kernel of an odd side"):
        interop.from_square(torch.zeros(1, 1, 2, 2))
    with pytest.raises(ValueError, match="for hexagonal pixels, these are square"):
        interop.hexagdly_places(HexLattice([(0, 0), (1, 0)], kind="square"))


def test_the_state_of_a_model_with_poolings_is_read_and_written() -> None:
    engine = pytest.importorskip("indexedconv.engine")
    utils = pytest.importorskip("indexedconv.utils")
    lattice = HexLattice.from_camera(real("VERITAS"))
    matrix = torch.from_numpy(lattice.index_matrix())[None, None]
    theirs = nn.Sequential(
        engine.IndexedMaxPool2d(utils.neighbours_extraction(matrix, stride=2)), of_indexedconv(lattice, 1, 1)
    )
    ours = nn.Sequential(HexMaxPool2d(lattice, indexedconv_compat=True), HexConv2d(2, 3, lattice))
    ours.load_state_dict(theirs.state_dict())
    written = interop.indexedconv_state_dict(ours)
    assert set(written) == set(theirs.state_dict())
    assert torch.equal(written["0.indices_"], theirs.state_dict()["0.indices_"])
    assert torch.equal(written["0.mask_"], theirs.state_dict()["0.mask_"])
