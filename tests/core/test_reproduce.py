from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from runs import EXAMPLES
from runs import read
from runs import run
from runs import run_folders
from runs import write_settings

from gammalearn_core.cli import main
from gammalearn_core.engine.provenance import settings_sha256

FILES = ("gamma_diffuse_prod6_run10.dl1.h5", "proton_prod6_run201.dl1.h5")
Copy = Callable[[], Path]


@pytest.fixture(autouse=True)
def apart(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """A working directory, imports and threads of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a finished run, ``run``, and its data in ``data``; the settings file is gone."""
    folder = tmp_path_factory.mktemp("recorded")
    first = folder / "first"
    first.mkdir()
    (first / "files").mkdir()
    for name in FILES:
        shutil.copy(EXAMPLES / name, first / "files" / name)
    data = "ref('core.dl1', paths=['files/*.h5'], cameras='MSTx-NectarCam')"
    optimizer = "ref('core.adamw', betas=(0.8, 0.99))"
    settings = write_settings(first, data=data, epochs="1", threads="0", optimizer=optimizer)
    assert run(settings, "--set", "batch_size=8") == 0
    shutil.move(run_folders(settings)[0], folder / "run")
    (folder / "data").mkdir()
    shutil.move(first / "files", folder / "data" / "files")
    shutil.rmtree(first)
    return folder


@pytest.fixture
def recorded(place: Path, tmp_path: Path) -> Path:
    """A copy of that run, which a test may change."""
    return Path(shutil.copytree(place / "run", tmp_path / "run"))


def change(folder: Path, change: Callable[[Any], object], name: str = "run.json") -> None:
    value = read(folder / name)
    change(value)
    (folder / name).write_text(json.dumps(value))


def change_settings(folder: Path, change_them: Callable[[Any], object]) -> None:
    """Change ``experiment.json``, as somebody who also writes the checksum that belongs to it."""
    change(folder, change_them, "experiment.json")
    sha256 = settings_sha256(read(folder / "experiment.json"))
    change(folder, lambda record: record.update(settings_sha256=sha256))


def contents(folder: Path) -> dict[str, str]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def reproduce(folder: Path, place: Path, *arguments: str) -> int:
    return main(["reproduce", str(folder), "--data-root", str(place / "data"), *arguments])


def test_a_run_is_done_again_from_its_folder_alone(
    place: Path, recorded: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = contents(recorded)
    Path("data").symlink_to(place / "data")
    assert main(["reproduce", "run", "--data-root", "data", "--logdir", "again"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "what it was made of: no recorded fact differs" in lines
    assert lines[-1] == "identical"
    assert contents(recorded) == before
    (new,) = (path for path in (tmp_path / "again" / "test").iterdir() if path.is_dir())
    then, now = read(recorded / "run.json"), read(new / "run.json")
    same = ("settings_sha256", "overrides", "splits", "weights_sha256", "best_weights_sha256", "settings_only")
    assert {name: then[name] for name in same} == {name: now[name] for name in same}
    assert (new / "settings.py").read_bytes() == (recorded / "settings.py").read_bytes()
    assert main(["reproduce", str(new), "--check"]) == 0  # data are found from where the first run is


def test_a_repetition_that_was_stopped_goes_on(
    place: Path, recorded: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = tmp_path / "runs" / "test"
    assert reproduce(recorded, place) == 0
    (new,) = (path for path in runs.iterdir() if path.is_dir())
    change(new, lambda facts: facts.update(status="stopped", weights_sha256=None))
    assert reproduce(recorded, place) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "identical"
    assert [path for path in runs.iterdir() if path.is_dir()] == [new]
    change(new, lambda facts: facts.update(status="running"))
    other = Path(shutil.copytree(recorded, tmp_path / "other"))
    assert reproduce(other, place) == 0  # another run's repetition is not gone on with
    assert len([path for path in runs.iterdir() if path.is_dir()]) == 2


def test_data_are_found_from_the_working_directory_and_from_the_run(
    place: Path, recorded: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    change(recorded, lambda r: r["settings_file"].update(folder="../here"))
    assert main(["reproduce", str(recorded), "--check"]) == 4
    (recorded.parent / "here").mkdir()
    (recorded.parent / "here" / "files").symlink_to(place / "data" / "files")
    assert main(["reproduce", str(recorded), "--check"]) == 0
    (recorded.parent / "here" / "files").unlink()
    monkeypatch.chdir(place / "data")
    assert main(["reproduce", str(recorded), "--check"]) == 0
    capsys.readouterr()


def test_data_that_are_missing_or_changed_are_named(
    place: Path, recorded: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "elsewhere"
    root.mkdir()
    damaged = bytearray((place / "data" / "files" / FILES[1]).read_bytes())
    damaged[-1] ^= 1
    (root / FILES[1]).write_bytes(damaged)
    assert main(["reproduce", str(recorded), "--data-root", str(root)]) == 4
    text = capsys.readouterr().err
    assert "2 of the run's files are not found:" in text
    assert f"files/{FILES[0]}, sha256 " in text
    assert f"({root / FILES[1]} has other content)" in text
    assert "--data-root DIR says where the data are" in text


def test_facts_that_differ_are_told_by_how_likely_they_are_the_cause(
    place: Path, recorded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def other(facts: Any) -> None:
        facts["environment"]["packages"]["rich"] = "0.1"
        facts["environment"]["cpu_flags"].append("amx_bf16")
        facts["determinism"]["processes"] = 4  # is not known before the run
        facts["determinism"]["environment"]["OMP_NUM_THREADS"] = "7"
        facts["environment"]["packages"]["torch"] = "2.0.0"
        facts["plugins"][0]["version"] = "0.0.1"

    change(recorded, other)
    assert reproduce(recorded, place, "--check") == 1
    lines = capsys.readouterr().out.splitlines()
    facts = [line.strip().partition(":")[0] for line in lines[lines.index("what it was made of: these facts differ") :]]
    assert facts[1:] == [
        "version of the plug-in core",
        "version of torch",
        "environment variable OMP_NUM_THREADS",
        "instructions of the processor",
        "version of rich",
    ]
    assert "  version of the plug-in core: 0.0.1 then, 0.1.0 now" in lines
    assert "  instructions of the processor: amx_bf16 then, nothing more now" in lines


def test_a_record_cannot_steer_the_terminal_and_tells_of_its_sessions(
    place: Path, recorded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def other(facts: Any) -> None:
        facts["environment"]["packages"]["torch"] = "2.0\x1b[2J"
        facts["earlier"] = [{"environment": facts["environment"] | {"python": "3.0"}}]

    change(recorded, other)
    assert reproduce(recorded, place, "--check") == 1
    lines = capsys.readouterr().out.splitlines()
    assert "the run went on with other versions than it began with; those of the end are compared" in lines
    assert any("version of torch: 2.0?[2J then" in line for line in lines)


def test_the_threads_of_the_run_are_taken(place: Path, recorded: Path) -> None:
    change(recorded, lambda facts: facts["determinism"].update(threads=2))
    assert reproduce(recorded, place, "--check") == 0
    assert torch.get_num_threads() == 2


def test_a_number_of_threads_in_the_settings_counts(
    place: Path, recorded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change_settings(recorded, lambda settings: settings.update(threads=1))
    change(recorded, lambda facts: facts["determinism"].update(threads=2))
    assert reproduce(recorded, place, "--check") == 1
    assert "  threads of torch: 2 then, 1 now" in capsys.readouterr().out.splitlines()


def test_a_default_that_has_changed_is_told_as_a_setting(
    place: Path, recorded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change_settings(recorded, lambda settings: settings["network"]["parameters"].pop("hidden"))
    assert reproduce(recorded, place, "--check") == 1
    assert "  setting network.parameters.hidden: not there then, 64 now" in capsys.readouterr().out.splitlines()


@pytest.mark.parametrize(
    ("spoil", "code", "text"),
    [
        (lambda f: change(f, lambda r: r.update(status="stopped")), 2, "the run has not finished (it is 'stopped')"),
        (lambda f: change(f, lambda r: r.update(schema=2)), 2, "has schema 2"),
        (lambda f: (f / "run.json").unlink(), 2, "is not a run folder"),
        (lambda f: (f / "run.json").write_text("{"), 4, "run.json cannot be read: it is damaged"),
        (lambda f: (f / "experiment.json").write_text("[]"), 4, "does not hold names and values"),
        (lambda f: (f / "experiment.json").unlink(), 4, "experiment.json cannot be read"),
        (lambda f: ((f / "settings.py").unlink(), os.mkfifo(f / "settings.py")), 4, "settings.py cannot be read"),
        (lambda f: change(f, lambda e: e.update(seed=2), "experiment.json"), 2, "changed since the run"),
        (lambda f: (f / "settings.py").write_text("import os"), 2, "changed since the run"),
        (lambda f: (f / "metrics.json").write_text("{"), 4, "metrics.json cannot be read"),
        (lambda f: change(f, lambda r: r.update(data=[{"path": 3}])), 4, "path and checksum of each file"),
        (lambda f: change_settings(f, lambda e: e.pop("losses")), 4, "is not what a run writes"),
        (lambda f: change_settings(f, lambda e: e.update(epochs="many")), 2, "epochs"),
        (lambda f: change_settings(f, lambda e: e.update(name="../../escape")), 2, "name"),
        (lambda f: shutil.rmtree(f), 2, "there is no such folder"),
    ],
)
def test_a_folder_that_cannot_be_used_is_refused(
    place: Path,
    recorded: Path,
    spoil: Callable[[Path], object],
    code: int,
    text: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    spoil(recorded)
    assert reproduce(recorded, place) == code
    assert text in capsys.readouterr().err
    assert not Path("runs").exists()


@pytest.mark.parametrize(
    "network", [{"callable": "hostile:Net"}, {"component": "hostile:Net"}, {"component": "hostile.x"}]
)
def test_nothing_that_a_strangers_folder_names_is_imported(
    place: Path, recorded: Path, network: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    for module in (recorded / "hostile.py", recorded / "code" / "hostile.py", Path("hostile.py")):
        module.parent.mkdir(exist_ok=True)
        module.write_text("open('executed', 'w').close()\n")
    (recorded / "settings.py").write_text("import hostile\n")
    sha256 = hashlib.sha256((recorded / "settings.py").read_bytes()).hexdigest()
    change(recorded, lambda record: record["settings_file"].update(sha256=sha256))
    change_settings(recorded, lambda settings: settings.update(network={"parameters": {}, **network}))
    sys.path.insert(0, os.getcwd())
    assert reproduce(recorded, place) == 2
    assert "network" in capsys.readouterr().err
    assert not Path("executed").exists()


def test_a_path_that_leads_out_of_the_data_finds_nothing(place: Path, recorded: Path, tmp_path: Path) -> None:
    shutil.copy(place / "data" / "files" / FILES[0], tmp_path / FILES[0])
    (tmp_path / "root").mkdir()
    change(recorded, lambda r: r["data"][0].update(path=f"a/../../{FILES[0]}"))
    assert main(["reproduce", str(recorded), "--data-root", str(tmp_path / "root"), "--check"]) == 4
