"""Operations that give a row the same numbers in every batch."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from gammalearn_hexconv.steady import SteadyLinear
from gammalearn_hexconv.steady import steady_sigmoid


@pytest.mark.parametrize(
    ("inside", "outside"), [(7488, 256), (7488, 2), (256, 1), (128, 64), (64, 3), (16, 1), (4, 64)]
)
def test_a_row_is_the_same_in_every_batch(inside: int, outside: int) -> None:
    layer, rows = SteadyLinear(inside, outside), torch.randn(40, inside)
    whole = layer(rows)
    for n in (1, 2, 3, 4, 5, 6, 7, 9, 15, 17, 31, 33):
        assert torch.equal(layer(rows[:n].clone()), whole[:n]), n
        assert torch.equal(layer(rows[-n:].clone()), whole[-n:]), n


@pytest.mark.parametrize("n", [0, 1, 3, 4, 9])
def test_it_is_a_linear_layer(n: int) -> None:
    layer, plain = SteadyLinear(8, 3).double(), nn.Linear(8, 3).double()
    plain.load_state_dict(layer.state_dict())
    rows, same = (torch.randn(n, 8, dtype=torch.float64, requires_grad=True) for _ in range(2))
    same.data.copy_(rows.data)
    layer(rows).square().sum().backward()
    plain(same).square().sum().backward()
    torch.testing.assert_close(layer(rows), plain(same))
    torch.testing.assert_close(rows.grad, same.grad)
    torch.testing.assert_close(layer.weight.grad, plain.weight.grad)
    torch.testing.assert_close(layer.bias.grad, plain.bias.grad)


def test_it_is_traced_for_any_number_of_rows() -> None:
    layer = SteadyLinear(8, 3)
    exported = torch.export.export(layer, (torch.randn(3, 8),), dynamic_shapes=({0: torch.export.Dim("n")},)).module()
    rows = torch.randn(6, 8)
    torch.testing.assert_close(exported(rows), layer(rows))


@pytest.mark.parametrize("n", [1, 5, 16, 1855])
def test_a_sigmoid_is_the_same_wherever_it_stands(n: int) -> None:
    numbers = 5 * torch.randn(7, n)
    whole = steady_sigmoid(numbers)
    for row in range(7):
        assert torch.equal(steady_sigmoid(numbers[row].clone()), whole[row])


def test_it_is_the_sigmoid() -> None:
    numbers = torch.linspace(-200, 200, 999, dtype=torch.float64, requires_grad=True)
    torch.testing.assert_close(steady_sigmoid(numbers), numbers.sigmoid(), atol=1e-15, rtol=0)
    (gradient,) = torch.autograd.grad(steady_sigmoid(numbers).sum(), numbers)
    assert gradient.isfinite().all()
    torch.testing.assert_close(gradient, numbers.sigmoid() * (1 - numbers.sigmoid()), atol=1e-15, rtol=0)
