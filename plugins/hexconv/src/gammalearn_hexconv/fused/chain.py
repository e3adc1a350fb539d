"""`FusedChain`: layers that run as one program of the kernel."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence
from ctypes import addressof
from ctypes import c_void_p
from ctypes import cast

import torch
from torch import Tensor
from torch import nn

from gammalearn_hexconv.backends.choosing import Choice
from gammalearn_hexconv.fused.calls import ArrayStruct
from gammalearn_hexconv.fused.calls import ProgramCall
from gammalearn_hexconv.fused.calls import StepStruct
from gammalearn_hexconv.fused.calls import run
from gammalearn_hexconv.fused.graph import Array
from gammalearn_hexconv.fused.graph import Graph
from gammalearn_hexconv.fused.layers import Layer
from gammalearn_hexconv.kernel import available
from gammalearn_hexconv.kernel import why_not

CHUNK = 2
"""Images that pass all layers together, so that what is between layers stays in a second-level cache."""


class Program:
    """Layers as the kernel wants them.

    Parameters
    ----------
    layers : sequence of Layer
    arrays : sequence of Array
        The first is the input.
    output : int
        Number of the output.
    dtype : torch.dtype
        Of images: float32 or bfloat16.
    chunk : int or None
        Images that pass all layers together; None for all that there are.
    """

    def __init__(
        self,
        layers: Sequence[Layer],
        arrays: Sequence[Array],
        output: int,
        dtype: torch.dtype,
        *,
        chunk: int | None = CHUNK,
    ) -> None:
        self.dtype, self._chunk = dtype, chunk
        self.given, self.output = arrays[0], arrays[output]
        calls = [layer.call(dtype) for layer in layers]
        self._kept = calls
        self._steps = (StepStruct * len(layers))(
            *(
                StepStruct(layer.kind, addressof(call), layer.x, layer.other, layer.gate, layer.y, layer.second)
                for layer, (call, _) in zip(layers, calls, strict=True)
            )
        )
        sizes = [_bytes(array, dtype) for array in arrays]
        places, self._scratch = places_of(layers, sizes)
        outside = {0: 0, output: 1}
        unpadded = {0: self.given, output: self.output}
        self._arrays = (ArrayStruct * len(arrays))(
            *(
                ArrayStruct(_exact(unpadded[i], dtype) if i in outside else size, outside.get(i, -1), places.get(i, 0))
                for i, size in enumerate(sizes)
            )
        )

    def __call__(self, images: Tensor) -> Tensor:
        """``(n, pixels, channels)`` to the same, contiguous, of `dtype`."""
        output = images.new_empty(len(images), *self.output)
        outside = (c_void_p * 2)(images.data_ptr(), output.data_ptr())
        chunk = max(1, len(images)) if self._chunk is None else self._chunk
        sizes = len(self._steps), len(images), chunk, torch.get_num_threads(), self._scratch
        pointers = (cast(pointer, c_void_p) for pointer in (self._steps, self._arrays, outside))
        run("hex_program", ProgramCall(*sizes, *pointers))
        return output


def _exact(array: Array, dtype: torch.dtype) -> int:
    return array.pixels * array.channels * dtype.itemsize if array.pixels else array.channels * 4


def _bytes(array: Array, dtype: torch.dtype) -> int:
    return (_exact(array, dtype) + 63) // 64 * 64


def places_of(layers: Sequence[Layer], sizes: Sequence[int]) -> tuple[dict[int, int], int]:
    """Where each array is in one piece of memory, in which arrays that are not needed together share a place."""
    last = {number: i for i, layer in enumerate(layers) for number in (*layer.reads(), *layer.writes())}
    places: dict[int, int] = {}
    alive: list[int] = []
    for i, layer in enumerate(layers):
        for number in layer.writes():
            places[number] = _gap([(places[a], sizes[a]) for a in alive], sizes[number])
            alive.append(number)
        alive = [number for number in alive if last[number] > i]
    return places, max((places[number] + sizes[number] for number in places), default=0)


def _gap(taken: list[tuple[int, int]], size: int) -> int:
    place = 0
    for begin, length in sorted(taken):
        if begin - place >= size:
            break
        place = max(place, begin + length)
    return place


class FusedChain(nn.Module):
    """Layers of a network, fused for inference: ``(n, channels, n_pixels, 1)`` to the same, in channels-last memory.

    Where the kernel is not available, and for other types and devices, plain torch computes the same.

    Parameters
    ----------
    graph : Graph
    dtype : torch.dtype
        Of what is computed.
    """

    def __init__(self, graph: Graph, dtype: torch.dtype) -> None:
        super().__init__()
        self.layers = nn.ModuleList(graph.layers)
        self.arrays, self.output, self.dtype = graph.arrays, graph.output, dtype
        self._program: Program | None = None
        self._on_cpu: bool | None = None

    def forward(self, pixels: Tensor) -> Tensor:
        images = pixels.to(self.dtype).squeeze(3).transpose(1, 2)
        output = self._fast(images.contiguous()) if self._suits(images) else self._plain(images)
        return output.transpose(1, 2).unsqueeze(3)

    def chosen_backend(self) -> Choice:
        """What computes the layers on the device of the weights, and why."""
        if not available():
            return Choice("torch", why_not())
        if any(buffer.device.type != "cpu" for buffer in self.buffers()):
            return Choice("torch", "the kernel is for CPUs")
        return Choice("fused", f"one program of the compiled kernel, of {len(self.layers)} layers")

    def _suits(self, images: Tensor) -> bool:
        if torch.compiler.is_compiling() or torch.compiler.is_exporting() or not available():
            return False
        if self._on_cpu is None:
            self._on_cpu = all(buffer.device.type == "cpu" for buffer in self.buffers())
        differentiable = torch.is_grad_enabled() and images.requires_grad
        return self._on_cpu and images.device.type == "cpu" and not differentiable

    def _fast(self, images: Tensor) -> Tensor:
        if tuple(images.shape[1:]) != tuple(self.arrays[0]):
            wanted, got = tuple(self.arrays[0]), tuple(images.shape[1:])
            raise ValueError(f"images must have (pixels, channels) = {wanted}, got {got}")
        if self._program is None or self._program.dtype != self.dtype:
            self._program = Program(self._layers(), self.arrays, self.output, self.dtype)
        return self._program(images)

    def _layers(self) -> list[Layer]:
        return [layer for layer in self.layers if isinstance(layer, Layer)]

    def _plain(self, images: Tensor) -> Tensor:
        arrays = {0: images}
        for layer in self._layers():
            layer.plain(arrays)
        return arrays[self.output]

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> FusedChain:
        self._program = self._on_cpu = None
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        return self

    def _load_from_state_dict(self, *args: object, **kwargs: object) -> None:
        self._program = None
        super()._load_from_state_dict(*args, **kwargs)

    def __getstate__(self) -> dict[str, object]:
        # Packed weights are in the order of this processor.
        return {**self.__dict__, "_program": None}

    def extra_repr(self) -> str:
        return str(self.dtype).removeprefix("torch.")


__all__ = ["FusedChain", "Program", "places_of"]
