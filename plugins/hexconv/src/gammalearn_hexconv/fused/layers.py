"""The layers of a fused network. Each can be a step of the kernel's program, and can be computed by plain torch.

They read and write numbered arrays: images ``(n, pixels, channels)``, or float32 vectors ``(n, channels)``.
"""

from __future__ import annotations

from ctypes import Structure
from ctypes import addressof

import torch
import torch.nn.functional as F
from torch import Tensor
from torch import nn

from gammalearn_hexconv.backends.site import Site
from gammalearn_hexconv.functional import hex_conv2d
from gammalearn_hexconv.fused.calls import AttendCall
from gammalearn_hexconv.fused.calls import GateCall
from gammalearn_hexconv.fused.calls import MeansCall
from gammalearn_hexconv.fused.calls import NormaliseCall
from gammalearn_hexconv.fused.images import DTYPES
from gammalearn_hexconv.kernel import plans
from gammalearn_hexconv.kernel.library import ConvCall
from gammalearn_hexconv.kernel.packing import pack


class Layer(nn.Module):
    """What all have in common: the numbers of the arrays that they read and write, -1 for none."""

    kind: int
    """``enum hex_step_kind`` of fused.h."""

    def __init__(self, x: int, y: int) -> None:
        super().__init__()
        self.x = x
        self.other = -1
        self.gate = -1
        self.y = y
        self.second = -1
        self.relu = False

    def reads(self) -> list[int]:
        """Numbers of the arrays that it reads."""
        return [number for number in (self.x, self.other, self.gate) if number >= 0]

    def writes(self) -> list[int]:
        """Numbers of the arrays that it writes."""
        return [number for number in (self.y, self.second) if number >= 0]

    def call(self, dtype: torch.dtype) -> tuple[Structure, list[object]]:
        """What the kernel is told, and what must be kept as long as that."""
        raise NotImplementedError

    def plain(self, arrays: dict[int, Tensor]) -> None:
        """Read arrays and write arrays by plain torch."""
        raise NotImplementedError

    def extra_repr(self) -> str:
        return f"reads {self.reads()}, writes {self.writes()}" + (", relu" if self.relu else "")

    def _vector(self, name: str, values: Tensor | None) -> None:
        self.register_buffer(name, None if values is None else values.detach().clone().float())


def _kept(*tensors: Tensor | None) -> list[Tensor | None]:
    return [None if tensor is None else tensor.float().contiguous() for tensor in tensors]


def _addresses(tensors: list[Tensor | None]) -> list[int | None]:
    return [None if tensor is None else tensor.data_ptr() for tensor in tensors]


def _like(values: Tensor, images: Tensor) -> Tensor:
    return values.to(images.dtype)


class Convolution(Layer):
    """``y = relu(convolution of x + other)``, and if it is asked for ``second = relu(y * scale + shift)``."""

    kind = 0
    weight: Tensor
    bias: Tensor
    scale: Tensor | None
    shift: Tensor | None

    def __init__(self, x: int, y: int, weight: Tensor, bias: Tensor | None, site: Site, groups: int = 1) -> None:
        super().__init__(x, y)
        self.site, self.groups = site, groups
        self._vector("weight", weight)
        self._vector("bias", weight.new_zeros(len(weight)) if bias is None else bias)
        self._vector("scale", None)
        self._vector("shift", None)

    def fold(self, scale: Tensor, shift: Tensor) -> None:
        """Scale and shift the output, by means of weight and bias."""
        self._vector("weight", self.weight.double() * scale.double()[:, None, None])
        self._vector("bias", self.bias.double() * scale.double() + shift.double())

    def also(self, second: int, scale: Tensor, shift: Tensor) -> None:
        """Write a second array."""
        self.second = second
        self._vector("scale", scale)
        self._vector("shift", shift)

    def call(self, dtype: torch.dtype) -> tuple[Structure, list[object]]:
        packed = pack(self.weight.float(), self.groups, dtype)
        plan = plans.forward(self.site.table.tensors("cpu").rows)
        plan.check_inputs(self.site.n_in, "rows")
        vectors = _kept(self.bias, self.scale, self.shift)
        bias, scale, shift = _addresses(vectors)
        sizes = packed.sizes
        call = ConvCall(
            *(DTYPES[dtype], 0, self.site.n_in, self.site.n_out),
            *(sizes.groups, sizes.inputs, sizes.outputs, sizes.taps, self.relu, 1),
            *(addressof(plan.struct), None, packed.weights.data_ptr(), bias, None, scale, shift, None, None),
        )
        return call, [packed, plan, vectors]

    def plain(self, arrays: dict[int, Tensor]) -> None:
        x = arrays[self.x]
        weight, bias = _like(self.weight, x), _like(self.bias, x)
        y = hex_conv2d(x.transpose(1, 2), weight, bias, self.site, groups=self.groups).transpose(1, 2)
        y = y if self.other < 0 else y + arrays[self.other]
        arrays[self.y] = y.relu() if self.relu else y
        if self.scale is not None and self.shift is not None:
            arrays[self.second] = torch.addcmul(_like(self.shift, x), arrays[self.y], _like(self.scale, x)).relu()


