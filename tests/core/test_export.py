"""Networks as files of other programs: the same numbers elsewhere, and what is told where they cannot."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import hdf5plugin  # noqa: F401 - registers the blosc filters
import numpy as np
import pytest
import torch
from runs import EXAMPLES
from runs import read
from runs import run
from runs import run_folders
from runs import write_settings

from gammalearn_core.cli import main
from gammalearn_core.exporting.checking import difference

pytest.importorskip("onnxscript")
onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

DOCS = Path(__file__).parents[2] / "docs"
GAMMA = EXAMPLES / "gamma_mono_trigger.dl1.h5"
BLOCKED = """
import importlib.abc, sys

class Blocked(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0].startswith("gammalearn"):
            raise ImportError(f"{name} must not be needed")

sys.meta_path.insert(0, Blocked())
sys.modules.pop("gammalearn_core", None)
"""
"""What lets a program import nothing of ours."""
TRANSFORMS = (
    "[ref('core.gaussian_noise', sigma=1.0), ref('core.relative_time', clip=20.0), "
    "ref('core.tailcuts', picture_threshold=6, boundary_threshold=3, min_number_picture_neighbors=1), "
    "ref('core.log_charge'), ref('core.normalise'), ref('core.to_square', method='bilinear', size=38)]"
)
STEREO = '''
import torch

class Sum(torch.nn.Module):
    """Adds what the images of an event show, whatever camera they are of."""

    stereo = True

    def __init__(self, *, inputs, outputs):
        super().__init__()
        self.images = torch.nn.ModuleList(torch.nn.Linear(len(c.channels), 3) for c in inputs.cameras.values())
        self.keys = tuple(inputs.cameras)
        self.heads = torch.nn.ModuleList(torch.nn.Linear(6, t.size) for t in outputs.tasks.values())
        self.tasks = tuple(outputs.tasks)

    def forward(self, batch):
        summed = torch.zeros(batch.events["row"].shape[0], 6)
        for key, layer in zip(self.keys, self.images):
            if key in batch.images:
                group = batch.images[key]
                seen = torch.cat([layer(group.pixels.mean(dim=2)).relu(), group.position / 100], dim=1)
                summed = summed.index_add(0, group.event, seen)
        summed = summed + batch.events["pointing_alt"].float()[:, None] / 90
        return {name: head(summed) for name, head in zip(self.tasks, self.heads)}
'''


@pytest.fixture(autouse=True)
def _threads() -> Iterator[None]:
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


def made(folder: Path, head: str = "", **settings: str) -> Path:
    """The folder of a new run."""
    path = write_settings(folder, head, **{"epochs": "1", **settings})
    assert run(path) == 0
    return run_folders(path)[-1]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with an average of its weights and every kind of transform, in bfloat16, exported."""
    folder = made(tmp_path_factory.mktemp("trained"), transforms=TRANSFORMS, ema="0.5", precision="'bf16'")
    assert main(["export", str(folder)]) == 0
    return folder


def apart(code: str, folder: Path) -> Any:
    """What a program prints as JSON that can import nothing of ours."""
    command = [sys.executable, "-W", "ignore", "-c", BLOCKED + code]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def predicted(run_folder: Path, output: Path, telescope: int) -> dict[str, Any]:
    """What `gammalearn predict` gives for the images of a telescope, in single precision."""
    assert main(["predict", str(run_folder), str(GAMMA), "-o", str(output), "--precision", "fp32", "--no-cuts"]) == 0
    found = {}
    with h5py.File(output / "gamma_mono_trigger.dl2.h5") as h5:
        for kind, name in (
            ("energy/GammaLearnEnergy", "energy"),
            ("geometry/GammaLearnDirection", "alt"),
            ("geometry/GammaLearnDirection", "az"),
            ("classification/GammaLearnParticle", "prediction"),
        ):
            table = h5[f"dl2/event/telescope/{kind}/tel_{telescope:03d}"][:]
            values = table[f"{kind.partition('/')[2]}_tel_{name}"]
            found[name] = values[np.isfinite(values)]
    return found


def code_of_docs(number: int) -> str:
    """A Python block of the page."""
    return re.findall(r"```python\n(.*?)```", (DOCS / "export.md").read_text(encoding="utf-8"), flags=re.DOTALL)[number]


