"""Networks in parameters of a network: an event-level network with one encoder a camera."""

from __future__ import annotations

import hashlib
import re
import shutil
import sys
from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from runs import EXAMPLES
from runs import read
from runs import run
from runs import run_folders
from runs import write_settings
from torch import Tensor

from gammalearn_core import Experiment
from gammalearn_core import SettingsError
from gammalearn_core import ref
from gammalearn_core.api import Maker
from gammalearn_core.cli import main
from gammalearn_core.engine import checkpoint
from gammalearn_core.engine.components import Part
from gammalearn_core.engine.folder import RunFolder
from gammalearn_core.engine.makers import ComponentMaker
from gammalearn_core.plugin import Registry
from gammalearn_core.plugin import Switches
from gammalearn_core.predicting.rebuilding import other_versions
from gammalearn_core.reproducing.parameters import given
from gammalearn_core.reproducing.recorded import RecordedRun
from gammalearn_core.settings import load_settings
from gammalearn_core.sweep.checking import check_sweep

DOCS = Path(__file__).parents[2] / "docs" / "plugins.md"

NETWORKS = """
import torch
from torch import nn

from gammalearn_core import Network, hookimpl, ref, weights_of
from gammalearn_core.api import InputSpec, Maker, OutputSpec, TaskSpec


@hookimpl
def gammalearn_networks():
    yield Network(
        name="mean", target=f"{__name__}:Mean", summary="The mean of images", stereo=True, nested={"encoder": "network"}
    )
    yield Network(name="flat", target=f"{__name__}:Flat", summary="One linear map of pixels", lattice="pixels")


class Flat(nn.Module):
    lattice = "pixels"

    def __init__(self, *, inputs: InputSpec, outputs: OutputSpec, scale: float = 1.0, bias: bool = True) -> None:
        super().__init__()
        if scale <= 0:
            raise ValueError(f"scale must be above 0, got {scale}")
        self.scale = scale
        size = inputs.camera.geometry.n_pixels * len(inputs.camera.channels)
        self.body = nn.Linear(size, 4, bias=bias)
        self.heads = nn.ModuleDict({name: nn.Linear(4, task.size) for name, task in outputs.tasks.items()})

    def forward(self, pixels):
        found = self.body(self.scale * pixels.flatten(1)).relu()
        return {name: head(found) for name, head in self.heads.items()}


class Mean(nn.Module):
    stereo = True
    nested = {"encoder": "network"}

    def __init__(
        self, *, inputs: InputSpec, outputs: OutputSpec, encoder: "Maker | dict[str, Maker]", features: int = 3
    ) -> None:
        super().__init__()
        self.encoders = nn.ModuleDict()
        features_of = OutputSpec(tasks={"features": TaskSpec(name="features", target="features", size=features)})
        for key, camera in inputs.cameras.items():
            make = encoder.get(key, encoder.get("*")) if isinstance(encoder, dict) else encoder
            alone = InputSpec(level="telescope", cameras={key: camera})
            self.encoders[key] = make(inputs=alone, outputs=features_of)
        self.features = features
        self.heads = nn.ModuleDict({name: nn.Linear(features, task.size) for name, task in outputs.tasks.items()})

    def forward(self, batch):
        sums = self.heads["energy"].weight.new_zeros(len(batch), self.features)
        for key, images in batch.images.items():
            sums = sums.index_add(0, images.event, self.encoders[key](images.pixels)["features"])
        return {name: head(sums) for name, head in self.heads.items()}
"""
SETTINGS = {
    "data": "ref('core.dl1', paths=[DATA + 'gamma_diffuse_prod6_run10*'], level='subarray')",
    "transforms": "[ref('core.log_charge')]",
    "network": "ref('local.mean', encoder={'MSTx-NectarCam': ref('local.flat', scale=0.5), '*': ref('local.flat')})",
    "losses": "{'energy': ref('core.l1')}",
    "epochs": "1",
}
ARRAY = SETTINGS | {
    "transforms": "[ref('core.log_charge'), ref('core.to_square', method='rebinning', size=12, conserve=[])]",
    "network": "ref('array.pooling', encoder=ref('core.cnn2d', channels=[4], hidden=8), features=4)",
}
DIGICAM = "ref('core.dl1', paths=[DATA + 'gamma_prod4_sst1m*'], level='subarray', channels=['image'])"


