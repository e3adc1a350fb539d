"""The command ``gammalearn``, in a process of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import gammalearn_core

Run = Callable[..., subprocess.CompletedProcess[str]]
Install = Callable[..., str]
Write = Callable[..., Path]

COMMAND = """
@hookimpl
def gammalearn_commands():
    yield Command(name="greet", target="{package}.greet:main", summary="Greets")
"""
GREET = """
import sys

def main(argv):
    print("hello", *argv)
    return 3 if argv else None
"""
GOOD = """
experiment = Experiment(
    name="energy",
    data=ref("core.dl1", paths=["gamma.h5"]),
    network=ref("core.cnn2d"),
    losses={"energy": ref("core.l1")},
)
"""


def succeeds(result: subprocess.CompletedProcess[str]) -> str:
    """The output of a command that must have gone well without a word of complaint."""
    assert (result.returncode, result.stderr) == (0, "")
    return result.stdout


def fails(result: subprocess.CompletedProcess[str], code: int = 2) -> str:
    """What a command that must have failed says: never a traceback, and nothing on standard output."""
    assert (result.returncode, result.stdout) == (code, "")
    assert "Traceback" not in result.stderr
    return result.stderr


@pytest.fixture
def greet(install: Install, site: Path) -> str:
    """A plug-in with a command."""
    package = install("hello", COMMAND)
    (site / package / "greet.py").write_text(GREET, encoding="utf-8")
    return package


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"], ["help"]])
def test_help_lists_the_commands(arguments: list[str], gammalearn: Run) -> None:
    text = succeeds(gammalearn(*arguments))
    assert text.startswith("usage: gammalearn ")
    commands = [line.split()[0] for line in text.partition("commands:\n")[2].partition("\n\n")[0].splitlines()]
    assert {"run", "check", "plugins", "info"} <= set(commands)


@pytest.mark.parametrize("option", ["--version", "-V"])
def test_version_is_that_of_the_package(option: str, gammalearn: Run) -> None:
    assert succeeds(gammalearn(option)) == f"gammalearn-core {gammalearn_core.__version__}\n"


def test_version_imports_no_plugin(install: Install, gammalearn: Run) -> None:
    install("mine", "print('imported')")
    assert "imported" not in succeeds(gammalearn("--version"))


def test_an_unknown_command_is_refused_with_a_suggestion(gammalearn: Run) -> None:
    assert fails(gammalearn("plugin", "list")) == "error: no command is named 'plugin', did you mean 'plugins'?\n"


def test_an_unknown_command_without_a_likeness_is_answered_with_all(gammalearn: Run) -> None:
    assert fails(gammalearn("xyzzy")).startswith("error: no command is named 'xyzzy', one of run, ")


@pytest.mark.parametrize("command", ["run", "reproduce", "check", "plugins", "info"])
def test_every_command_has_help(command: str, gammalearn: Run) -> None:
    assert succeeds(gammalearn(command, "--help")).split()[:3] == ["usage:", "gammalearn", command]


def test_wrong_arguments_are_wrong_usage(gammalearn: Run) -> None:
    assert "usage: gammalearn check" in fails(gammalearn("check"))


def test_a_plugin_command_is_listed_in_help(greet: str, gammalearn: Run) -> None:
    assert re.search(r"^  greet +Greets \(hello\)$", succeeds(gammalearn("--help")), re.MULTILINE)


def test_a_plugin_command_is_run_with_its_arguments(greet: str, gammalearn: Run) -> None:
    result = gammalearn("greet", "--loud", "you")
    assert (result.returncode, result.stdout) == (3, "hello --loud you\n")


def test_a_plugin_command_that_returns_nothing_has_succeeded(greet: str, gammalearn: Run) -> None:
    assert succeeds(gammalearn("greet")) == "hello\n"


def test_a_plugin_command_is_gone_with_its_plugin(greet: str, gammalearn: Run) -> None:
    assert "no command is named 'greet'" in fails(gammalearn("greet", "--no-plugins"))


def test_a_plugin_command_that_cannot_be_imported_is_reported(install: Install, gammalearn: Run) -> None:
    package = install("hello", COMMAND)
    text = fails(gammalearn("greet"))
    assert f"'hello.greet' of plug-in 'hello' (gammalearn-hello 2.5) cannot be imported from '{package}.greet" in text


def test_a_command_that_two_plugins_declare_is_refused(install: Install, greet: str, gammalearn: Run) -> None:
    install("hello2", COMMAND)
    text = fails(gammalearn("greet"))
    assert text == "error: no command is named 'greet', declared by hello.greet and hello2.greet\n"


def test_a_plugin_cannot_replace_a_command_of_the_core(install: Install, gammalearn: Run) -> None:
    install("hello", COMMAND.replace('"greet"', '"check"'))
    assert "Greets" not in succeeds(gammalearn("--help"))
    assert succeeds(gammalearn("check", "--help")).split()[:3] == ["usage:", "gammalearn", "check"]


def test_no_plugins_may_stand_anywhere(install: Install, gammalearn: Run) -> None:
    install("mine", "raise OSError")
    for arguments in (["--no-plugins", "plugins", "list"], ["plugins", "list", "--no-plugins"]):
        assert "disabled  by --no-plugins" in succeeds(gammalearn(*arguments))


def test_strict_fails_at_a_broken_plugin(install: Install, gammalearn: Run) -> None:
    install("mine", "raise OSError('libfoo')")
    result = gammalearn("plugins", "list", GAMMALEARN_STRICT_PLUGINS="1", GAMMALEARN_PLUGINS="mine")
    assert result.returncode == 2
    assert result.stderr.startswith("error: plug-in 'mine' (gammalearn-mine 2.5) is error: OSError: libfoo\n")


def test_a_former_name_warns_on_the_command_line(install: Install, gammalearn: Run) -> None:
    record = "Network(name='new', target='a:B', summary='A network', replaces='old')"
    install("mine", f"@hookimpl\ndef gammalearn_networks(): return [{record}]")
    result = gammalearn("plugins", "show", "mine.old")
    assert result.returncode == 0
    assert "DeprecationWarning: 'mine.old' is now called 'mine.new'" in result.stderr


@pytest.mark.parametrize("arguments", [["plugins", "list"], ["--help"], ["plugins", "--help"], ["--version"]])
def test_a_closed_pipe_is_not_an_error(arguments: list[str]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "gammalearn_core", *arguments]
    # Python must hold the output back until it exits, as it does for a pipe by default.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    result = subprocess.run(command, env=environment, stdout=writer, stderr=subprocess.PIPE, check=False)
    os.close(writer)
    assert (result.returncode, result.stderr) == (0, b"")


def test_check_tells_that_sound_settings_are_sound(write_settings: Write, gammalearn: Run, tmp_path: Path) -> None:
    path = write_settings(GOOD)
    (tmp_path / "gamma.h5").write_bytes(b"\x89HDF\r\n\x1a\n")
    assert succeeds(gammalearn("check", path)) == f"{path}: settings are sound\n"


def test_check_takes_paths_from_the_folder_of_the_settings(
    write_settings: Write, gammalearn: Run, tmp_path: Path
) -> None:
    write_settings(GOOD, "deep/settings.py")
    (tmp_path / "deep" / "gamma.h5").write_bytes(b"\x89HDF\r\n\x1a\n")
    assert "sound" in succeeds(gammalearn("check", "deep/settings.py"))


def test_check_fails_with_2_for_wrong_settings(write_settings: Write, gammalearn: Run) -> None:
    write_settings(GOOD.replace("core.cnn2d", "core.cnn2"))
    text = fails(gammalearn("check", "settings.py"))
    assert text.startswith("error: settings.py: 2 problems\n")
    assert "network: no component is named 'core.cnn2', did you mean 'core.cnn2d'?" in text
    assert "data core.dl1: there is no file 'gamma.h5'" in text


def test_check_fails_with_4_if_only_the_data_are_wrong(write_settings: Write, gammalearn: Run, tmp_path: Path) -> None:
    write_settings(GOOD)
    (tmp_path / "gamma.h5").write_bytes(b"not HDF5")
    assert "is not an HDF5 file" in fails(gammalearn("check", "settings.py"), code=4)


@pytest.mark.parametrize(
    "body",
    ["x = 1", "def f(:", "1 / 0", "raise SystemExit(0)", "experiment = Experiment()", "import no_such_module_here"],
)
@pytest.mark.parametrize("command", ["check", "run"])
def test_a_settings_file_that_cannot_be_used_is_reported(
    command: str, body: str, write_settings: Write, gammalearn: Run
) -> None:
    write_settings(body)
    assert fails(gammalearn(command, "settings.py")).startswith("error: settings.py")


@pytest.mark.parametrize("command", ["check", "run"])
def test_a_settings_file_that_is_not_there_is_reported(command: str, write_settings: Write, gammalearn: Run) -> None:
    write_settings(GOOD)
    assert "did you mean 'settings.py'?" in fails(gammalearn(command, "setings.py"))