def test_the_example_of_the_page_gives_what_predict_gives(trained: Path, tmp_path: Path) -> None:
    telescope = 19
    code = code_of_docs(0).replace("quickstart.onnx", "test.onnx").replace("gamma.dl1.h5", str(GAMMA))
    code = code.replace("tel_001", f"tel_{telescope:03d}")
    code += "\nprint(json.dumps([v.tolist() for v in (energy, alt, az, gammaness)]))\n"
    found = apart(code, trained / "export")
    expected = predicted(trained, tmp_path, telescope)
    for values, name in zip(found, ("energy", "alt", "az", "prediction"), strict=True):
        assert len(values) >= 1
        np.testing.assert_allclose(values, expected[name], rtol=1e-4)


def test_torch_needs_nothing_of_ours(trained: Path) -> None:
    code = "import json, numpy as np, onnxruntime, torch\nfound = {}\n"
    code += "network = torch.export.load('test.pt2').module()\n"
    code += "session = onnxruntime.InferenceSession('test.onnx')\n"
    code += "names = [output.name for output in session.get_outputs()]\n"
    code += "for n in (1, 2, 7):\n"
    code += "    pixels = np.random.default_rng(n).gamma(1, 5, (n, 2, 1855)).astype('float32')\n"
    code += "    ours, theirs = network(torch.from_numpy(pixels)), session.run(names, {'pixels': pixels})\n"
    code += "    found[n] = [float(np.abs(ours[m].numpy() - t).max()) for m, t in zip(names, theirs)]\n"
    code += "print(json.dumps(found))\n"
    found = apart(code, trained / "export")
    assert list(found) == ["1", "2", "7"]
    assert all(value < 1e-4 for values in found.values() for value in values)


def test_the_description_says_what_a_reader_must_know(trained: Path) -> None:
    told = read(trained / "export" / "test.onnx.json")
    model = onnx.load(trained / "export" / "test.onnx")
    record, specs = read(trained / "run.json"), read(trained / "specs.json")
    assert told["weights"] == {"which": "best", "sha256": record["best_weights_sha256"], "average": True}
    (pixels,) = told["inputs"]
    assert (pixels["name"], pixels["shape"], pixels["dtype"]) == ("pixels", ["n", 2, 1855], "float32")
    assert [(c["name"], c["unit"]) for c in pixels["channels"]] == [("image", "p.e."), ("peak_time", "ns")]
    (camera,) = told["cameras"].values()
    (geometry,) = (c["geometry"] for c in specs["raw_inputs"]["cameras"].values())
    assert (camera["x"], camera["y"], camera["focal_length"]) == (
        geometry["x"],
        geometry["y"],
        geometry["focal_length"],
    )
    inside = {item["component"]: item for item in told["graph"]["transforms"]}
    assert list(inside) == [
        "core.relative_time",
        "core.tailcuts",
        "core.log_charge",
        "core.normalise",
        "core.to_square",
    ]
    assert [item["component"] for item in told["left_out"]] == ["core.gaussian_noise"]
    assert told["before"]["transforms"] == []
    assert inside["core.tailcuts"]["parameters"]["picture_threshold"] == 6
    measured = record["measured"]["transforms[4]"]
    assert inside["core.normalise"]["measured"] == {n: pytest.approx(v, rel=1e-6) for n, v in measured.items()}
    assert told["graph"]["trained_in"] == "bf16"
    outputs = {item["name"]: item for item in told["outputs"]}
    assert outputs["particle"]["classes"] == ["gamma", "proton"]
    assert outputs["energy"]["numbers"] == ["log10(energy / TeV)"]
    assert outputs["direction"]["numbers"] == ["fov_lon / deg", "fov_lat / deg"]
    assert [o.name for o in model.graph.output] == list(outputs)
    assert told["file"]["opset"]["ai.onnx"] == next(o.version for o in model.opset_import if not o.domain)
    check = told["check"]
    assert check["events"] == sum(file["events"] for file in check["files"]) > 0
    assert all(0 < value < 1e-4 for value in check["largest_difference"].values())
    assert all(1e-4 < value < 1 for value in check["largest_difference_of_trained_precision"].values())


def test_files_name_no_place_of_this_machine(trained: Path) -> None:
    for path in (trained / "export").iterdir():
        content = path.read_bytes()
        for place in (Path(__file__).parents[2], Path(torch.__file__).parents[1], trained.parents[2]):
            assert str(place).encode() not in content, path.name


