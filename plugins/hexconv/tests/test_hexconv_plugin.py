from __future__ import annotations

import ast
import doctest
import importlib
import inspect
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import gammalearn_core
import gammalearn_core.api
import gammalearn_hexconv
from gammalearn_core import Network
from gammalearn_core.cli import main
from gammalearn_core.plugin import Registry
from gammalearn_core.plugin import Switches
from gammalearn_hexconv import plugin

SOURCE = Path(gammalearn_hexconv.__file__).parent
DATA = Path(__file__).parents[3] / "examples" / "data"
PUBLIC = {"gammalearn_core": gammalearn_core.__all__, "gammalearn_core.api": gammalearn_core.api.__all__}

needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="the example data are in the repository of the core")


@pytest.fixture
def registry() -> Registry:
    return Registry(Switches()).discover()


def python(code: str) -> str:
    """What a new interpreter prints."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_the_registry_finds_the_plug_in(registry: Registry) -> None:
    found = registry.plugins["hexconv"]
    assert (found.state, found.reason, found.heavy) == ("ok", "", ())
    assert found.distribution == "gammalearn-hexconv"
    networks = [name for name in registry.ids("network") if name.startswith("hexconv.")]
    assert networks == ["hexconv.gammaphysnet", "hexconv.resnet", "hexconv.unet", "hexconv.vgg"]


def test_loading_it_in_a_new_interpreter_pulls_in_nothing_heavy() -> None:
    code = """
    import sys
    from gammalearn_core.plugin import Registry, Switches
    found = Registry(Switches()).discover().plugins["hexconv"]
    print(found.state, found.heavy, {"torch", "numpy", "gammalearn_hexconv.networks"} & set(sys.modules))
    """
    assert python(f"if True:{code}") == "ok () set()"


def test_its_module_imports_nothing_heavy() -> None:
    code = "import gammalearn_hexconv.plugin, sys; print({'torch', 'numpy'} & set(sys.modules))"
    assert python(code) == "set()"


def test_it_declares_its_networks() -> None:
    records = list(plugin.gammalearn_networks())
    assert {record.name: record.target.partition(":")[2] for record in records} == {
        "gammaphysnet": "GammaPhysNet",
        "resnet": "HexResNet",
        "unet": "HexUNet",
        "vgg": "HexVGG",
    }
    assert all(isinstance(r, Network) and r.lattice == "pixels" and not r.stereo and not r.takes for r in records)


@pytest.mark.parametrize("record", list(plugin.gammalearn_networks()), ids=lambda record: str(record.name))
def test_a_record_leads_to_its_network(registry: Registry, record: Network) -> None:
    module, _, name = record.target.partition(":")
    assert registry.load(f"hexconv.{record.name}", kind="network") is getattr(importlib.import_module(module), name)


def test_plugins_list_and_show_tell_of_its_networks_without_torch() -> None:
    code = """
    import sys
    from gammalearn_core.cli import main
    assert main(["plugins", "list"]) == 0
    for name in ("gammaphysnet", "resnet", "unet", "vgg"):
        assert main(["plugins", "show", f"hexconv.{name}"]) == 0
    print({"torch", "numpy"} & set(sys.modules))
    """
    lines = python(f"if True:{code}").splitlines()
    assert [line.split()[-2:] for line in lines if line.startswith("hexconv ")] == [["4", "networks"]]
    assert lines[-1] == "set()"


def imports(path: Path) -> Iterator[tuple[str, str]]:
    """Modules that a file imports, and names from them."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            yield from ((node.module or "", alias.name) for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)


def test_it_uses_only_public_names_of_the_core() -> None:
    used = {pair for path in SOURCE.rglob("*.py") for pair in imports(path) if pair[0].startswith("gammalearn_core")}
    assert used
    assert [(module, name) for module, name in used if name not in PUBLIC.get(module, ())] == []


def test_it_is_typed() -> None:
    assert (SOURCE / "py.typed").is_file()


MODULES = [".".join(path.relative_to(SOURCE.parent).with_suffix("").parts) for path in sorted(SOURCE.rglob("*.py"))]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_in_docstrings_run(name: str) -> None:
    import torch

    module = importlib.import_module(name)
    assert not doctest.testmod(module, extraglobs={"torch": torch}).failed


