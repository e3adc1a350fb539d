"""Real files of several cameras, through the commands."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from stereo_made import TASKS
from stereo_made import Maker

from gammalearn_core.api import Batch
from gammalearn_core.api import InputSpec
from gammalearn_core.cli import main
from gammalearn_core.plugin import Registry
from gammalearn_core.plugin import Switches
from gammalearn_stereo.networks.attention import StereoAttention
from gammalearn_stereo.networks.mono_average import MonoAverage
from gammalearn_stereo.networks.pooling import StereoPooling
from gammalearn_stereo.networks.rnn import StereoRNN
from gammalearn_stereo.transforms.moments import Moments

ROOT = Path(__file__).parents[3]
MANY = ROOT / "tests" / "data" / "gamma_prod3_large_trunc.dl1.h5"
"""Six events of 4, 9, 4, 17, 2 and 7 images, of three cameras."""
ONE = ROOT / "examples" / "data" / "gamma_prod4_sst1m.dl1.h5"
"""31 events of one camera."""

pytestmark = pytest.mark.skipif(not MANY.is_file(), reason="the data are in the repository of the core")
resnet = pytest.importorskip("gammalearn_hexconv.networks.resnet").HexResNet

SETTINGS = """
from gammalearn_core import Experiment, ref, weights_of

experiment = Experiment(
    name="array",
    seed=1,
    threads=1,
    data=ref("core.dl1", paths=["PATH"], level="subarray"),
    transforms=[
        ref("stereo.moments"), ref("core.log_charge"), ref("stereo.random_turn"), ref("stereo.drop_telescopes"),
    ],
    network=ref("stereo.NAME", encoder={"DigiCam": ref("hexconv.resnet", channels=(4, 8), depths=(1, 1), hidden=8)}),
    losses={"energy": ref("core.l1"), "direction": ref("core.smooth_l1")},
    optimizer=ref("core.adamw", lr=1e-3),
    epochs=1,
    batch_size=16,
)
"""
MONO = """
from gammalearn_core import Experiment, ref