@pytest.fixture(autouse=True)
def apart(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """A working directory, imports and threads of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def array(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Install the plug-in ``array`` of docs/plugins.md, and write settings with its network."""
    site = tmp_path / "site"
    package, info = site / "gammalearn_array", site / "gammalearn_array-0.3.dist-info"
    package.mkdir(parents=True)
    info.mkdir()
    texts = re.findall(r"```python\n(.*?)```", DOCS.read_text(encoding="utf-8").partition("### Components in")[2], re.S)
    head = 'from gammalearn_core import Network, hookimpl\n\napi_version = "1.0"\n\n\n'
    (package / "__init__.py").touch()
    (package / "plugin.py").write_text(head + texts[0], encoding="utf-8")
    (package / "networks.py").write_text(texts[1], encoding="utf-8")
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: gammalearn-array\nVersion: 0.3\n", encoding="utf-8")
    (info / "entry_points.txt").write_text("[gammalearn_core.plugins]\narray = gammalearn_array.plugin\n")
    monkeypatch.syspath_prepend(site)
    monkeypatch.setenv("GAMMALEARN_PLUGINS", "core,array")

    def write(folder: str = "array", head: str = "", **settings: str) -> Path:
        (tmp_path / folder).mkdir(exist_ok=True)
        return write_settings(tmp_path / folder, head, **ARRAY | settings)

    yield write
    for name in [n for n in sys.modules if n.startswith("gammalearn_array")]:
        del sys.modules[name]


def stereo(folder: Path, **settings: str) -> Path:
    """A settings file with the networks above."""
    return write_settings(folder, NETWORKS, **SETTINGS | settings)


def checked(settings: Path, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Problems of a settings file that is wrong, one line each."""
    assert main(["check", str(settings), "--build"]) == 2
    lines = capsys.readouterr().err.splitlines()[1:]
    return [line.strip() for line in lines]


def weights_at_the_end(folder: Path) -> dict[str, Tensor]:
    found: dict[str, Tensor] = checkpoint.load(folder / "checkpoints" / "last.pt")["part:network"]
    return found


def test_a_network_of_the_file_makes_those_in_its_parameters(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = stereo(tmp_path)
    assert run(settings) == 0
    (folder,) = run_folders(settings)
    described = read(folder / "experiment.json")["network"]["parameters"]
    assert {key: (part["component"], part["parameters"]) for key, part in described["encoder"].items()} == {
        "MSTx-NectarCam": ("local.flat", {"scale": 0.5, "bias": True}),
        "*": ("local.flat", {"scale": 1.0, "bias": True}),
    }
    assert [name for name in weights_at_the_end(folder) if name.startswith("encoders.MSTx-NectarCam.body")] == [
        "encoders.MSTx-NectarCam.body.weight",
        "encoders.MSTx-NectarCam.body.bias",
    ]
    predict = ["predict", str(folder), str(EXAMPLES / "gamma_diffuse_prod6_run10.dl1.h5"), "-o", "dl2"]
    assert main(predict) == 2
    own = "network, network['encoder']['MSTx-NectarCam'], network['encoder']['*']"
    assert f"only the run's settings file can give {own}, and it is code" in capsys.readouterr().err
    assert main([*predict, "--trust-settings"]) == 0
    assert main(["reproduce", str(folder), "--trust-settings"]) == 0
    assert capsys.readouterr().out.endswith("identical\n")


def test_callables_stand_in_parameters_as_names_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = stereo(tmp_path, network="ref(Mean, encoder={'*': Flat, 'other': ref(Flat, scale=0.5)})")
    assert run(settings) == 0
    (folder,) = run_folders(settings)
    record = read(folder / "run.json")
    assert record["settings_only"] == ["network", "network['encoder']['*']", "network['encoder']['other']"]
    sha256 = hashlib.sha256(settings.read_bytes()).hexdigest()
    parts = {c["where"]: c for c in record["components"] if c["where"].startswith("network[")}
    assert {(c["kind"], c["target"], c["source_sha256"]) for c in parts.values()} == {
        ("network", "gammalearn_settings:Flat", sha256)
    }
    described = read(folder / "experiment.json")["network"]["parameters"]["encoder"]["other"]
    assert described == {
        "callable": "gammalearn_settings:Flat",
        "source_sha256": sha256,
        "parameters": {"scale": 0.5, "bias": True},
    }


def test_a_nested_callable_alone_needs_the_settings_file(
    array: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    head = "from gammalearn_core.builtin.networks.cnn2d import CNN2d\n\n\nclass Own(CNN2d):\n    lattice = 'grid'\n\n"
    settings = array(head=head, network="ref('array.pooling', encoder=Own)")
    assert run(settings) == 0
    (folder,) = run_folders(settings)
    capsys.readouterr()
    assert main(["reproduce", str(folder)]) == 2
    assert "can give network['encoder'], and it is code" in capsys.readouterr().err


def test_the_network_of_the_pages_is_made_again_without_the_settings_file(
    array: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    settings = array(data=DIGICAM, test="0.4")
    assert run(settings) == 0
    (folder,) = run_folders(settings)
    record, described = read(folder / "run.json"), read(folder / "experiment.json")
    assert record["settings_only"] == []
    nested = described["network"]["parameters"]["encoder"]
    assert (nested["component"], nested["distribution"]) == ("core.cnn2d", "gammalearn-core")
    assert nested["parameters"]["channels"] == [4]
    assert nested["parameters"]["dropout"] == 0.0
    where = {c["where"]: (c["component"], c["version"]) for c in record["components"]}
    assert where["network"] == ("array.pooling", "0.3")
    assert where["network['encoder']"] == ("core.cnn2d", nested["version"])
    assert next(p for p in record["plugins"] if p["name"] == "array")["source_sha256"] is not None

    settings.unlink()
    assert main(["predict", str(folder), str(EXAMPLES / "gamma_prod4_sst1m.dl1.h5"), "-o", "dl2"]) == 0
    assert main(["baseline", str(folder), "--trees", "2"]) == 0
    capsys.readouterr()
    assert main(["reproduce", str(folder)]) == 0
    told = capsys.readouterr().out
    assert "no recorded fact differs" in told
    assert told.endswith("identical\n")


def test_another_version_of_a_nested_component_is_told_before_predicting(
    array: Callable[..., Path], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = Registry(Switches.read()).discover()
    item = ref("array.pooling", encoder=ref("core.cnn2d"))
    components = [{"component": "core.cnn2d", "version": "0.0.1"}, {"component": "array.pooling", "version": "0.3"}]
    run = RecordedRun(folder=RunFolder(Path()), record={"components": components}, described={})
    losses, data = {"energy": ref("core.l1")}, ref("core.dl1", paths="a.h5")
    (line,) = other_versions(run, registry, Experiment(name="a", data=data, network=item, losses=losses))
    assert line.startswith("gammalearn-core was 0.0.1 when the run was made")


def test_a_component_that_is_a_default_is_described_as_one_that_is_given(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = stereo(tmp_path, network="ref('local.mean')")
    source = settings.read_text().replace('encoder: "Maker | dict[str, Maker]"', "encoder=ref('local.flat')")
    settings.write_text(source, encoding="utf-8")
    assert main(["check", str(settings), "--build"]) == 0
    assert run(settings) == 0
    (folder,) = run_folders(settings)
    encoder = read(folder / "experiment.json")["network"]["parameters"]["encoder"]
    assert (encoder["component"], encoder["parameters"]["scale"]) == ("local.flat", 1.0)


def test_problems_of_parameters_in_parameters_are_told_together(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    encoder = "{'a': ref('local.flat', scal=2.0), 'b': ref('local.flat', scale='big'), 'c': ref('local.flt')}"
    settings = stereo(tmp_path, network=f"ref('local.mean', encoder={encoder}, features='many')")
    assert checked(settings, capsys) == [
        "network['encoder']['c']: no component is named 'local.flt', did you mean 'local.flat' or 'local.mean'?",
        "network['encoder']['a'] local.flat: unknown parameter 'scal'",
        "did you mean 'scale'?",
        "network['encoder']['b'] local.flat: scale must be a number, got 'big'",
        "network local.mean: features must be a whole number, got 'many'",
    ]


def test_what_the_core_supplies_is_not_given_in_parameters_either(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = stereo(tmp_path, network="ref('local.mean', encoder=ref('local.flat', inputs=1))")
    assert checked(settings, capsys) == [
        "network['encoder'] local.flat: 'inputs' is given by the core, not by the settings"
    ]


def test_the_form_in_which_components_stand_is_checked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = stereo(tmp_path, network="ref('local.mean', encoder=[ref('local.flat')])")
    assert checked(settings, capsys) == [
        "network local.mean: encoder must be ref(…) | dict[str, ref(…)], got [ref('local.flat')]"
    ]


@pytest.mark.parametrize(
    ("encoder", "told"),
    [
        ("ref('local.flat', scale=-1.0)", "local.flat: scale must be above 0, got -1.0"),
        ("ref('core.cnn2d')", "core.cnn2d: wants images on a grid, but MSTx-NectarCam has hexagonal pixels"),
        (
            "ref('local.mean', encoder=ref('local.flat'))",
            "local.mean: works on subarray data, and a network on telescope data belongs here",
        ),
        ("ref(lambda inputs, outputs: 3)", "<lambda>: gives a int, wanted a torch.nn.Module"),
    ],
)
def test_what_a_network_in_a_parameter_refuses_is_told_where_it_stands(
    encoder: str, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = stereo(tmp_path, network=f"ref('local.mean', encoder={{'*': {encoder}}})")
    assert checked(settings, capsys)[0] == f"network['encoder']['*'] {told}"


def test_no_network_in_a_parameter_sees_truth(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = stereo(tmp_path)
    settings.write_text(settings.read_text().replace('lattice="pixels")', 'takes="true_energy")'), encoding="utf-8")
    assert checked(settings, capsys)[0] == (
        "network['encoder']['MSTx-NectarCam'] local.flat: asks for 'true_energy', simulated truth that no network may"
        " see"
    )


def test_a_maker_is_what_the_api_says(tmp_path: Path) -> None:
    part = Part(where="network['a']", ref=ref("core.cnn2d"), kind="network", role="network", record=None, target=len)
    maker = ComponentMaker(part)
    assert isinstance(maker, Maker)
    assert (maker.label, maker.fact("lattice"), repr(maker)) == ("core.cnn2d", "any", "ref('core.cnn2d')")


def test_parameters_in_parameters_are_varied(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    search = "{'network.encoder.*.scale': choice([0.5, 2.0]), 'network.encoder.MSTx-NectarCam': choice(['local.flat'])}"
    settings = stereo(tmp_path, search=search)
    settings.write_text("from gammalearn_core import choice\n" + settings.read_text(), encoding="utf-8")
    registry = Registry(Switches.read()).discover()
    check_sweep(load_settings(settings, registry).experiment, registry, settings)
    assert run(settings, "--set", "network.encoder.*.scale=2.0", "--set", "network.features=5") == 0
    (folder,) = run_folders(settings)
    parameters = read(folder / "experiment.json")["network"]["parameters"]
    assert (parameters["encoder"]["*"]["parameters"]["scale"], parameters["features"]) == (2.0, 5)
    settings.write_text(settings.read_text().replace("encoder.*.scale", "encoder.other.scale"), encoding="utf-8")
    with pytest.raises(SettingsError, match=r"network\.encoder\.other\.scale.*there is no 'other'"):
        check_sweep(load_settings(settings, registry).experiment, registry, settings)


def test_descriptions_of_components_in_parameters_are_read_again(array: Callable[..., Path]) -> None:
    registry = Registry(Switches.read()).discover()
    described = {
        "component": "core.cnn2d",
        "distribution": "gammalearn-core",
        "version": "0.0.1",
        "parameters": {"channels": [4, 8], "hidden": 8, "dropout": 0.0},
    }
    inner = ref("core.cnn2d", channels=(4, 8), hidden=8)
    old = {"ref": "core.cnn2d", "parameters": {"hidden": 8}}
    for value, wanted in (
        (described, inner),
        ({"LSTCam": described, "*": [described, None]}, {"LSTCam": inner, "*": [inner, None]}),
        (old, ref("core.cnn2d", hidden=8)),
    ):
        found = given("array.pooling", {"encoder": value, "features": 32}, registry, kind="network")
        assert found == {"encoder": wanted}


def test_a_network_begins_with_trained_encoders(
    array: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    head = "from gammalearn_core import weights_of"
    telescopes = ARRAY["data"].replace("level='subarray'", "cameras='MST'")
    mono = array("mono", data=telescopes, network="ref('core.cnn2d', channels=[4])")
    first = array("first")
    assert run(mono) == 0
    assert run(first) == 0
    (encoder,), (other,) = run_folders(mono), run_folders(first)
    key = "MSTx-NectarCam"
    parts = [(encoder, "body", f"encoders.{key}"), (other, "heads", "")]
    started = ", ".join(f"weights_of({str(path)!r}, only={only!r}, into={into!r})" for path, only, into in parts)
    settings = array(head=head, optimizer="ref('core.sgd', lr=1e-30)", start_from=f"[{started}]")
    assert run(settings) == 0
    (folder,) = run_folders(settings)
    now, body, heads = map(weights_at_the_end, (folder, encoder, other))
    first_of = next(name for name in body if name.startswith("body") and name.endswith("weight"))
    assert torch.equal(now[f"encoders.{key}.{first_of}"], body[first_of])
    assert torch.equal(now["heads.energy.weight"], heads["heads.energy.weight"])
    assert not torch.equal(now[f"encoders.{key}.shared.0.weight"], heads[f"encoders.{key}.shared.0.weight"])
    told = read(folder / "run.json")["start_from"]
    assert told == read(folder / "experiment.json")["start_from"]
    assert [(part["run_id"], part["only"], part.get("into")) for part in told] == [
        (encoder.name, ["body"], f"encoders.{key}"),
        (other.name, ["heads"], None),
    ]
    shutil.rmtree(encoder)
    shutil.rmtree(other)
    capsys.readouterr()
    assert run(settings) == 0
    assert "has finished already" in capsys.readouterr().out
    assert main(["reproduce", str(folder)]) == 0
    assert capsys.readouterr().out.endswith("identical\n")
