"""`Batch` and `Images`: ragged, taken apart and joined again."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from gammalearn_core.api import Batch
from gammalearn_core.api import Images


def images(events: list[int], *, pixels: int, first: int = 0, channels: tuple[str, ...] = ("image",)) -> Images:
    """Images of these events; every number in them is the number of the image, from ``first``."""
    number = torch.arange(first, first + len(events))
    return Images(
        pixels=number.float()[:, None, None].expand(-1, len(channels), pixels).clone(),
        channels=channels,
        event=torch.tensor(events, dtype=torch.int64),
        telescope=number.clone(),
        position=number.float()[:, None].expand(-1, 3).clone(),
        pointing=number.double()[:, None].expand(-1, 2).clone(),
        columns={"hillas_intensity": number.float()},
    )


def ragged() -> Batch:
    """Four events: one with two cameras, one with three images of one camera, one without images, one with one."""
    return Batch(
        images={"LST": images([0, 1, 1, 1], pixels=7), "SST": images([0, 3], pixels=4, first=10)},
        events={"row": torch.tensor([5, 6, 7, 8]), "event_id": torch.tensor([50, 60, 70, 80])},
        truth={"energy": torch.tensor([[0.5], [0.6], [0.7], [0.8]]), "particle": torch.tensor([0, 1, 0, 1])},
        weight={"energy": torch.tensor([1.0, 0.0, 1.0, 0.0]), "particle": torch.ones(4)},
    )


def belongs(batch: Batch) -> dict[int, list[int]]:
    """Images (by number) of each event (by its id), which must not change whatever is taken or joined."""
    owners: dict[int, list[int]] = {int(i): [] for i in batch.events["event_id"]}
    for group in batch.images.values():
        for event, number in zip(group.event, group.telescope, strict=True):
            owners[int(batch.events["event_id"][event])].append(int(number))
    return owners


def tensors(batch: Batch) -> list[Tensor]:
    return [t for t in pytree.tree_leaves(batch) if isinstance(t, Tensor)]


def same(a: Batch, b: Batch) -> bool:
    """Whether all tensors are equal and stand at the same places."""
    if pytree.tree_structure(a) != pytree.tree_structure(b):
        return False
    return all(x.dtype == y.dtype and torch.equal(x, y) for x, y in zip(tensors(a), tensors(b), strict=True))


def test_length_counts_events_and_n_images_those_of_all_cameras() -> None:
    assert (len(ragged()), ragged().n_images) == (4, 6)


def test_taken_events_keep_their_images_and_are_renumbered() -> None:
    batch = ragged().take(torch.tensor([3, 1]))
    assert batch.events["event_id"].tolist() == [80, 60]
    assert belongs(batch) == {80: [11], 60: [1, 2, 3]}
    assert batch.images["LST"].event.tolist() == [1, 1, 1]
    assert batch.truth["particle"].tolist() == [1, 1]
    assert batch.weight["energy"].tolist() == [0, 0]


def test_taken_images_are_in_the_order_of_the_events() -> None:
    batch = ragged().take(torch.tensor([1, 0]))
    assert batch.images["LST"].event.tolist() == [0, 0, 0, 1]
    assert batch.images["LST"].telescope.tolist() == [1, 2, 3, 0]


def test_every_tensor_of_an_image_is_taken_along() -> None:
    group = ragged().take(torch.tensor([1])).images["LST"]
    assert group.pixels[:, 0, 0].tolist() == group.position[:, 2].tolist() == group.pointing[:, 1].tolist() == [1, 2, 3]
    assert group.columns["hillas_intensity"].tolist() == [1, 2, 3]


def test_a_mask_takes_what_the_row_numbers_take() -> None:
    mask = torch.tensor([True, False, False, True])
    assert same(ragged().take(mask), ragged().take(torch.tensor([0, 3])))


def test_no_event_is_a_batch_too() -> None:
    batch = ragged().take(torch.tensor([], dtype=torch.int64))
    assert (len(batch), batch.n_images) == (0, 0)
    assert batch.images["LST"].pixels.shape == (0, 1, 7)
    assert batch.truth["energy"].shape == (0, 1)


def test_taking_leaves_the_batch_as_it_was() -> None:
    batch = ragged()
    batch.take(torch.tensor([1]))
    assert same(batch, ragged())


def test_some_images_are_taken_without_their_events() -> None:
    batch = ragged().take_images({"LST": torch.tensor([False, True, False, False])})
    assert belongs(batch) == {50: [10], 60: [1], 70: [], 80: [11]}


def test_parts_that_are_joined_again_are_the_whole() -> None:
    batch = ragged()
    parts = [batch.take(torch.tensor([i])) for i in range(4)]
    assert same(Batch.concat(parts), batch)


def test_batches_with_unequal_cameras_are_joined() -> None:
    first, second = ragged(), ragged()
    del second.images["LST"]
    second.images["MST"] = images([2], pixels=9, first=20)
    second.events["event_id"] += 1
    batch = Batch.concat([first, second])
    assert {key: group.event.tolist() for key, group in batch.images.items()} == {
        "LST": [0, 1, 1, 1],
        "SST": [0, 3, 4, 7],
        "MST": [6],
    }
    assert belongs(batch)[71] == [20]


def test_joined_batches_have_the_columns_that_all_have() -> None:
    first, second = ragged(), ragged()
    del second.truth["particle"]
    del second.images["LST"].columns["hillas_intensity"]
    batch = Batch.concat([first, second])
    assert set(batch.truth) == {"energy"}
    assert batch.images["LST"].columns == {}


def test_images_of_different_channels_cannot_be_joined() -> None:
    other = ragged()
    other.images["LST"] = images([0], pixels=7, channels=("peak_time",))
    with pytest.raises(ValueError, match="cannot join images of different channels"):
        Batch.concat([ragged(), other])


def test_an_empty_batch_can_be_joined() -> None:
    nothing = ragged().take(torch.tensor([], dtype=torch.int64))
    assert same(Batch.concat([nothing, ragged(), nothing]), ragged())


def test_to_moves_every_tensor() -> None:
    moved = ragged().to("meta")
    assert {t.device.type for t in tensors(moved)} == {"meta"}
    assert len(tensors(moved)) == len(tensors(ragged())) == 18


def test_to_the_device_where_it_is_changes_nothing() -> None:
    assert same(ragged().to("cpu", non_blocking=True), ragged())


def test_a_batch_is_a_pytree() -> None:
    batch = ragged()
    leaves, structure = pytree.tree_flatten(batch)
    assert same(pytree.tree_unflatten(leaves, structure), batch)
    doubled = pytree.tree_map(lambda t: 2 * t, batch)
    assert doubled.images["LST"].channels == ("image",)
    assert doubled.truth["energy"].tolist() == (2 * batch.truth["energy"]).tolist()


def test_the_images_of_a_mono_batch_are_those_of_its_only_camera() -> None:
    batch = ragged()
    with pytest.raises(ValueError, match="expected images of one camera, got those of LST, SST"):
        _ = batch.mono
    del batch.images["LST"]
    assert batch.mono is batch.images["SST"]


def test_a_batch_without_cameras_says_that_there_is_none() -> None:
    with pytest.raises(ValueError, match="got those of none"):
        _ = Batch(images={}, events={"row": torch.arange(0)}).mono
