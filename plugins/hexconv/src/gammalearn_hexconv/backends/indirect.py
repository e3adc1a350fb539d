"""Indirect convolution: the compiled kernel, if it is there."""

from __future__ import annotations

import torch
from torch import Tensor

from gammalearn_hexconv.backends.pooling import without_blind
from gammalearn_hexconv.backends.site import Site

_DTYPES = (torch.float32, torch.bfloat16)


def why_not(dtype: torch.dtype, device: torch.device) -> str | None:
    """Why the kernel cannot do it; None if it can."""
    if device.type != "cpu":
        return f"the kernel is for CPUs, not for {device.type}"
    if dtype not in _DTYPES:
        return f"the kernel is for float32 and bfloat16, not for {str(dtype).removeprefix('torch.')}"
    missing: str | None = _missing()
    return missing


@torch.compiler.assume_constant_result  # type: ignore[untyped-decorator]
def _missing() -> str | None:
    try:
        from gammalearn_hexconv import kernel
    except ImportError:
        return "this installation has no kernel"
    return None if kernel.available() else kernel.why_not()


def conv2d(pixels: Tensor, weight: Tensor, bias: Tensor | None, site: Site, groups: int) -> Tensor:
    """Convolve ``(n, n_in, in_channels)`` to ``(n, n_out, out_channels)``."""
    from gammalearn_hexconv.kernel import ops

    tables = site.rows, site.inverse_rows, site.inverse_taps
    output: Tensor = ops.conv(pixels.contiguous(), weight.contiguous(), bias, *tables, groups)
    return output


def max_pool2d(pixels: Tensor, site: Site, missing_is_zero: bool) -> Tensor:
    """Pool ``(n, n_in, channels)`` to ``(n, n_out, channels)``."""
    from gammalearn_hexconv.kernel import ops

    output: Tensor = ops.max_pool(pixels.contiguous(), site.rows, missing_is_zero)[0]
    return without_blind(output, site)


def avg_pool2d(pixels: Tensor, site: Site, missing_is_zero: bool) -> Tensor:
    """Pool ``(n, n_in, channels)`` to ``(n, n_out, channels)``."""
    from gammalearn_hexconv.kernel import ops

    tables = site.rows, site.inverse_rows, site.inverse_taps
    output: Tensor = ops.avg_pool(pixels.contiguous(), *tables, missing_is_zero)
    return without_blind(output, site)


__all__ = ["avg_pool2d", "conv2d", "max_pool2d", "why_not"]