class Scaling(Layer):
    """``y = relu(x * scale + shift + other)``."""

    kind = 1
    scale: Tensor | None
    shift: Tensor | None

    def __init__(self, x: int, y: int, scale: Tensor | None = None, shift: Tensor | None = None) -> None:
        super().__init__(x, y)
        self._vector("scale", scale)
        self._vector("shift", shift)
        self.sizes = 0, 0

    def call(self, dtype: torch.dtype) -> tuple[Structure, list[object]]:
        pixels, channels = self.sizes
        scale = torch.ones(channels) if self.scale is None else self.scale
        shift = torch.zeros(channels) if self.shift is None else self.shift
        vectors = _kept(torch.zeros(channels), scale, shift)
        call = NormaliseCall(DTYPES[dtype], pixels, channels, 1, self.relu, None, None, *_addresses(vectors), None)
        return call, [vectors]

    def plain(self, arrays: dict[int, Tensor]) -> None:
        y = arrays[self.x]
        if self.scale is not None and self.shift is not None:
            y = torch.addcmul(_like(self.shift, y), y, _like(self.scale, y))
        y = y if self.other < 0 else y + arrays[self.other]
        arrays[self.y] = y.relu() if self.relu else y


class Means(Layer):
    """``y = mean of x over the pixels``, a vector."""

    kind = 2

    def __init__(self, x: int, y: int, pixels: int, channels: int) -> None:
        super().__init__(x, y)
        self.sizes = pixels, channels

    def call(self, dtype: torch.dtype) -> tuple[Structure, list[object]]:
        return MeansCall(DTYPES[dtype], 0, *self.sizes, 1, None, None), []

    def plain(self, arrays: dict[int, Tensor]) -> None:
        arrays[self.y] = arrays[self.x].float().mean(1)


class Gate(Layer):
    """``y = sigmoid(expand(relu(reduce(x))))``, from a vector."""

    kind = 3
    reduce: Tensor
    reduce_bias: Tensor
    expand: Tensor
    expand_bias: Tensor

    def __init__(self, x: int, y: int, reduce: nn.Linear, expand: nn.Linear) -> None:
        super().__init__(x, y)
        self._vector("reduce", reduce.weight)
        self._vector("reduce_bias", reduce.bias)
        self._vector("expand", expand.weight)
        self._vector("expand_bias", expand.bias)

    def call(self, dtype: torch.dtype) -> tuple[Structure, list[object]]:
        vectors = _kept(self.reduce, self.reduce_bias, self.expand, self.expand_bias)
        hidden, channels = self.reduce.shape
        return GateCall(0, channels, hidden, None, *_addresses(vectors), None), [vectors]

    def plain(self, arrays: dict[int, Tensor]) -> None:
        hidden = F.relu(F.linear(arrays[self.x], self.reduce.float(), self.reduce_bias.float()))
        arrays[self.y] = F.linear(hidden, self.expand.float(), self.expand_bias.float()).sigmoid()


class Attention(Layer):
    """``y = relu(x * gate * (plus + sigmoid(score . other + score_bias)))``; the gates of the pixels are the second."""

    kind = 4
    score: Tensor
    score_bias: Tensor

    def __init__(self, x: int, y: int, sizes: tuple[int, int], plus: float) -> None:
        super().__init__(x, y)
        self.sizes, self.plus = sizes, plus
        self._vector("score", torch.zeros(0))
        self._vector("score_bias", torch.zeros(1))

    def score_by(self, reduced: int, gates: int, score: nn.Conv2d) -> None:
        """Take gates of pixels into account."""
        self.other, self.second = reduced, gates
        self._vector("score", score.weight.flatten())
        self._vector("score_bias", torch.zeros(1) if score.bias is None else score.bias)

    def call(self, dtype: torch.dtype) -> tuple[Structure, list[object]]:
        width = len(self.score)
        vectors = _kept(torch.zeros(width), torch.ones(width), torch.zeros(width), self.score, self.score_bias)
        sizes = DTYPES[dtype], 0, *self.sizes, width, 1
        call = AttendCall(*sizes, None, None, *_addresses(vectors), None, self.plus, None, self.relu, None)
        return call, [vectors]

    def plain(self, arrays: dict[int, Tensor]) -> None:
        x = arrays[self.x]
        gate = torch.full_like(x[:, :, :1], self.plus)
        if self.other >= 0:
            gate = gate + (arrays[self.other] @ _like(self.score, x) + _like(self.score_bias, x)).sigmoid()[..., None]
        if self.gate >= 0:
            gate = _like(arrays[self.gate], x)[:, None] * gate
        arrays[self.y] = (x * gate).relu() if self.relu else x * gate


__all__ = ["Attention", "Convolution", "Gate", "Layer", "Means", "Scaling"]
