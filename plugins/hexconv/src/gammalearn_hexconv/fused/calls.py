"""The structures in which fused operations are given to the kernel; ``kernel/source/fused.h`` explains them."""

from __future__ import annotations

from ctypes import Structure
from ctypes import byref
from ctypes import c_double
from ctypes import c_float
from ctypes import c_int64
from ctypes import c_void_p
from typing import TYPE_CHECKING

from gammalearn_hexconv.kernel.library import library

if TYPE_CHECKING:
    from torch import Tensor

Fields = list[tuple[str, type]]


def _numbers(names: str) -> Fields:
    return [(name, c_int64) for name in names.split()]


def _pointers(names: str) -> Fields:
    return [(name, c_void_p) for name in names.split()]


class MomentsCall(Structure):
    """``hex_moments_call``."""

    _fields_ = [
        *_numbers("type rows channels threads"),
        ("epsilon", c_double),
        *_pointers("x mean variance inverse"),
    ]


class NormaliseCall(Structure):
    """``hex_normalise_call``."""

    _fields_ = [*_numbers("type rows channels threads relu"), *_pointers("x residual mean scale shift y")]


class NormaliseGradCall(Structure):
    """``hex_normalise_grad_call``."""

    _fields_ = [
        *_numbers("type rows channels threads cut"),
        *_pointers("x y grad mean inverse scale shift more x_grad residual_grad weight_grad shift_grad"),
    ]


class MeansCall(Structure):
    """``hex_means_call``."""

    _fields_ = [*_numbers("type images pixels channels threads"), *_pointers("x means")]


class AttendCall(Structure):
    """``hex_attend_call``."""

    _fields_ = [
        *_numbers("type images pixels channels width threads"),
        *_pointers("x reduced mean scale shift score bias channel_gate"),
        ("plus", c_float),
        *_pointers("pixel_gate"),
        *_numbers("relu"),
        *_pointers("y"),
    ]


class AttendGradCall(Structure):
    """``hex_attend_grad_call``."""

    _fields_ = [
        *_numbers("type images pixels channels width threads"),
        *_pointers("x reduced grad mean scale shift score channel_gate pixel_gate"),
        ("plus", c_float),
        *_pointers("channel_gate_grad logit_grad score_grad x_grad scaled_grad"),
    ]


class GateCall(Structure):
    """``hex_gate_call``."""

    _fields_ = [
        *_numbers("images channels hidden"),
        *_pointers("means reduce reduce_bias expand expand_bias gates"),
    ]


class StepStruct(Structure):
    """``hex_step``."""

    _fields_ = [*_numbers("kind"), *_pointers("call"), *_numbers("x other gate y second")]


class ArrayStruct(Structure):
    """``hex_array``."""

    _fields_ = _numbers("image_bytes outside place")


class ProgramCall(Structure):
    """``hex_program_call``."""

    _fields_ = [*_numbers("steps images chunk threads scratch_bytes"), *_pointers("step array outside")]


def address(tensor: Tensor | None) -> int | None:
    """Where a tensor's numbers are, as long as something holds the tensor; None for none."""
    return None if tensor is None else tensor.data_ptr()


def run(name: str, call: Structure) -> None:
    """Call a function of the kernel.

    Raises
    ------
    MemoryError
        There is no memory for what it needs on the way.
    """
    if getattr(library(), name)(byref(call)):
        raise MemoryError(f"the kernel could not get its working memory in {name}")


__all__ = [
    "ArrayStruct",
    "AttendCall",
    "AttendGradCall",
    "GateCall",
    "MeansCall",
    "MomentsCall",
    "NormaliseCall",
    "NormaliseGradCall",
    "ProgramCall",
    "StepStruct",
    "address",
    "run",
]