experiment = Experiment(
    name="mono",
    seed=5,
    threads=1,
    data=ref("core.dl1", paths=["PATH"]),
    transforms=[ref("core.log_charge")],
    network=ref("hexconv.resnet", channels=(4, 8), depths=(1, 1), hidden=8),
    losses={"energy": ref("core.l1"), "direction": ref("core.smooth_l1")},
    epochs=1,
    batch_size=128,
)
"""


def settings(folder: Path, source: str, *, name: str = "attention", old: str = "", new: str = "") -> str:
    path = folder / "settings.py"
    path.write_text(source.replace("PATH", str(ONE)).replace("NAME", name).replace(old, new), encoding="utf-8")
    return str(path)


def run(folder: Path, *arguments: str) -> Path:
    assert main(["run", *arguments, "--logdir", str(folder / "runs")]) == 0
    (found,) = (path.parent for path in (folder / "runs").glob("*/*/run.json"))
    assert json.loads((found / "run.json").read_text())["status"] == "finished"
    return found


@pytest.fixture(scope="module")
def events() -> tuple[InputSpec, Batch]:
    source = Registry(Switches()).discover().load("core.dl1", kind="loader")(paths=[MANY], level="subarray")
    batch = source.read(np.arange(6))
    source.close()
    moments = Moments(inputs=source.inputs)
    return moments.outputs, moments(batch, torch.Generator())


@pytest.mark.parametrize("target", [StereoAttention, StereoPooling, StereoRNN, MonoAverage])
def test_events_of_three_cameras_are_predicted_and_learned(target: type, events: tuple[InputSpec, Batch]) -> None:
    inputs, batch = events
    torch.manual_seed(1)
    maker = Maker(resnet, channels=(4,), depths=(1,), hidden=8)
    network = target(inputs=inputs, outputs=TASKS, encoder=maker)
    assert list(network.encoders) == list(inputs.cameras)
    assert len(network.encoders) == 3
    outputs = network(batch)
    assert all(v.shape == (6, TASKS.tasks[n].size) and v.isfinite().all() for n, v in outputs.items())
    sum(v.square().sum() for v in outputs.values()).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())
    network.eval()
    with torch.no_grad():
        made, plain = network.for_prediction(dtype=torch.float32)(batch), network(batch)
    for name in TASKS.tasks:
        torch.testing.assert_close(made[name], plain[name], atol=1e-3, rtol=1e-3)


def test_directions_and_impact_points_of_real_events_begin_near_the_truth(events: tuple[InputSpec, Batch]) -> None:
    inputs, batch = events
    encoder = Maker(resnet, channels=(4,), depths=(1,), hidden=8)
    outputs = StereoAttention(inputs=inputs, outputs=TASKS, encoder=encoder)(batch)
    # Of true_alt, true_az, true_core_x and true_core_y, in deg about the pointing and in hundreds of metres.
    direction = [(-2.96, -3.56), (2.34, -1.46), (2.34, -1.46), (2.34, -1.46), (2.34, -1.46), (-0.25, 1.72)]
    core = [(1.24, -3.99), (-0.43, -3.86), (-4.16, -5.28), (0.52, 0.70), (-11.10, 4.73), (-1.13, 3.29)]
    away = (outputs["direction"].detach() - torch.tensor(direction)).norm(dim=1)
    assert away.median() < 0.2
    far = (outputs["impact"].detach() - torch.tensor(core)).norm(dim=1)
    assert far.median() < 0.2


def test_a_mono_run_goes_on_with_events_and_is_applied(tmp_path: Path) -> None:
    (tmp_path / "mono").mkdir()
    mono = run(tmp_path / "mono", settings(tmp_path / "mono", MONO))
    start = f'start_from=weights_of({str(mono)!r}, into="encoders.DigiCam"), optimizer=ref("core.adamw", lr=1e-30),'
    path = settings(tmp_path, SETTINGS, name="mono_average", old='optimizer=ref("core.adamw", lr=1e-3),', new=start)
    array = run(tmp_path, path)

    own, taken = (
        torch.load(next((f / "checkpoints").glob("*best*")), weights_only=True)["part:network"] for f in (mono, array)
    )
    names = [name for name in own if name.endswith("weight")]
    assert names
    for name in names:
        torch.testing.assert_close(taken[f"encoders.DigiCam.{name}"], own[name])

    metrics = json.loads((array / "metrics.json").read_text())["splits"]["test"]
    assert {"energy/n", "direction/n"} <= set(metrics)
    network = json.loads((array / "experiment.json").read_text())["network"]
    encoder = network["parameters"]["encoder"]["DigiCam"]
    assert (encoder["component"], encoder["parameters"]["depths"]) == ("hexconv.resnet", [1, 1])
    output = tmp_path / "predicted"
    assert main(["predict", str(array), str(ONE), "--output", str(output)]) == 0
    assert [path.name for path in output.iterdir() if path.suffix == ".h5"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('{"DigiCam":', '{"DigiCan":', "encoder names the camera 'DigiCan' (did you mean 'DigiCam'?)"),
        ('{"DigiCam":', '{"LSTCam":', "encoder names the camera 'LSTCam'; the data have DigiCam"),
        ("depths=(1, 1)", "depth=(1, 1)", "unknown parameter 'depth'"),
        ("channels=(4, 8)", "channels=(4, 0)", "channels must be whole numbers above 0"),
        ('ref("stereo.moments"), ', "", "the images are not measured: put ref('stereo.moments') before"),
        ('ref("hexconv.resnet"', 'ref("hexconv.resnett"', "hexconv.resnet"),
        ('ref("hexconv.resnet"', 'ref("stereo.pooling"', "stereo.pooling"),
        (', level="subarray"', "", "subarray"),
        ('ref("stereo.random_turn")', 'ref("core.random_symmetry")', "would break its stereoscopy"),
    ],
)  # fmt: skip
def test_check_tells_what_is_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, message: str
) -> None:
    assert main(["check", settings(tmp_path, SETTINGS, old=old, new=new), "--build"]) == 2
    assert message in capsys.readouterr().err
