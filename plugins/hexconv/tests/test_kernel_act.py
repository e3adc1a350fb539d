"""Convolution with what follows it, for inference."""

from __future__ import annotations

import kernel_reference as reference
import pytest
import torch
from torch import Tensor

from gammalearn_hexconv import kernel

pytestmark = pytest.mark.skipif(not kernel.available(), reason=kernel.why_not())
if kernel.available():
    from gammalearn_hexconv.kernel import ops

TOLERANCE = {torch.float32: 3e-6, torch.bfloat16: 1.2e-2}
WHERE = reference.on_hexagon(12)


def made(channels: tuple[int, int, int], dtype: torch.dtype) -> dict[str, Tensor]:
    inputs, outputs, groups = channels
    n_in = WHERE[1]
    return {
        "x": torch.randn(3, n_in, inputs).to(dtype),
        "weight": torch.randn(outputs, inputs // groups, 7).to(dtype) / 10,
        "bias": torch.randn(outputs),
        "residual": torch.randn(3, n_in, outputs).to(dtype),
        "scale": torch.randn(outputs),
        "shift": torch.randn(outputs),
    }


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=["float32", "bfloat16"])
@pytest.mark.parametrize("channels", [(1, 16, 1), (17, 23, 1), (64, 64, 1), (8, 40, 2)], ids=str)
@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize("residual", [False, True])
@pytest.mark.parametrize("packed", [False, True])
def test_everything_is_done_in_its_order(
    channels: tuple[int, int, int], relu: bool, residual: bool, packed: bool, dtype: torch.dtype
) -> None:
    of, groups, rows = made(channels, dtype), channels[2], WHERE[0].rows
    weight = ops.pack_weight(of["weight"], groups, dtype) if packed else of["weight"]
    more = of["residual"] if residual else None
    y, second = ops.conv_act(
        of["x"], weight, of["bias"], more, of["scale"], of["shift"], rows, groups, relu, True, channels[1]
    )
    wanted = reference.conv(of["x"], of["weight"], of["bias"], rows, groups)
    wanted = wanted + of["residual"].double() if residual else wanted
    wanted = wanted.relu() if relu else wanted
    assert y.dtype == second.dtype == dtype
    assert reference.relative(y, wanted) <= TOLERANCE[dtype]
    assert reference.relative(second, (wanted * of["scale"] + of["shift"]).relu()) <= TOLERANCE[dtype]


def test_nothing_more_than_the_convolution_need_be_done() -> None:
    of, (tables, _) = made((4, 6, 1), torch.float32), WHERE
    y, second = ops.conv_act(of["x"], of["weight"], None, None, None, None, tables.rows, 1, False, False)
    assert torch.equal(y, ops.conv(of["x"], of["weight"], None, *tables, 1))
    assert second.numel() == 0


def test_nan_passes_the_cut_at_zero() -> None:
    of, rows = made((4, 6, 1), torch.float32), WHERE[0].rows
    of["x"][0, 30] = torch.nan
    y, second = ops.conv_act(of["x"], of["weight"], None, None, of["scale"], of["shift"], rows, 1, True, True)
    sees = (rows == 30).any(1)
    assert torch.equal(torch.isnan(y[0]).all(1), sees)
    assert torch.equal(torch.isnan(second[0]).all(1), sees)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=["float32", "bfloat16"])
def test_bits_do_not_depend_on_batch_or_threads(dtype: torch.dtype) -> None:
    of, rows = made((17, 23, 1), dtype), WHERE[0].rows

    def run(images: slice) -> tuple[Tensor, Tensor]:
        x, residual = of["x"][images], of["residual"][images]
        y, second = ops.conv_act(x, of["weight"], of["bias"], residual, of["scale"], of["shift"], rows, 1, True, True)
        return y, second

    whole = run(slice(None))
    part = run(slice(1, 2))
    torch.set_num_threads(2)
    again = run(slice(None))
    for i in range(2):
        assert torch.equal(part[i], whole[i][1:2])
        assert torch.equal(again[i], whole[i])
