"""What the kernel is not given: each wrong argument is an error that says so, before any pointer goes to C."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import kernel_reference as reference
import numpy as np
import pytest
import torch
from torch import Tensor

from gammalearn_hexconv import kernel

pytestmark = pytest.mark.skipif(not kernel.available(), reason=kernel.why_not())
if kernel.available():
    from gammalearn_hexconv.kernel import ops

TABLES, N_IN = reference.on_hexagon(5)
N_TAPS = 7


def arguments() -> dict[str, Any]:
    """Right arguments of a convolution."""
    rows, inv_rows, inv_taps = (table.clone() for table in TABLES)
    return {
        "x": torch.randn(2, N_IN, 4),
        "weight": torch.randn(6, 2, N_TAPS),
        "bias": torch.randn(6),
        "rows": rows,
        "inv_rows": inv_rows,
        "inv_taps": inv_taps,
        "groups": 2,
    }


def filled(table: Tensor, value: int) -> Tensor:
    """The table with one wrong entry."""
    table = table.clone()
    table.view(-1)[3] = value
    return table


def strided(tensor: Tensor) -> Tensor:
    """The same numbers, not contiguous."""
    return torch.stack([tensor, tensor], -1)[..., 0]


def misaligned() -> Tensor:
    memory = bytearray(4 * (2 * N_IN * 4) + 1)
    return torch.frombuffer(memory, dtype=torch.float32, offset=1, count=2 * N_IN * 4).view(2, N_IN, 4)


WRONG: list[tuple[str, Callable[[Tensor], Any], str]] = [
    ("x", lambda x: x.double(), "float64"),
    ("x", lambda x: x.half(), "float16"),
    ("x", lambda x: x.long(), "int64"),
    ("x", lambda x: x[0], r"\(images, pixels, channels\)"),
    ("x", strided, "contiguous"),
    ("x", lambda x: x.expand(3, 2, N_IN, 4)[:, 0], "contiguous"),
    ("x", lambda x: misaligned(), "aligned"),
    ("x", lambda x: x[:, :-1].contiguous(), "24 pixels"),
    ("x", lambda x: torch.cat([x, x], 1), "50 pixels"),
    ("x", lambda x: x[:, :, :3].contiguous(), "3 channels"),
    ("x", lambda x: x[:, :, :0].contiguous(), "0 channels"),
    ("weight", lambda w: w.double(), "float64"),
    ("weight", lambda w: w[0], "outputs, inputs, taps"),
    ("weight", lambda w: w[:0], "none of them 0"),
    ("weight", lambda w: w[:, :, :6], "6"),
    ("weight", lambda w: w[:5], "5 output channels"),
    ("weight", lambda w: w[:, :1].expand(6, 2**40, N_TAPS), "too large"),
    ("bias", lambda b: b[:5], "6 numbers"),
    ("bias", lambda b: b.double(), "float64"),
    ("bias", lambda b: b.view(2, 3), "6 numbers"),
    ("rows", lambda t: t.long(), "int64"),
    ("rows", lambda t: t.view(-1), "2 dimensions"),
    ("rows", strided, "contiguous"),
    ("rows", lambda t: t[:, :5].contiguous(), "5 taps"),
    ("rows", lambda t: t[:0], "must have pixels and taps"),
    ("rows", lambda t: filled(t, N_IN), f"pixel {N_IN}"),
    ("rows", lambda t: filled(t, 2**31 - 1), f"pixel {2**31 - 1}"),
    ("rows", lambda t: filled(t, -2), "-2"),
    ("rows", lambda t: filled(t, -(2**31)), f"{-(2**31)}"),
    ("groups", lambda g: 0, "0 groups"),
    ("groups", lambda g: -1, "-1 groups"),
    ("groups", lambda g: 4, "4 groups"),
    ("groups", lambda g: 3, "channels"),
]


@pytest.mark.parametrize(("name", "spoil", "says"), WRONG)
def test_convolution_refuses(name: str, spoil: Callable[[Any], Any], says: str) -> None:
    given = arguments()
    ops.conv(**given)
    given[name] = spoil(given[name])
    with pytest.raises((ValueError, TypeError), match=says):
        ops.conv(**given)


WRONG_BACK: list[tuple[str, Callable[[Tensor], Any], str]] = [
    ("grad", lambda g: g.double(), "float64"),
    ("grad", lambda g: g[:, :-1], "24 pixels"),
    ("grad", lambda g: g[:, :, :4].contiguous(), "4 channels"),
    ("weight", lambda w: w[:, :, :6], "6"),
    ("rows", lambda t: filled(t, 4), "not the inverse"),
    ("rows", lambda t: filled(t, N_IN), "not the inverse"),
    ("rows", lambda t: filled(t, -2), "-2"),
    ("inv_rows", lambda t: t.long(), "int64"),
    ("inv_rows", strided, "contiguous"),
    ("inv_rows", lambda t: filled(t, N_IN), "beyond"),
    ("inv_rows", lambda t: filled(t, -2), "-2"),
    ("inv_rows", lambda t: t.flip(0), "not the inverse"),
    ("inv_rows", lambda t: torch.full_like(t, -1), "not the inverse"),
    ("inv_rows", lambda t: t[:0], "must have pixels and taps"),
    ("inv_taps", lambda t: t.long(), "int64"),
    ("inv_taps", lambda t: t[:-1], "a tap for each"),
    ("inv_taps", lambda t: filled(t, 7), "beyond"),
    ("inv_taps", lambda t: filled(t, -1), "a tap for each"),
    ("inv_taps", lambda t: t.flip(0), "not the inverse"),
]


@pytest.mark.parametrize(("name", "spoil", "says"), WRONG_BACK)
def test_the_input_gradient_refuses(name: str, spoil: Callable[[Any], Any], says: str) -> None:
    given = {k: v for k, v in arguments().items() if k not in {"x", "bias"}}
    given["grad"] = torch.randn(2, N_IN, 6)
    ops.conv_input_grad(**given)
    given[name] = spoil(given[name])
    with pytest.raises((ValueError, TypeError), match=says):
        ops.conv_input_grad(**given)


WRONG_SUMS: list[tuple[str, Callable[[Tensor], Any], str]] = [
    ("grad", lambda g: g.bfloat16(), "bfloat16"),
    ("grad", lambda g: g[:1], "must be"),
    ("grad", lambda g: g[:, :-1].contiguous(), "must be"),
    ("grad", lambda g: g[:, :, :5].contiguous(), "2 groups"),
    ("grad", lambda g: g[:, :, :0].contiguous(), "2 groups"),
    ("x", lambda x: x[:, :, :3].contiguous(), "2 groups"),
    ("x", lambda x: x[:, :-1].contiguous(), "24 pixels"),
    ("rows", lambda t: filled(t, N_IN), f"pixel {N_IN}"),
    ("groups", lambda g: 0, "0 groups"),
]


@pytest.mark.parametrize(("name", "spoil", "says"), WRONG_SUMS)
def test_the_weight_gradient_refuses(name: str, spoil: Callable[[Any], Any], says: str) -> None:
    given = {k: v for k, v in arguments().items() if k not in {"weight", "bias"}}
    given |= {"grad": torch.randn(2, N_IN, 6), "bias": True}
    ops.conv_weight_grad(**given)
    given[name] = spoil(given[name])
    with pytest.raises((ValueError, TypeError), match=says):
        ops.conv_weight_grad(**given)


WRONG_ACT: list[tuple[str, Callable[[Any], Any], str]] = [
    ("residual", lambda r: r.bfloat16(), "residual"),
    ("residual", lambda r: r[:, :-1].contiguous(), "residual"),
    ("residual", strided, "contiguous"),
    ("scale", lambda s: None, "scale and shift"),
    ("shift", lambda s: s[:3], "scale and shift"),
    ("weight", lambda w: w[:-64], "not for"),
    ("weight", lambda w: torch.cat([w, w]), "not for"),
    ("weight", lambda w: w.to(torch.int8), "uint8"),
    ("out_channels", lambda c: 0, "not for"),
    ("out_channels", lambda c: -6, "not for"),
    ("out_channels", lambda c: 600, "not for"),
    ("rows", lambda t: filled(t, N_IN), f"pixel {N_IN}"),
]


@pytest.mark.parametrize(("name", "spoil", "says"), WRONG_ACT)
def test_fused_inference_refuses(name: str, spoil: Callable[[Any], Any], says: str) -> None:
    given = {k: v for k, v in arguments().items() if k not in {"inv_rows", "inv_taps"}}
    given["weight"] = ops.pack_weight(given["weight"], 2, torch.float32)
    given |= {"residual": torch.randn(2, N_IN, 6), "scale": torch.randn(6), "shift": torch.randn(6)}
    given |= {"relu": True, "second": True, "out_channels": 6}
    ops.conv_act(**given)
    given[name] = spoil(given[name])
    with pytest.raises((ValueError, TypeError), match=says):
        ops.conv_act(**given)


def test_pooling_refuses() -> None:
    x = torch.randn(2, N_IN, 3)
    values, argmax = ops.max_pool(x, TABLES.rows, False)
    for wrong in (x.double(), strided(x), x[0], x[:, :-1].contiguous()):
        with pytest.raises((ValueError, TypeError)):
            ops.max_pool(wrong, TABLES.rows, False)
        with pytest.raises((ValueError, TypeError)):
            ops.avg_pool(wrong, *TABLES, False)
    with pytest.raises(ValueError, match="not among"):
        ops.max_pool_grad(values, filled(argmax, N_IN), N_IN)
    with pytest.raises(ValueError, match="not among"):
        ops.max_pool_grad(values, filled(argmax, -2), N_IN)
    with pytest.raises(ValueError, match="not among"):
        ops.max_pool_grad(values, argmax, 3)
    with pytest.raises(ValueError, match="alike"):
        ops.max_pool_grad(values, argmax[:1], N_IN)
    with pytest.raises(TypeError, match="int64"):
        ops.max_pool_grad(values, argmax.long(), N_IN)
    with pytest.raises(ValueError, match="not the inverse"):
        ops.avg_pool_grad(values, TABLES.rows, TABLES.inv_rows.flip(0), TABLES.inv_taps, False)
    with pytest.raises(ValueError, match="pixels"):
        ops.avg_pool_grad(values[:, :-1].contiguous(), *TABLES, False)


def test_a_table_that_is_changed_is_checked_again() -> None:
    given = arguments()
    before = ops.conv(**given)
    given["rows"][4, 2] = N_IN
    with pytest.raises(ValueError, match=f"pixel {N_IN}"):
        ops.conv(**given)
    given["rows"][4, 2] = -1
    after = ops.conv(**given)
    assert not torch.equal(after[:, 4], before[:, 4])
    assert torch.equal(after[:, 5:], before[:, 5:])


def test_a_table_in_memory_of_another_is_not_mistaken_for_it() -> None:
    given = arguments()
    memory = given["rows"].numpy()
    first = ops.conv(**given | {"rows": torch.from_numpy(memory)})
    memory[:] = np.roll(memory, 1, axis=0)
    second = ops.conv(**given | {"rows": torch.from_numpy(memory)})
    assert torch.equal(second, torch.roll(first, 1, dims=1))


def test_tables_made_in_inference_mode_are_taken() -> None:
    given = arguments()
    wanted = ops.conv(**given)
    with torch.inference_mode():
        rows = given["rows"].clone()
        assert rows.is_inference()
        assert torch.equal(ops.conv(**given | {"rows": rows}), wanted)
        rows[4, 2] = N_IN
        with pytest.raises(ValueError, match=f"pixel {N_IN}"):
            ops.conv(**given | {"rows": rows})