def test_every_network_has_an_example() -> None:
    for record in plugin.gammalearn_networks():
        module = importlib.import_module(record.target.partition(":")[0])
        assert ">>> network = " in inspect.getsource(module), record.name


def test_the_settings_in_the_readme_are_valid() -> None:
    readme = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
    blocks = [block.partition("```")[0] for block in readme.split("```python\n")[1:]]
    assert blocks
    names: dict[str, object] = {}
    for block in blocks:
        exec(block, names)
    network = names["experiment"].network  # type: ignore[attr-defined]
    assert network.target.startswith("hexconv.")


SETTINGS = """
import numpy as np
from gammalearn_core import Experiment, ref


class Impact:
    columns = ("true_core_x", "true_core_y")
    geometry = "ground_vector"
    applies_to = (0,)
    size = 2
    classes = ()

    def encode(self, events):
        return np.column_stack([events[name] for name in self.columns]).astype(np.float32) / 1000

    def decode(self, prediction, events):
        return {}


experiment = Experiment(
    name="multitask",
    seed=1,
    threads=1,
    data=ref("core.dl1", paths=[DATA + "/gamma_mono*.h5", DATA + "/proton*.h5"], cameras="NectarCam"),
    transforms=[ref("core.log_charge"), ref("core.normalise")],
    network=ref("hexconv.NAME", channels=(4, 8), depths=(1, 1), hidden=8),
    losses={
        "particle": ref("core.cross_entropy"),
        "energy": ref("core.l1"),
        "direction": ref("core.mse"),
        "impact": ref("core.mse"),
    },
    targets={"impact": ref(Impact)},
    epochs=1,
    batch_size=16,
)
"""


def write_settings(folder: Path, name: str, *, old: str = "", new: str = "") -> str:
    path = folder / "settings.py"
    source = SETTINGS.replace("DATA", repr(str(DATA))).replace("NAME", name).replace(old, new)
    path.write_text(source, encoding="utf-8")
    return str(path)


@needs_data
@pytest.mark.parametrize("name", ["gammaphysnet", "unet", "vgg"])
def test_settings_with_a_network_are_right(tmp_path: Path, name: str) -> None:
    assert main(["check", write_settings(tmp_path, name), "--build"]) == 0


@needs_data
def test_gammaphysnet_is_trained_by_the_command(tmp_path: Path) -> None:
    assert main(["run", write_settings(tmp_path, "gammaphysnet"), "--logdir", str(tmp_path / "runs")]) == 0
    (folder,) = (path.parent for path in (tmp_path / "runs").glob("*/*/run.json"))
    assert json.loads((folder / "run.json").read_text())["status"] == "finished"
    metrics = json.loads((folder / "metrics.json").read_text())["splits"]["test"]
    assert {"energy/n", "direction/n", "particle/n"} <= set(metrics)
    tasks = json.loads((folder / "metrics.jsonl").read_text().splitlines()[-1])["train"]
    assert tasks["impact/loss"] > 0
    written = json.loads((folder / "experiment.json").read_text())["network"]
    assert (written["component"], written["parameters"]["attention"]) == ("hexconv.gammaphysnet", "dual")


@needs_data
@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('ref("core.normalise")]', 'ref("core.to_square", size=16)]', "wants the camera's own pixels, but transf"),
        ("hidden=8", "hiden=8", "unknown parameter 'hiden'"),
        ("hidden=8", "hidden=0", "hidden must be whole numbers above 0, got 0"),
        ("hidden=8", "attention='self'", "attention"),
        ("hidden=8", "heads={'xmax': 'fusion'}", "heads names the task 'xmax', but the tasks are particle, energy"),
    ],
)  # fmt: skip
def test_check_tells_what_is_wrong_with_settings(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, message: str
) -> None:
    assert main(["check", write_settings(tmp_path, "gammaphysnet", old=old, new=new), "--build"]) == 2
    told = capsys.readouterr().err
    assert message in told
    assert "1 problem\n" in told
