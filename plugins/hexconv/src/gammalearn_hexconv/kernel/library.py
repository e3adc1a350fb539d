"""Loads the compiled kernel, and declares its interface."""

from __future__ import annotations

import ctypes
import os
from ctypes import CDLL
from ctypes import POINTER
from ctypes import Structure
from ctypes import c_int
from ctypes import c_int64
from ctypes import c_void_p
from functools import cache

from gammalearn_hexconv.kernel.building import LIBRARY

INTERFACE = 1
"""Version of the interface that is declared here; ``HEX_INTERFACE`` of hexconv.h is the library's."""

HOW_TO = "Install a C compiler (gcc or clang) and run `python -m gammalearn_hexconv.kernel`"


def _fields(*names: str, pointers: str = "") -> list[tuple[str, type]]:
    return [*((name, c_int64) for name in names), *((name, c_void_p) for name in pointers.split())]


class PlanStruct(Structure):
    """``hex_plan`` of hexconv.h."""

    _fields_ = _fields("classes", pointers="pixels steps taps outputs inputs")


class PackCall(Structure):
    """``hex_pack_call`` of hexconv.h."""

    _fields_ = _fields(
        *("weight_type", "type", "groups", "outputs", "inputs", "taps"),
        *("group_stride", "output_stride", "input_stride", "tap_stride"),
        pointers="weights packed",
    )


class ConvCall(Structure):
    """``hex_conv_call`` of hexconv.h."""

    _fields_ = _fields(
        *("type", "images", "input_pixels", "output_pixels", "groups", "inputs", "outputs", "taps", "relu", "threads"),
        pointers="plan x packed bias residual scale shift y second",
    )


class WeightGradCall(Structure):
    """``hex_weight_grad_call`` of hexconv.h."""

    _fields_ = _fields(
        *("type", "images", "input_pixels", "output_pixels", "groups", "inputs", "outputs", "taps", "threads"),
        pointers="plan x grad weight_grad bias_grad",
    )


class PoolCall(Structure):
    """``hex_pool_call`` of hexconv.h."""

    _fields_ = _fields(
        *("type", "images", "input_pixels", "output_pixels", "channels", "taps", "zeros_for_missing", "threads"),
        pointers="plan x input_scale output_scale y which",
    )


class MaxPoolGradCall(Structure):
    """``hex_max_pool_grad_call`` of hexconv.h."""

    _fields_ = _fields(
        *("type", "images", "input_pixels", "output_pixels", "channels", "threads"),
        pointers="grad which y",
    )


CALLS: dict[str, type[Structure]] = {
    "hex_conv": ConvCall,
    "hex_weight_grad": WeightGradCall,
    "hex_pool": PoolCall,
    "hex_max_pool_grad": MaxPoolGradCall,
}
"""The functions that take one of these structures and give a status."""


class KernelMissingError(RuntimeError):
    """The compiled kernel was called where it is not available."""


class _Loaded:
    """The library, or why there is none."""

    def __init__(self, library: CDLL | None, isa: str, why_not: str) -> None:
        self.library = library
        self.isa = isa
        self.why_not = why_not


@cache
def _load() -> _Loaded:
    if os.environ.get("GAMMALEARN_HEXCONV_KERNEL", "").lower() in {"off", "0"}:
        return _Loaded(None, "", "GAMMALEARN_HEXCONV_KERNEL switches the kernel off. Unset it to switch it on")
    if not LIBRARY.exists():
        why = "the plug-in was built without its compiled kernel, as there was no C compiler that could compile it"
        return _Loaded(None, "", f"{why}. {HOW_TO}")
    try:
        library = CDLL(str(LIBRARY))
    except OSError as error:
        return _Loaded(None, "", f"the compiled kernel does not load: {error}. {HOW_TO}")
    if not hasattr(library, "hex_interface") or library.hex_interface() != INTERFACE:
        why = "the compiled kernel is of another version than the plug-in"
        return _Loaded(None, "", f"{why}. Run `python -m gammalearn_hexconv.kernel` to compile it again")
    _declare(library)
    wanted = os.environ.get("GAMMALEARN_HEXCONV_ISA", "")
    chosen = library.hex_choose(wanted.encode())
    if chosen is None:
        known = "avx512bf16, avx512, avx2 or portable"
        return _Loaded(None, "", f"GAMMALEARN_HEXCONV_ISA is {wanted!r}; it must be {known}, or be unset")
    return _Loaded(library, chosen.decode(), "")


def _declare(library: CDLL) -> None:
    library.hex_choose.argtypes = [ctypes.c_char_p]
    library.hex_choose.restype = ctypes.c_char_p
    library.hex_use_openmp.argtypes = [c_void_p]
    library.hex_use_openmp.restype = None
    library.hex_packed_bytes.argtypes = [c_int64] * 5
    library.hex_packed_bytes.restype = c_int64
    library.hex_pack.argtypes = [POINTER(PackCall)]
    library.hex_pack.restype = None
    for name, call in CALLS.items():
        function = getattr(library, name)
        function.argtypes = [POINTER(call)]
        function.restype = c_int


def available() -> bool:
    """Whether the compiled kernel can be used."""
    return _load().library is not None


def why_not() -> str:
    """Why the compiled kernel cannot be used, and what to do about it; empty where it can."""
    return _load().why_not


def isa() -> str:
    """Name of the instructions that the kernel uses here: avx512bf16, avx512, avx2 or portable; empty without kernel.

    The environment variable ``GAMMALEARN_HEXCONV_ISA`` asks for no better one than it names.
    """
    return _load().isa


def library() -> CDLL:
    """Give the library.

    Raises
    ------
    KernelMissingError
        It is not available.
    """
    loaded = _load()
    if loaded.library is None:
        raise KernelMissingError(f"the compiled kernel of gammalearn-hexconv is not available: {loaded.why_not}")
    return loaded.library


def share_openmp() -> bool:
    """Let the kernel use the threads of the OpenMP runtime that this process has loaded, and say whether it has one.

    A second runtime would bring its own threads, which would compete with those of torch.
    """
    try:
        parallel = ctypes.CDLL(None).GOMP_parallel
    except (AttributeError, OSError, TypeError):
        return False
    library().hex_use_openmp(ctypes.cast(parallel, c_void_p))
    return True


__all__ = [
    "ConvCall",
    "KernelMissingError",
    "MaxPoolGradCall",
    "PackCall",
    "PlanStruct",
    "PoolCall",
    "WeightGradCall",
    "available",
    "isa",
    "library",
    "share_openmp",
    "why_not",
]
