"""`Batch` and `Images`: the data of one step, ragged and without padding."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from dataclasses import fields
from dataclasses import replace
from typing import Any
from typing import TypeVar

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

_T = TypeVar("_T")


@dataclass
class Images:
    """Images of one camera in a batch.

    Attributes
    ----------
    pixels : Tensor, (n_images, channels, n_pixels) or (n_images, channels, rows, columns), float32
    channels : tuple of str
        Names along the channel axis.
    event : Tensor, (n_images,), int64
        Row of the batch's events that each image belongs to.
    telescope : Tensor, (n_images,), int64
        ``tel_id``.
    position : Tensor, (n_images, 3), float32
        Position of the telescope in the ground frame, m.
    pointing : Tensor, (n_images, 2), float64
        Altitude and azimuth that the telescope points to, deg.
    columns : dict of str to Tensor, (n_images,)
        Per-image columns on request, such as DL1 parameters.
    """

    pixels: Tensor
    channels: tuple[str, ...]
    event: Tensor
    telescope: Tensor
    position: Tensor
    pointing: Tensor
    columns: dict[str, Tensor] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.event)

    def take(self, rows: Tensor) -> Images:
        """These images, by row or by mask; `event` is unchanged."""
        return _map(self, lambda t: t[rows])

    def to(self, device: torch.device | str, *, non_blocking: bool = False) -> Images:
        """The same on a device."""
        return _map(self, lambda t: t.to(device, non_blocking=non_blocking))


@dataclass
class Batch:
    """Samples of one step.

    A mono batch has one camera and one image an event. Any mix of cameras and any number of images an event is
    legal, also none.

    Attributes
    ----------
    images : dict of str to Images
        By camera key.
    truth : dict of str to Tensor
        What each task is to predict, encoded: ``(n_events, k)`` float32, or ``(n_events,)`` int64 for classes.
    weight : dict of str to Tensor, (n_events,), float32
        0 where a sample has no truth for the task.
    events : dict of str to Tensor, (n_events,)
        Columns of the samples; ``row`` is always there.
    """

    images: dict[str, Images]
    events: dict[str, Tensor]
    truth: dict[str, Tensor] = field(default_factory=dict)
    weight: dict[str, Tensor] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.events["row"])

    @property
    def n_images(self) -> int:
        """Images of all cameras."""
        return sum(map(len, self.images.values()))

    @property
    def mono(self) -> Images:
        """The images of a batch that has one image an event, in the order of the events.

        Raises
        ------
        ValueError
            It has several cameras.
        """
        if len(self.images) != 1:
            raise ValueError(f"expected images of one camera, got those of {', '.join(self.images) or 'none'}")
        return next(iter(self.images.values()))

    def take(self, rows: Tensor) -> Batch:
        """These events, by row (each at most once) or by mask, with their images; events are renumbered."""
        if rows.dtype == torch.bool:
            rows = rows.nonzero()[:, 0]
        new = torch.full((len(self),), -1, dtype=torch.int64, device=rows.device)
        new[rows] = torch.arange(len(rows), device=rows.device)
        images = {}
        for key, group in self.images.items():
            kept = group.take(new[group.event] >= 0)
            kept = replace(kept, event=new[kept.event])
            images[key] = kept.take(torch.argsort(kept.event, stable=True))
        return Batch(
            images, *({n: t[rows] for n, t in part.items()} for part in (self.events, self.truth, self.weight))
        )

    def take_images(self, keep: dict[str, Tensor]) -> Batch:
        """All events, with some of their images: a mask by camera key; other cameras keep all."""
        images = {k: g.take(keep[k]) if k in keep else g for k, g in self.images.items()}
        return replace(self, images=images)

    def to(self, device: torch.device | str, *, non_blocking: bool = False) -> Batch:
        """The same on a device."""
        return _map(self, lambda t: t.to(device, non_blocking=non_blocking))

    @staticmethod
    def concat(batches: Sequence[Batch]) -> Batch:
        """One batch of all events in order; a camera that only some have is kept."""
        starts = [0]
        for batch in batches:
            starts.append(starts[-1] + len(batch))
        keys = dict.fromkeys(key for batch in batches for key in batch.images)
        images = {
            key: _join_images([(b.images[key], n) for b, n in zip(batches, starts, strict=False) if key in b.images])
            for key in keys
        }
        return Batch(images, *(_join([getattr(b, part) for b in batches]) for part in ("events", "truth", "weight")))


def _join(parts: Sequence[dict[str, Tensor]]) -> dict[str, Tensor]:
    return {name: torch.cat([p[name] for p in parts]) for name in parts[0] if all(name in p for p in parts)}


def _join_images(parts: Sequence[tuple[Images, int]]) -> Images:
    shifted = [replace(group, event=group.event + start) for group, start in parts]
    if len({group.channels for group in shifted}) > 1:
        raise ValueError(f"cannot join images of different channels: {[g.channels for g in shifted]}")
    names = [f.name for f in fields(Images) if f.name not in ("channels", "columns")]
    tensors = {name: torch.cat([getattr(group, name) for group in shifted]) for name in names}
    return Images(channels=shifted[0].channels, columns=_join([g.columns for g in shifted]), **tensors)


def _map(value: _T, function: Callable[[Tensor], Tensor]) -> _T:
    mapped: _T = pytree.tree_map_only(Tensor, function, value)
    return mapped


def _flatten_images(images: Images) -> tuple[list[Any], Any]:
    names = [f.name for f in fields(Images) if f.name != "channels"]
    return [getattr(images, name) for name in names], (images.channels, tuple(names))


def _unflatten_images(values: Any, context: Any) -> Images:
    channels, names = context
    return Images(channels=channels, **dict(zip(names, values, strict=True)))


pytree.register_pytree_node(
    Images, _flatten_images, _unflatten_images, serialized_type_name="gammalearn_core.data.Images"
)
pytree.register_pytree_node(
    Batch,
    lambda b: ([b.images, b.events, b.truth, b.weight], None),
    lambda values, _: Batch(*values),
    serialized_type_name="gammalearn_core.data.Batch",
)

__all__ = ["Batch", "Images"]