def test_the_same_run_gives_the_same_bytes(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kept = {path: path.read_bytes() for path in (trained / "export").glob("*.onnx*")}
    assert len(kept) == 2
    assert main(["export", str(trained), "--onnx"]) == 2
    assert "test.onnx: is there already\n      --overwrite replaces it" in capsys.readouterr().err
    for path in kept:
        path.write_bytes(b"other")
    assert main(["export", str(trained), "--onnx", "--overwrite"]) == 0
    assert {path: path.read_bytes() for path in kept} == kept


def test_missing_packages_are_named(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    assert main(["export", str(trained), "-o", str(tmp_path)]) == 2
    assert "pip install 'gammalearn-core[onnx]'" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_data_that_are_gone_can_be_told(trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record = trained / "run.json"
    before = record.read_text(encoding="utf-8")
    changed = json.loads(before)
    for item in changed["data"]:
        item["sha256"] = "0" * 64
    try:
        record.write_text(json.dumps(changed), encoding="utf-8")
        assert main(["export", str(trained), "--torch", "-o", str(tmp_path)]) == 4
        told = capsys.readouterr().err
        assert "none of the run's files is found" in told
        assert "--data-root DIR" in told
        assert "--check-on FILE" in told
        assert main(["export", str(trained), "--torch", "-o", str(tmp_path), "--check-on", str(GAMMA)]) == 0
        assert [f["name"] for f in read(tmp_path / "test.pt2.json")["check"]["files"]] == [GAMMA.name]
        record.write_text(json.dumps({**changed, "data": []}), encoding="utf-8")
        assert main(["export", str(trained), "--torch", "-o", str(tmp_path), "--overwrite"]) == 2
        assert "the run has read no files" in capsys.readouterr().err
    finally:
        record.write_text(before, encoding="utf-8")


def test_images_of_another_camera_are_refused(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = EXAMPLES / "gamma_prod4_sst1m.dl1.h5"
    assert main(["export", str(trained), "--torch", "-o", str(tmp_path), "--check-on", str(other)]) == 4
    assert str(other) in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_stereo_network_is_exported_with_ragged_events(tmp_path: Path) -> None:
    folder = made(
        tmp_path,
        STEREO,
        data="ref('core.dl1', paths=[DATA + 'gamma_diffuse_prod6_run10.dl1.h5', DATA + 'gamma_mono*.h5'], "
        "level='subarray', channels=['image'], cameras=['LSTCam', 'NectarCam'])",
        transforms="[ref('core.log_charge')]",
        network="ref(Sum)",
        losses="{'energy': ref('core.l1'), 'direction': ref('core.mse')}",
        test="0.2",
    )
    assert main(["export", str(folder), "--trust-settings"]) == 0
    told = read(folder / "export" / "test.onnx.json")
    first, second = told["cameras"]
    names = [item["name"] for item in told["inputs"]]
    assert set(names) == {f"{c}.{n}" for c in (first, second) for n in ("pixels", "event", "position")} | {
        "events",
        "pointing_alt",
    }
    rng = np.random.default_rng(1)
    arrays: dict[str, Any] = {"events": np.arange(4), "pointing_alt": rng.uniform(60, 80, 4)}
    for camera, event in ((first, np.array([0, 0, 3])), (second, np.empty(0, dtype=np.int64))):
        n = len(event)
        shape = next(item["shape"] for item in told["inputs"] if item["name"] == f"{camera}.pixels")
        arrays[f"{camera}.pixels"] = rng.gamma(1, 3, (n, *shape[1:])).astype(np.float32)
        arrays |= {f"{camera}.event": event, f"{camera}.position": rng.normal(size=(n, 3)).astype(np.float32)}
    session = onnxruntime.InferenceSession(folder / "export" / "test.onnx")
    found = dict(zip(["energy", "direction"], session.run(["energy", "direction"], arrays), strict=True))
    module = torch.export.load(folder / "export" / "test.pt2").module()
    with torch.no_grad():
        expected = module(*(torch.from_numpy(arrays[name]) for name in names))
    for name, values in found.items():
        np.testing.assert_allclose(values, expected[name].numpy(), atol=1e-5)
    # Events 1 and 2 have no image: they differ by where the array points only, and that from those with images.
    assert len(np.unique(found["energy"])) == 4


OWN = '''
import numpy as np
import torch
from torch import nn

class InNumpy:
    """Doubles charges, in a way that no graph can hold."""

    def __init__(self, *, inputs):
        self.outputs = inputs

    def __call__(self, batch, generator):
        for group in batch.images.values():
            group.pixels = torch.from_numpy(2 * np.asarray(group.pixels))
        return batch

class Spread:
    """A likelihood that asks for twice as many numbers."""

    size = 2

    def __init__(self, *, task):
        pass

    def decode(self, prediction):
        return 3 * prediction[:, :1]

    def uncertainty(self, prediction):
        return prediction[:, 1:].exp()

    def __call__(self, prediction, truth):
        return (prediction[:, :1] - truth).abs().sum(dim=1) + 0 * prediction[:, 1]

class Own(nn.Module):
    takes = ("hillas_length", "pointing_alt")

    def __init__(self, *, inputs, outputs, kind="plain"):
        super().__init__()
        self.layer = nn.Linear(4, 2)
        self.kind = kind

    def forward(self, pixels, hillas_length, pointing_alt):
        seen = torch.cat([pixels.mean(dim=2), hillas_length[:, None], pointing_alt[:, None] / 90], dim=1)
        if self.kind == "branches" and seen.sum() > 0:
            seen = seen + 1
        if self.kind == "custom":
            seen = torch.ops.gammalearn_test_export.double(seen)
        if self.kind == "wrong" and torch.compiler.is_exporting():
            seen = seen + 0.01
        return {"energy": self.layer(seen)}

if not hasattr(torch.ops.gammalearn_test_export, "double"):
    @torch.library.custom_op("gammalearn_test_export::double", mutates_args=())
    def double(x: torch.Tensor) -> torch.Tensor:
        return 2 * x

    double.register_fake(torch.empty_like)
    double.register_autograd(lambda ctx, grad: 2 * grad)
'''


def own(folder: Path, kind: str, transforms: str = "[ref('core.log_charge')]") -> Path:
    """A run of the network above."""
    return made(
        folder,
        OWN,
        data="ref('core.dl1', paths=[DATA + 'gamma_mono*.h5'], cameras='NectarCam', columns=['hillas_length'])",
        filters="[ref('core.cut', 'hillas_length > 0')]",
        transforms=transforms,
        network=f"ref(Own, kind={kind!r})",
        losses="{'energy': ref(Spread)}",
    )


def test_what_cannot_be_in_the_graph_is_told_to_be_done_before(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    transforms = "[ref('core.log_charge'), ref(InNumpy), ref('core.normalise'), ref('core.asinh_charge')]"
    folder = own(tmp_path, "plain", transforms)
    assert main(["export", str(folder)]) == 2
    assert "--trust-settings" in capsys.readouterr().err
    assert main(["export", str(folder), "--torch", "--trust-settings"]) == 0
    assert "InNumpy cannot be part of the file, nor those before it" in capsys.readouterr().err
    told = read(folder / "export" / "test.pt2.json")
    before = [item.get("component") or item["callable"] for item in told["before"]["transforms"]]
    assert before[0] == "core.log_charge"
    assert before[1].endswith("InNumpy")
    assert [i["component"] for i in told["graph"]["transforms"]] == ["core.normalise", "core.asinh_charge"]
    assert [item["name"] for item in told["inputs"]] == ["pixels", "hillas_length", "pointing_alt"]
    assert told["graph"]["decoded"] == ["energy"]
    energy, spread = told["outputs"]
    assert (energy["name"], energy["shape"]) == ("energy", ["n", 1])
    assert (spread["name"], spread["numbers"]) == ("energy.uncertainty", ["standard deviation of log10(energy / TeV)"])


@pytest.mark.parametrize(
    ("kind", "code", "message"),
    [
        ("branches", 2, "Own: it cannot be exported: Could not guard on data-dependent"),
        ("custom", 2, "gammalearn_test_export.double.default, an operation of gammalearn_test_export"),
        ("wrong", 1, "the torch.export export does not give what the network gives, so it is not kept: on "),
    ],
)
def test_a_network_that_is_not_the_same_elsewhere_is_refused(
    kind: str, code: int, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = own(tmp_path, kind)
    assert main(["export", str(folder), "--torch", "--trust-settings"]) == code
    assert message in capsys.readouterr().err
    assert list((folder / "export").iterdir()) == []


def test_a_difference_counts_where_one_number_is_not_finite() -> None:
    ones = np.ones((2, 1), dtype=np.float32)
    broken = np.array([[1], [np.nan]], dtype=np.float32)
    assert difference(ones, ones) == (0, 0)
    assert difference(broken, broken) == (0, 0)
    assert difference(broken, ones) == (np.inf, np.inf)
    assert difference(ones[:1], ones) == (np.inf, np.inf)
    largest, share = difference(ones * np.float32(1.5), ones)
    assert (largest, round(share)) == (0.5, 2500)
