from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from attrs import evolve
from runs import EXAMPLES
from runs import read
from runs import record
from runs import run
from runs import run_folders
from runs import write_settings

from gammalearn_core.engine.build import Built
from gammalearn_core.engine.build import build
from gammalearn_core.engine.provenance import describe_environment
from gammalearn_core.engine.provenance import describe_file
from gammalearn_core.engine.provenance import describe_measured
from gammalearn_core.engine.provenance import events_sha256
from gammalearn_core.engine.provenance.code import settings_only
from gammalearn_core.engine.provenance.paths import found_again
from gammalearn_core.engine.provenance.paths import nameless
from gammalearn_core.engine.provenance.paths import portable
from gammalearn_core.plugin.registry import Registry
from gammalearn_core.settings.load import load_settings

SMALL = "ref('core.dl1', paths=[DATA + 'gamma_diffuse_prod6_run10*'], cameras='MSTx-NectarCam')"
HELPER = "provenance_helper"


def text_files(folder: Path) -> Iterator[tuple[str, str]]:
    for path in folder.rglob("*"):
        if path.suffix in (".json", ".jsonl", ".txt", ".html", ".patch"):
            yield path.name, path.read_text(encoding="utf-8")


@pytest.fixture(autouse=True)
def own_imports(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test imports is forgotten."""
    monkeypatch.setattr(sys, "path", list(sys.path))


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Settings of a finished run that import a module beside them."""
    folder = tmp_path_factory.mktemp("finished")
    package = folder / "provenance_package"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / f"{HELPER}.py").write_text("EPOCHS = 1\n")
    head = f"from provenance_package.{HELPER} import EPOCHS"
    settings = write_settings(folder, head=head, data=SMALL, epochs="EPOCHS")
    assert run(settings, "--set", "batch_size=8") == 0
    return settings


def test_every_component_is_recorded_with_what_was_imported(finished: Path) -> None:
    components = {c["where"]: c for c in record(finished)["components"]}
    source = Path(str(find_spec("gammalearn_core.builtin.networks.cnn2d").origin))
    # An installed package has its version; its files are its distribution's.
    checksum = None if "site-packages" in source.parts else hashlib.sha256(source.read_bytes()).hexdigest()
    assert components["network"] == {
        "where": "network",
        "component": "core.cnn2d",
        "kind": "network",
        "distribution": "gammalearn-core",
        "version": record(finished)["environment"]["gammalearn_core"],
        "target": "gammalearn_core.builtin.networks.cnn2d:CNN2d",
        "source_sha256": checksum,
    }
    assert components["optimizer"]["source_sha256"] is None
    assert components["metrics['energy'][0]"]["component"] == "core.energy_error"


def test_the_source_of_plugins_that_are_used_has_a_checksum(finished: Path) -> None:
    plugins = {p["name"]: p["source_sha256"] for p in record(finished)["plugins"]}
    assert len(plugins.pop("core")) == 64
    assert set(plugins.values()) <= {None}


def test_modules_beside_the_settings_are_kept(finished: Path) -> None:
    (folder,) = run_folders(finished)
    modules = {m["name"]: m for m in record(finished)["modules"]}
    assert list(modules) == ["provenance_package", f"provenance_package.{HELPER}"]
    kept = modules[f"provenance_package.{HELPER}"]
    assert kept["path"] == f"code/provenance_package/{HELPER}.py"
    assert (folder / kept["path"]).read_text() == "EPOCHS = 1\n"
    assert hashlib.sha256((folder / kept["path"]).read_bytes()).hexdigest() == kept["sha256"]


def test_overrides_and_the_way_to_the_settings_are_recorded(finished: Path) -> None:
    assert record(finished)["overrides"] == ["batch_size=8"]
    assert record(finished)["settings_file"]["folder"] == "../../.."


def test_the_data_are_described(finished: Path) -> None:
    (file,) = record(finished)["data"]
    assert (file["source"], Path(file["path"]).name) == ("labelled", "gamma_diffuse_prod6_run10.dl1.h5")
    assert file["data_model"] == "v7.1.0"
    assert len(file["product_id"]) == 36


def test_splits_are_known_by_their_events(finished: Path) -> None:
    splits = record(finished)["splits"]
    assert len({split["events_sha256"] for split in splits.values()}) == 3


def test_measured_constants_are_recorded(finished: Path) -> None:
    (where,) = record(finished)["measured"]
    assert where == "transforms[1]"
    (widths,) = (v for name, v in record(finished)["measured"][where].items() if name.endswith(".std"))
    assert all(0 < number < 100 for number in widths)


def test_modes_of_torch_are_recorded(finished: Path) -> None:
    modes = record(finished)["determinism"]
    assert (modes["threads"], modes["processes"], modes["precision"], modes["compile"]) == (1, 1, "fp32", False)
    assert modes["deterministic_algorithms"] is True


def test_the_machine_is_recorded_and_not_whose_it_is() -> None:
    facts = describe_environment()
    assert facts["torch"]["commit"] == torch.version.git_version
    assert facts["cpu_flags"] == sorted(facts["cpu_flags"])
    assert "url" not in json.dumps(facts["origins"])


