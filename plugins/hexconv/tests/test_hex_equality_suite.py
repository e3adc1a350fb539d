"""IndexedConv's own test-suite, pointed at this plug-in through `indexedconv_adapter`.

The suite is in IndexedConv's repository (``indexedconv/tests``: 18 tests), in neither its wheel nor its sdist. Where a
folder with it is named by ``GAMMALEARN_INDEXEDCONV_TESTS``, it is run as it is. Its expectations are also written out
here, with the package itself as the oracle, so that they are held without the folder.

What of the suite is this plug-in's to compute, and what is not:

`test_indexedconv11`, `13`, `31`, `test_maskedconvk3`, `k5`
    Ours, equal.
`test_create_index_matrix`, `test_img2mat`, `test_mat2img`, `test_build_kernel`
    Ours, equal. The matrix has as many rows as columns, where that of IndexedConv is right.
`test_maxpool1`, `3`, `test_averagepool1`, `3`, `test_pool_index_matrix`, `test_neighbours_extraction`
    Ours with ``indexedconv_compat``, equal. The matrices have odd sides, of which the kernels "Pool" and of radius 0
    leave out the last row and column, and "Pool" also what has no pixel at its top left. By default we read these
    pixels too: that is the exception, because nothing right leaves them out. Retina kernels and those of radius 0 are
    tables that the adapter makes.
`test_square_to_hexagonal`, `test_square_to_hexagonal_index_matrix`, `test_build_hexagonal_position`
    Left to the package: they resample square images, of which this plug-in has none.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import indexedconv_adapter as ours
import numpy as np
import pytest
import torch

from gammalearn_hexconv import HexLattice

engine = pytest.importorskip("indexedconv.engine")
utils = pytest.importorskip("indexedconv.utils")
SUITE = os.environ.get("GAMMALEARN_INDEXEDCONV_TESTS", "")


@pytest.mark.skipif(not SUITE, reason="GAMMALEARN_INDEXEDCONV_TESTS does not name the folder of IndexedConv's tests")
def test_the_suite_passes_as_it_is() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "indexedconv_adapter", "-W", "ignore", SUITE],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout


def matrix(rows: int, columns: int, *, hexagon: bool = False) -> torch.Tensor:
    """An index matrix, of all of its places or of those of a hexagon."""
    i, j = np.indices((rows, columns))
    inside = np.abs(i - j) <= (rows // 2 if hexagon else rows + columns)
    numbers = np.where(inside, inside.cumsum().reshape(rows, columns) - 1, -1)
    return torch.from_numpy(numbers)[None, None].float()


MATRICES = [matrix(5, 5, hexagon=True), matrix(3, 3), matrix(5, 5), matrix(4, 6), matrix(7, 7, hexagon=True)]
KERNELS = [
    {},
    {"stride": 2},
    {"dilation": 2},
    {"radius": 2, "stride": 2},
    {"radius": 3, "dilation": 2},
    {"kernel_type": "Pool"},
    {"kernel_type": "Square"},
    {"kernel_type": "Square", "radius": 2, "dilation": 2, "stride": 3},
    {"kernel_type": "Square", "radius": 0, "stride": 2},
    {"radius": 2, "retina": True},
    {"radius": 3, "retina": True},
]


@pytest.mark.parametrize("kernel", KERNELS, ids=str)
@pytest.mark.parametrize("index_matrix", MATRICES, ids=lambda m: f"{m.shape[-2]}x{m.shape[-1]}")
def test_neighbours_extraction(index_matrix: torch.Tensor, kernel: dict[str, object]) -> None:
    expected = utils.neighbours_extraction(index_matrix, **kernel)
    assert torch.equal(ours.neighbours_extraction(index_matrix, **kernel), expected)  # type: ignore[arg-type]


@pytest.mark.parametrize("kernel", [{"kernel_type": k, "stride": s} for k in ("Hex", "Pool", "Square") for s in (2, 3)])
@pytest.mark.parametrize("index_matrix", MATRICES, ids=lambda m: f"{m.shape[-2]}x{m.shape[-1]}")
def test_pool_index_matrix(index_matrix: torch.Tensor, kernel: dict[str, object]) -> None:
    expected = utils.pool_index_matrix(index_matrix, **kernel)
    assert torch.equal(ours.pool_index_matrix(index_matrix, **kernel), expected)  # type: ignore[arg-type]


@pytest.mark.parametrize("kernel_type", ["Hex", "Square"])
@pytest.mark.parametrize(("radius", "dilation"), [(1, 1), (1, 2), (2, 1), (0, 1), (3, 2)])
def test_build_kernel(kernel_type: str, radius: int, dilation: int) -> None:
    expected = utils.build_kernel(kernel_type, radius, dilation)
    np.testing.assert_array_equal(ours.build_kernel(kernel_type, radius, dilation), expected)


@pytest.mark.parametrize("index_matrix", MATRICES, ids=lambda m: f"{m.shape[-2]}x{m.shape[-1]}")
def test_img2mat_and_mat2img(index_matrix: torch.Tensor) -> None:
    images = torch.randn(2, 3, int(index_matrix.max()) + 1)
    dense = utils.img2mat(images, index_matrix)
    assert torch.equal(ours.img2mat(images, index_matrix), dense)
    assert torch.equal(ours.mat2img(dense, index_matrix), images)
    assert torch.equal(utils.mat2img(dense, index_matrix), images)


def test_create_index_matrix() -> None:
    places = np.flatnonzero(MATRICES[0].numpy().ravel() >= 0)
    expected = utils.create_index_matrix(5, 5, places)
    assert torch.equal(ours.create_index_matrix(5, 5, places), expected)
    found = HexLattice.from_index_matrix(ours.create_index_matrix(3, 2, range(6)).numpy())
    assert found.index_matrix().tolist() == [[0, 1], [2, 3], [4, 5]]


@pytest.mark.parametrize(("in_channels", "out_channels"), [(1, 1), (1, 3), (3, 1)])
@pytest.mark.parametrize("kernel_type", ["Hex", "Square"])
def test_indexedconv(in_channels: int, out_channels: int, kernel_type: str) -> None:
    indices = utils.neighbours_extraction(MATRICES[2], kernel_type)
    theirs = engine.IndexedConv(in_channels, out_channels, indices)
    layer = ours.IndexedConv(in_channels, out_channels, indices)
    layer.load_state_dict({"weight": theirs.weight, "bias": theirs.bias})
    image = torch.randint(0, 3, (2, in_channels, 25)).float()
    torch.testing.assert_close(layer(image), theirs(image), atol=5e-6, rtol=0)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("pool", ["IndexedMaxPool2d", "IndexedAveragePool2d"])
@pytest.mark.parametrize("kernel_type", ["Pool", "Hex"])
def test_pools(channels: int, pool: str, kernel_type: str) -> None:
    indices = utils.neighbours_extraction(MATRICES[2], kernel_type, stride=2)
    image = torch.randint(-2, 6, (2, channels, 25)).float()
    expected = getattr(engine, pool)(indices)(image)
    torch.testing.assert_close(getattr(ours, pool)(indices)(image), expected, atol=5e-6, rtol=0)


@pytest.mark.parametrize("size", [3, 5])
def test_maskedconv(size: int) -> None:
    theirs = engine.MaskedConv2d(1, 1, kernel_size=size, padding=size // 2)
    layer = ours.MaskedConv2d(1, 1, kernel_size=size, padding=size // 2)
    layer.load_state_dict(theirs.state_dict())
    image = torch.randint(0, 6, (1, 1, 5, 5)).float()
    torch.testing.assert_close(layer(image), theirs(image), atol=5e-6, rtol=0)


def test_by_default_the_last_row_and_column_of_an_odd_matrix_are_read_as_well() -> None:
    lattice = HexLattice.from_index_matrix(matrix(5, 5).numpy())
    compatible = lattice.table(stride=2, kernel="rhombus", indexedconv_compat=True).rows
    rows = lattice.table(stride=2, kernel="rhombus").rows
    assert len(np.unique(compatible)) == 16
    assert len(np.unique(rows[rows >= 0])) == 25


def test_the_adapter_takes_the_place_of_the_package_only_where_it_is_asked_to(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, values in ((engine, ours.ENGINE), (utils, ours.UTILS)):
        for value in values:
            assert getattr(module, value.__name__) is not value
            # So that it is put back afterwards.
            monkeypatch.setattr(module, value.__name__, getattr(module, value.__name__))
    ours.install()
    assert engine.IndexedConv is ours.IndexedConv
    assert utils.neighbours_extraction is ours.neighbours_extraction
