"""What a stereo network needs of a batch: several cameras, any number of images an event, no padding."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor
from torch import nn

from gammalearn_core.api import Batch
from gammalearn_core.api import InputSpec
from gammalearn_core.api import OutputSpec
from gammalearn_core.api import TargetCodec
from gammalearn_core.api import TaskSpec
from gammalearn_core.builtin.loaders.dl1 import DL1Source
from gammalearn_core.builtin.plugin import gammalearn_targets
from gammalearn_core.builtin.targets.direction import Direction
from gammalearn_core.builtin.targets.energy import Energy
from gammalearn_core.builtin.transforms.charge import LogCharge
from gammalearn_core.data.truth import Task
from gammalearn_core.data.truth import Truth

CODECS: dict[str, TargetCodec] = {"energy": Energy(), "direction": Direction()}


class Stereo(nn.Module):
    """Linear features of each camera's pixels, summed over the images of an event; a linear head a task."""

    def __init__(self, *, inputs: InputSpec, outputs: OutputSpec, features: int = 8) -> None:
        super().__init__()
        self.features = features
        self.embed = nn.ModuleDict(
            {key: nn.Linear(len(c.channels) * c.geometry.n_pixels, features) for key, c in inputs.cameras.items()}
        )
        self.heads = nn.ModuleDict({n: nn.Linear(features + 1, task.size) for n, task in outputs.tasks.items()})

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """``{task: (n_events, size)}``."""
        device = batch.events["row"].device
        total = torch.zeros(len(batch), self.features, device=device)
        count = torch.zeros(len(batch), 1, device=device)
        for key, images in batch.images.items():
            features = self.embed[key](images.pixels.flatten(1)).tanh()
            total = total.index_add(0, images.event, features)
            count = count.index_add(0, images.event, torch.ones(len(images), 1, device=device))
        joined = torch.cat([total / count.clamp(min=1), count], dim=1)
        return {name: head(joined) for name, head in self.heads.items()}


@pytest.fixture
def source(open_dl1: Callable[..., DL1Source]) -> DL1Source:
    """Nine events of LSTCam, NectarCam, CHEC and SCTCam."""
    return open_dl1("gamma_test", level="subarray")


@pytest.fixture
def network(source: DL1Source) -> Stereo:
    torch.manual_seed(1)
    sizes = {name: codec.size for name, codec in CODECS.items()}
    tasks = {n: TaskSpec(name=n, target=f"core.{n}", size=size) for n, size in sizes.items()}
    return Stereo(inputs=source.inputs, outputs=OutputSpec(tasks=tasks))


def read(source: DL1Source, rows: list[int]) -> Batch:
    """Events with truth, and with the logarithm of the charge."""
    records = {record.name: record for record in gammalearn_targets()}
    tasks = {n: Task(name=n, id=f"core.{n}", record=records[n], codec=c) for n, c in CODECS.items()}
    batch = Truth(source.events, tasks).attach(source.read(np.array(rows, dtype=np.int64)))
    return LogCharge(inputs=source.inputs)(batch, torch.Generator())


def loss_of(network: Stereo, batch: Batch) -> Tensor:
    prediction = network(batch)
    parts = [((prediction[n] - batch.truth[n]).square().mean(dim=1) * batch.weight[n]).sum() for n in prediction]
    return torch.stack(parts).sum() / len(batch)


def test_a_batch_holds_several_cameras_and_different_multiplicities(source: DL1Source) -> None:
    batch = read(source, list(range(9)))
    images = torch.cat([group.event for group in batch.images.values()])
    assert {key: len(group) for key, group in batch.images.items()} == {
        "NectarCam": 19, "LSTCam": 9, "SCTCam": 8, "CHEC": 6,
    }  # fmt: skip
    assert torch.bincount(images).tolist() == source.events.multiplicity.tolist()
    assert len(set(source.events.multiplicity.tolist())) > 2


def test_a_training_step_reaches_every_weight(source: DL1Source, network: Stereo) -> None:
    before = {name: p.detach().clone() for name, p in network.named_parameters()}
    optimizer = torch.optim.SGD(network.parameters(), lr=0.01)
    loss_of(network, read(source, list(range(9)))).backward()
    optimizer.step()
    assert all(p.isfinite().all() for p in network.parameters())
    assert [n for n, p in network.named_parameters() if torch.equal(p, before[n])] == []


def test_training_lowers_the_loss(source: DL1Source, network: Stereo) -> None:
    batch, optimizer = read(source, list(range(9))), torch.optim.Adam(network.parameters(), lr=3e-3)
    losses = []
    for _ in range(20):
        optimizer.zero_grad()
        loss = loss_of(network, batch)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]


def test_the_order_of_images_within_a_camera_does_not_matter(source: DL1Source, network: Stereo) -> None:
    batch, generator = read(source, list(range(9))), torch.Generator().manual_seed(2)
    shuffled = {k: g.take(torch.randperm(len(g), generator=generator)) for k, g in batch.images.items()}
    assert any(not torch.equal(shuffled[k].event, g.event) for k, g in batch.images.items())
    expected = network(batch)
    for task, prediction in network(replace(batch, images=shuffled)).items():
        torch.testing.assert_close(prediction, expected[task])


def test_an_event_is_predicted_the_same_alone_and_among_others(source: DL1Source, network: Stereo) -> None:
    together = network(read(source, [5, 0, 8, 3]))
    for place, row in enumerate([5, 0, 8, 3]):
        alone = network(read(source, [row]))
        for task, prediction in alone.items():
            torch.testing.assert_close(prediction[0], together[task][place])


def test_events_that_are_taken_from_a_batch_are_predicted_as_in_the_batch(source: DL1Source, network: Stereo) -> None:
    batch, rows = read(source, list(range(9))), torch.tensor([7, 2, 4])
    expected = network(batch)
    for task, prediction in network(batch.take(rows)).items():
        torch.testing.assert_close(prediction, expected[task][rows])


def test_no_events_are_legal(source: DL1Source, network: Stereo) -> None:
    batch = read(source, [])
    assert {task: tuple(t.shape) for task, t in network(batch).items()} == {"energy": (0, 1), "direction": (0, 2)}


def test_events_without_images_are_legal(source: DL1Source, network: Stereo) -> None:
    batch = read(source, [0, 1])
    lost = {key: group.event != 0 for key, group in batch.images.items()}
    prediction, expected = network(batch.take_images(lost)), network(batch)
    assert prediction["energy"].isfinite().all()
    torch.testing.assert_close(prediction["energy"][1], expected["energy"][1])
    assert prediction["energy"][0] != expected["energy"][0]
