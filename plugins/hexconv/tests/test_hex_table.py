from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
import torch

from gammalearn_core.api import CameraGeometry
from gammalearn_hexconv import HexLattice
from gammalearn_hexconv import NeighbourTable


def brute_inverse(table: NeighbourTable) -> set[tuple[int, int, int]]:
    """Input, tap and output of every pair."""
    return {(int(row), k, o) for o, seen in enumerate(table.rows) for k, row in enumerate(seen) if row >= 0}


def listed(table: NeighbourTable) -> list[tuple[int, int, int]]:
    """The same from the inverse table."""
    rows, taps = table.inverse
    return [(p, int(taps[c]), int(o)) for p, seeing in enumerate(rows) for c, o in enumerate(seeing) if o >= 0]


@pytest.mark.parametrize(("radius", "stride", "dilation"), [(1, 1, 1), (2, 2, 1), (1, 3, 2), (3, 1, 1), (1, 2, 3)])
def test_the_inverse_of_a_kernel_has_one_column_a_tap(
    small: CameraGeometry, radius: int, stride: int, dilation: int
) -> None:
    table = HexLattice.from_camera(small).table(radius, stride, dilation)
    assert table.is_injective
    assert table.inverse.taps.tolist() == list(range(table.n_taps))
    assert set(listed(table)) == brute_inverse(table)
    assert table.transposed.transposed is table


def test_a_table_that_repeats_inputs_has_more_columns_in_its_inverse() -> None:
    table = NeighbourTable(np.random.default_rng(0).integers(-1, 5, (40, 3)), 6)
    assert not table.is_injective
    assert len(table.inverse.taps) > 3
    found = listed(table)
    assert len(found) == len(set(found))
    assert set(found) == brute_inverse(table)
    assert table.inverse.rows.shape == (6, len(table.inverse.taps))
    assert (np.diff(table.inverse.taps) >= 0).all()


def test_an_input_that_nothing_sees_has_an_empty_row() -> None:
    table = NeighbourTable([(0, -1), (2, -1)], 4)
    assert table.inverse.rows.tolist() == [[0, -1], [-1, -1], [1, -1], [-1, -1]]


def test_a_table_is_frozen_and_of_32_bits() -> None:
    given = np.array([(0, 1), (1, -1)])
    table = NeighbourTable(given, 2)
    given[:] = 0
    assert table.rows.tolist() == [[0, 1], [1, -1]]
    assert table.rows.dtype == np.int32
    assert table.rows.flags.c_contiguous
    with pytest.raises(ValueError, match="read-only"):
        table.rows[0, 0] = 5
    with pytest.raises(AttributeError):
        table.n_in = 3  # type: ignore[misc]


def test_its_tensors_are_made_once_a_device() -> None:
    table = NeighbourTable([(0, 1), (1, -1)], 2)
    tensors = table.tensors("cpu")
    assert table.tensors(torch.device("cpu")) is tensors
    assert all(tensor.dtype == torch.int32 for tensor in tensors)
    assert tensors.rows.tolist() == table.rows.tolist()
    assert tensors.seen.tolist() == [0, 1, 1, 2]
    assert tensors.inverse_rows.tolist() == table.inverse.rows.tolist()
    assert tensors.seeing.tolist() == [0, 2, 1, 0]
    assert table.tensors("meta").rows.is_meta


@pytest.mark.parametrize(
    ("rows", "n_in", "message"),
    [
        ([(0, 2)], 2, "from -1 to 1 for 2 inputs, got 0 to 2"),
        ([(0, -2)], 2, "got -2 to 0"),
        ([0, 1], 2, "shape"),
        (np.zeros((0, 7)), 2, "shape"),
        ([(2**31, 0)], 2**33, "32 bits"),
    ],
)
def test_wrong_tables_are_refused(rows: object, n_in: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        NeighbourTable(rows, n_in)


@pytest.mark.parametrize("again", [copy.deepcopy, copy.copy, lambda value: pickle.loads(pickle.dumps(value))])
def test_a_copy_is_the_same_table(small: CameraGeometry, again: object) -> None:
    table = HexLattice.from_camera(small).table(2, 2)
    table.tensors()
    for original in (table, table.transposed):
        other = again(original)  # type: ignore[operator]
        np.testing.assert_array_equal(other.rows, original.rows)
        assert other.n_in == original.n_in
        assert (other.adjoint_of is None) == (original.adjoint_of is None)