def test_neither_names_nor_secrets_are_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = {"HOME": "kirsten", "USER": "kirsten", "LOGNAME": "kirsten", "HOSTNAME": "node17", "API_TOKEN": "sesame"}
    home = tmp_path / "kirsten"
    for folder in (home / "exp", tmp_path / "scratch" / "kirsten"):
        folder.mkdir(parents=True)
        (folder / "a.h5").symlink_to(EXAMPLES / "gamma_diffuse_prod6_run10.dl1.h5")
    for name, token in tokens.items():
        monkeypatch.setenv(name, str(home) if name == "HOME" else token)
    data = "ref('core.dl1', paths=['a.h5', '../../scratch/*/a.h5'], cameras='MSTx-NectarCam')"
    settings = write_settings(home / "exp", "import pathlib", data=data, epochs="1", reports="[ref('core.html')]")
    assert run(settings) == 0
    failing = "[on('STARTED', lambda experiment: lambda engine: pathlib.Path.home().joinpath('x').read_text())]"
    settings.write_text(settings.read_text().replace("epochs=1", f"epochs=1, handlers={failing}"))
    assert run(settings) == 1
    assert [read(folder / "run.json")["status"] for folder in run_folders(settings)] == ["finished", "failed"]
    told = dict(text_files(home / "exp" / "runs"))
    assert set(told) >= {"run.json", "experiment.json", "log.txt", "report.html", "metrics.json"}
    found = [(name, token) for name, text in told.items() for token in set(tokens.values()) if token in text]
    assert found == []
    (failed,) = (f for f in run_folders(settings) if read(f / "run.json")["status"] == "failed")
    assert "~/x" in read(failed / "run.json")["error"]
    paths = [file["path"] for file in read(failed / "run.json")["data"]]
    assert paths == ["a.h5", "../../scratch/$USER/a.h5"]


@pytest.mark.parametrize(
    ("path", "folder", "told"),
    [
        ("/data/gamma.h5", "/data/exp", "../gamma.h5"),
        ("/home/kirsten/data/gamma.h5", "/home/kirsten/exp", "../data/gamma.h5"),
        ("/home/kirsten/data/gamma.h5", "/scratch/exp", "~/data/gamma.h5"),
        ("/scratch/kirsten/gamma.h5", "/home/kirsten/exp", "../../../scratch/$USER/gamma.h5"),
    ],
)
def test_a_path_names_no_user_and_is_found_again(
    path: str, folder: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/home/kirsten")
    monkeypatch.setenv("LOGNAME", "kirsten")
    assert portable(Path(path), Path(folder)) == told
    assert found_again(told, Path(folder)) == Path(path)


def test_without_a_home_of_its_own_nothing_is_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/")
    assert nameless("/data/gamma.h5") == "/data/gamma.h5"


def test_events_are_told_apart_by_order_file_and_number() -> None:
    events = {"file": np.array([0, 0, 1]), "obs_id": np.array([1, 1, 1]), "event_id": np.array([7, 8, 7])}
    files = [Path("there/a.h5"), Path("there/b.h5")]
    known = events_sha256(events, np.array([0, 1, 2]), files)
    assert events_sha256(events, np.array([0, 1, 2]), [Path("here/a.h5"), Path("here/b.h5")]) == known
    others = [
        events_sha256(events, np.array([1, 0, 2]), files),
        events_sha256(events, np.array([0, 1]), files),
        events_sha256(events | {"event_id": np.array([7, 9, 7])}, np.array([0, 1, 2]), files),
        events_sha256(events, np.array([0, 1, 2]), [Path("there/a.h5"), Path("there/c.h5")]),
    ]
    assert len({known, *others}) == 5


def test_a_file_without_a_product_is_described_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("1,2\n")
    assert describe_file(tmp_path / "a.csv", tmp_path)["bytes"] == 4


def built_of(tmp_path: Path, head: str = "", **settings: str) -> Built:
    registry = Registry().discover()
    file = load_settings(write_settings(tmp_path, head, **({"data": SMALL} | settings)), registry)
    made = build(file.experiment, registry, tmp_path, [])
    made.source.close()
    return made


def test_what_only_the_settings_can_give_is_told(tmp_path: Path) -> None:
    head = "import math\n\n\ndef cut():\n    return lambda events: events > 0\n"
    made = built_of(
        tmp_path,
        head,
        filters="[ref(cut), ref('core.intensity', minimum=1.0)]",
        optimizer="ref('core.adamw', betas=(0.8, 0.9), lr=math.inf)",
    )
    assert settings_only(made) == ["filters[0]"]


def test_many_constants_are_recorded_by_their_checksum(tmp_path: Path) -> None:
    made = built_of(tmp_path)
    part = made.parts["transforms[1]"]
    state = {"mean": torch.arange(3.0), "map": torch.zeros(200), "camera": "NectarCam"}
    fitted = SimpleNamespace(fit=print, state_dict=lambda: state)
    told = describe_measured(evolve(made, transforms=[(part, fitted), (made.parts["transforms[0]"], object())]))
    assert list(told) == ["transforms[1]"]
    assert told["transforms[1]"]["mean"] == [0.0, 1.0, 2.0]
    assert len(told["transforms[1]"]["map"]["sha256"]) == 64
    assert told["transforms[1]"]["camera"] == "NectarCam"
