"""Masked dense convolution: pixels in a box of rows and columns, stored channels-last."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from gammalearn_hexconv.backends.frame import AxialFrame
from gammalearn_hexconv.backends.site import Site
from gammalearn_hexconv.backends.weights import swapped


def conv2d(pixels: Tensor, weight: Tensor, bias: Tensor | None, site: Site, groups: int) -> Tensor:
    """Convolve ``(n, n_in, in_channels)`` to ``(n, n_out, out_channels)``.

    The two corners of the square kernel that a hexagonal one has not are zero, and what the convolution gives outside
    the camera is left out.
    """
    frame = site.frame
    assert frame is not None
    if site.is_transposed:
        return _transposed(pixels, weight, bias, site, frame, groups)
    image = _spread(pixels, site.cells, frame.shape)
    kernel = _square(weight, site, frame)
    output = F.conv2d(image, kernel, bias, frame.stride, frame.padding, frame.dilation, groups)
    return _picked(output, site.out_cells)


def _transposed(
    pixels: Tensor, weight: Tensor, bias: Tensor | None, site: Site, frame: AxialFrame, groups: int
) -> Tensor:
    image = _spread(pixels, site.out_cells, frame.out_shape)
    kernel = _square(swapped(weight, groups), site, frame)
    output = F.conv_transpose2d(
        image, kernel, bias, frame.stride, frame.padding, frame.output_padding, groups, frame.dilation
    )
    return _picked(output, site.cells)


def _spread(pixels: Tensor, cells: Tensor, shape: tuple[int, int]) -> Tensor:
    n, _, channels = pixels.shape
    dense = pixels.new_zeros(n, shape[0] * shape[1], channels).index_copy(1, cells, pixels)
    return dense.view(n, *shape, channels).permute(0, 3, 1, 2)


def _square(weight: Tensor, site: Site, frame: AxialFrame) -> Tensor:
    kernel = F.pad(weight, (0, 1)).index_select(2, site.weights_at)
    kernel = kernel.view(*weight.shape[:2], frame.size, frame.size)
    return kernel.contiguous(memory_format=torch.channels_last)


def _picked(image: Tensor, cells: Tensor) -> Tensor:
    return image.permute(0, 2, 3, 1).flatten(1, 2).index_select(1, cells)


__all__ = ["conv2d"]
