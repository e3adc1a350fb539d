from __future__ import annotations

from pathlib import Path

import h5py
from runs import TESTS
from runs import read
from runs import record
from runs import run
from runs import run_folders
from runs import write_settings

STEREO = """
import torch
from torch import nn


class Sum(nn.Module):
    stereo = True

    def __init__(self, *, inputs, outputs):
        super().__init__()
        self.embed = nn.ModuleDict(
            {key: nn.Linear(len(c.channels) * c.geometry.n_pixels, 8) for key, c in inputs.cameras.items()}
        )
        self.heads = nn.ModuleDict({name: nn.Linear(8, task.size) for name, task in outputs.tasks.items()})

    def forward(self, batch):
        assert not batch.truth
        total = torch.zeros(len(batch), 8)
        for key, images in batch.images.items():
            total = total.index_add(0, images.event, self.embed[key](images.pixels.flatten(1)))
        return {name: head(total) for name, head in self.heads.items()}
"""


def test_events_of_several_cameras_run_from_end_to_end(tmp_path: Path) -> None:
    path = str(TESTS / "gamma_test.dl1.h5")
    settings = write_settings(
        tmp_path,
        STEREO,
        data=f"ref('core.dl1', paths={path!r}, level='subarray')",
        filters="[ref('core.intensity', minimum=10)]",
        transforms="[ref('core.log_charge'), ref('core.normalise')]",
        network="ref(Sum)",
        losses="{'energy': ref('core.l1'), 'direction': ref('core.l1')}",
        validation="0.3",
        test="0.3",
        batch_size="3",
    )
    assert run(settings) == 0
    specs = read(run_folders(settings)[0] / "specs.json")
    assert set(specs["inputs"]["cameras"]) == {"LSTCam", "NectarCam", "CHEC", "SCTCam"}
    cut = record(settings)["cuts"][0]
    assert (cut["scope"], cut["before"]) == ("image", 42)
    assert cut["after"] < 42


def test_the_telescopes_in_subarray_dl2_are_those_that_were_used(tmp_path: Path) -> None:
    settings = write_settings(
        tmp_path,
        STEREO,
        data="ref('core.dl1', paths=DATA + 'gamma_prod4_sst1m.dl1.h5', level='subarray')",
        filters="[ref('core.intensity', minimum=200)]",
        network="ref(Sum)",
        transforms="[]",
        losses="{'energy': ref('core.l1')}",
        validation="0",
        test="0.4",
        epochs="1",
    )
    assert run(settings) == 0
    (dl2,) = (run_folders(settings)[0] / "predictions").glob("*.h5")
    with h5py.File(dl2) as h5:
        rows = h5["dl2/event/subarray/energy/GammaLearnEnergy"][:]
        triggered = h5["dl1/event/subarray/trigger"]["tels_with_trigger"].astype(bool)
    used = rows["GammaLearnEnergy_telescopes"].astype(bool)
    assert (used.any(axis=1) == rows["GammaLearnEnergy_is_valid"].astype(bool)).all()
    assert used.any()
    assert used.sum() < triggered.sum()
    assert not (used & ~triggered).any()


def test_a_second_source_without_labels_takes_part_without_truth(tmp_path: Path) -> None:
    head = """
class Watching:
    def __init__(self, *, task):
        pass

    def __call__(self, prediction, truth):
        return (prediction - truth).abs().mean(dim=1)
"""
    settings = write_settings(
        tmp_path,
        head,
        data="{'labelled': ref('core.dl1', paths=DATA + 'gamma_mono*.h5', cameras='NectarCam'),"
        " 'unlabelled': ref('core.dl1', paths=DATA + 'gamma_diffuse*.h5', cameras='MST')}",
        losses="{'energy': ref(Watching)}",
        epochs="1",
    )
    assert run(settings) == 0
    facts = record(settings)["splits"]
    assert sum(s["samples"] for s in facts.values()) == 46 + 6
