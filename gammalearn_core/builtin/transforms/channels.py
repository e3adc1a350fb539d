"""Channels and pixels of images: what a transform asks for, and changing some of them."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence
from dataclasses import replace

from torch import Tensor

from gammalearn_core.data.batch import Batch
from gammalearn_core.data.batch import Images
from gammalearn_core.data.specs import InputSpec


def require_channels(inputs: InputSpec, channels: Sequence[str]) -> None:
    """Refuse images that lack one of these channels.

    Raises
    ------
    ValueError
        A camera's images have not all of them.
    """
    for key, camera in inputs.cameras.items():
        missing = [c for c in channels if c not in camera.channels]
        if missing:
            raise ValueError(
                f"the images of {key} have no channel {missing[0]!r}: they have {', '.join(camera.channels)}"
            )


def require_pixels(inputs: InputSpec) -> None:
    """Refuse images that are no longer in the camera's pixels.

    Raises
    ------
    ValueError
        A camera's images are on a grid.
    """
    for key, camera in inputs.cameras.items():
        if not camera.on_pixels:
            raise ValueError(f"the images of {key} are on a grid already: put this transform before the mapping")


def with_images(batch: Batch, change: Callable[[str, Images], Images]) -> Batch:
    """The batch with the images of every camera changed by ``change(key, images)``."""
    return replace(batch, images={key: change(key, group) for key, group in batch.images.items()})


def with_channels(group: Images, channels: Sequence[str], change: Callable[[Tensor], Tensor]) -> Images:
    """The images with some channels changed; ``change`` is given ``(n, len(channels), …)`` and gives as much."""
    chosen = [group.channels.index(name) for name in channels]
    pixels = group.pixels.clone()
    pixels[:, chosen] = change(pixels[:, chosen])
    return replace(group, pixels=pixels)


def channel(group: Images, name: str) -> Tensor:
    """One channel, ``(n, n_pixels)``."""
    return group.pixels[:, group.channels.index(name)]


__all__ = ["channel", "require_channels", "require_pixels", "with_channels", "with_images"]
