"""Running a settings file and finding the experiment in it."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from gammalearn_core import Experiment
from gammalearn_core import SettingsError
from gammalearn_core.plugin import Registry
from gammalearn_core.plugin import Switches
from gammalearn_core.settings import check
from gammalearn_core.settings import load_settings

Write = Callable[..., Path]

GOOD = """
experiment = Experiment(
    name="energy",
    data=ref("core.dl1", paths=["gamma.h5"]),
    network=ref("core.cnn2d"),
    losses={"energy": ref("core.l1")},
)
"""
LOCAL = """
@hookimpl
def gammalearn_losses():
    yield Loss(name="own", target=f"{__name__}:own_loss", summary="A loss of this file")

def own_loss(*, task):
    return None
"""


def refusal(path: Path, registry: Registry) -> str:
    with pytest.raises(SettingsError) as caught:
        load_settings(path, registry)
    assert caught.value.exit_code == 2
    assert caught.value.file.startswith(str(path))
    return "\n".join(map(str, caught.value.problems))


def test_a_settings_file_gives_its_experiment(write_settings: Write, core_only: Registry) -> None:
    path = write_settings(GOOD)
    file = load_settings(path, core_only)
    assert isinstance(file.experiment, Experiment)
    assert file.experiment.name == "energy"
    assert (file.path, file.source) == (path, path.read_bytes())


def test_the_checksum_is_that_of_the_file(write_settings: Write, core_only: Registry) -> None:
    path = write_settings(GOOD)
    assert load_settings(path, core_only).sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_file_that_is_not_there_is_reported_with_a_suggestion(write_settings: Write, core_only: Registry) -> None:
    path = write_settings(GOOD, "energy.py")
    assert refusal(path.with_name("enrgy.py"), core_only) == "there is no such file\n    did you mean 'energy.py'?"


def test_a_folder_is_not_a_settings_file(tmp_path: Path, core_only: Registry) -> None:
    assert refusal(tmp_path, core_only).startswith("cannot be read: ")


def test_a_syntax_error_is_reported_with_its_line(write_settings: Write, core_only: Registry) -> None:
    assert refusal(write_settings("x = 1\ndef f(:\n"), core_only).startswith("line 3: SyntaxError: ")


def test_a_syntax_error_in_a_sibling_is_reported_with_that_file(write_settings: Write, core_only: Registry) -> None:
    sibling = write_settings("def f(:\n", "sibling.py")
    path = write_settings("import sibling\n" + GOOD)
    assert refusal(path, core_only).startswith(f"{sibling}, line 2: SyntaxError: ")


def test_an_exception_is_reported_with_the_line_of_the_settings_file(
    write_settings: Write, core_only: Registry
) -> None:
    path = write_settings("def f():\n    raise ValueError('too many cooks')\n\nf()\n")
    assert refusal(path, core_only) == "line 3: ValueError: too many cooks"


def test_system_exit_is_reported(write_settings: Write, core_only: Registry) -> None:
    assert refusal(write_settings("raise SystemExit('enough')"), core_only) == "line 2: SystemExit: enough"


def test_wrong_settings_are_reported_with_the_line(write_settings: Write, core_only: Registry) -> None:
    path = write_settings("\n\nexperiment = Experiment(name='x')\n")
    with pytest.raises(SettingsError) as caught:
        load_settings(path, core_only)
    assert caught.value.file == f"{path}:4"
    assert [p.where for p in caught.value.problems] == ["data", "network", "losses"]


def test_a_file_without_an_experiment_is_told_how_to_end(write_settings: Write, core_only: Registry) -> None:
    text = refusal(write_settings("x = 1"), core_only)
    assert text == "does not define an experiment\n    end the file with experiment = Experiment(…)"


def test_an_experiment_of_another_name_is_pointed_at(write_settings: Write, core_only: Registry) -> None:
    text = refusal(write_settings(GOOD.replace("experiment =", "energy_run =")), core_only)
    assert text.startswith("the experiment is called 'energy_run'")


def test_something_else_named_experiment_is_refused(write_settings: Write, core_only: Registry) -> None:
    assert refusal(write_settings("experiment = {}"), core_only).startswith("experiment: is dict, not an Experiment")


def test_a_module_beside_the_file_can_be_imported(write_settings: Write, core_only: Registry) -> None:
    write_settings("EPOCHS = 7", "my_constants.py")
    path = write_settings("from my_constants import EPOCHS\n" + GOOD.replace("losses=", "epochs=EPOCHS, losses="))
    assert load_settings(path, core_only).experiment.epochs == 7


def test_the_working_directory_is_not_changed(write_settings: Write, core_only: Registry) -> None:
    before = Path.cwd()
    load_settings(write_settings(GOOD, "deep/settings.py"), core_only)
    assert Path.cwd() == before


def test_a_relative_path_to_the_file_works(
    write_settings: Write, core_only: Registry, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    write_settings(GOOD, "deep/settings.py")
    monkeypatch.chdir(tmp_path)
    assert load_settings(Path("deep") / "settings.py", core_only).experiment.name == "energy"


def test_no_bytecode_is_left_beside_the_file(
    write_settings: Write, core_only: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    path = write_settings(GOOD)
    load_settings(path, core_only)
    assert os.listdir(path.parent) == ["settings.py"]


def test_hooks_of_the_file_become_the_plugin_local(write_settings: Write, core_only: Registry) -> None:
    load_settings(write_settings(LOCAL + GOOD), core_only)
    assert core_only.plugins["local"].state == "ok"
    assert core_only.find("local.own", kind="loss").summary == "A loss of this file"


def test_a_file_without_hooks_makes_no_plugin(write_settings: Write, core_only: Registry) -> None:
    load_settings(write_settings(GOOD), core_only)
    assert "local" not in core_only.plugins


def test_local_components_are_usable_by_their_id(write_settings: Write, core_only: Registry) -> None:
    path = write_settings(LOCAL + GOOD.replace("core.l1", "local.own"))
    (path.parent / "gamma.h5").write_bytes(b"\x89HDF\r\n\x1a\n")
    file = load_settings(path, core_only)
    assert check(file.experiment, core_only, path.parent) == []


def test_local_components_can_be_imported(write_settings: Write, core_only: Registry) -> None:
    file = load_settings(write_settings(LOCAL + GOOD), core_only)
    assert core_only.load("local.own") is file.module.own_loss
    assert sys.modules["gammalearn_settings"] is file.module


def test_local_hooks_of_an_earlier_file_are_forgotten(write_settings: Write, core_only: Registry) -> None:
    load_settings(write_settings(LOCAL + GOOD), core_only)
    load_settings(write_settings(LOCAL.replace("own", "newer") + GOOD), core_only)
    assert [id for id in core_only.ids() if id.startswith("local.")] == ["local.newer"]


@pytest.mark.parametrize(
    ("hook", "reason"),
    [
        ("@hookimpl\ndef gammalearn_loss(): return []", "no hook is named 'gammalearn_loss'"),
        ("def gammalearn_losses(): return []", "'gammalearn_losses' is not marked with @hookimpl"),
        ("@hookimpl\ndef gammalearn_losses(): return [1 / 0]", "ZeroDivisionError: division by zero"),
        ("@hookimpl\ndef gammalearn_losses(): return [3]", "gammalearn_losses must yield Loss records, got int"),
    ],
)
def test_a_broken_local_hook_is_a_settings_error(
    hook: str, reason: str, write_settings: Write, core_only: Registry
) -> None:
    assert refusal(write_settings(hook + "\n" + GOOD), core_only).startswith(f"hooks of this file: {reason}")


@pytest.mark.parametrize("switches", [Switches(none=True), Switches(only=frozenset({"other"}))])
def test_local_hooks_work_while_installed_plugins_are_off(switches: Switches, write_settings: Write) -> None:
    registry = Registry(switches).discover([])
    load_settings(write_settings(LOCAL + GOOD), registry)
    assert registry.find("local.own").name == "own"
