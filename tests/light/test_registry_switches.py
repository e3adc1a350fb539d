"""Switching plug-ins off, read before anything is imported, and the strict mode."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest

from gammalearn_core import PluginError
from gammalearn_core.plugin import Registry

Install = Callable[..., str]
Discover = Callable[..., Registry]

SWITCHES = {
    "disabled_by_plugin_name": ({"GAMMALEARN_DISABLED_PLUGINS": "mine"}, None, "by GAMMALEARN_DISABLED_PLUGINS"),
    "disabled_by_distribution": (
        {"GAMMALEARN_DISABLED_PLUGINS": "other, gammalearn-mine"},
        None,
        "by GAMMALEARN_DISABLED_PLUGINS",
    ),
    "only_others": ({"GAMMALEARN_PLUGINS": "other,another"}, None, "by GAMMALEARN_PLUGINS"),
    "only_none": ({"GAMMALEARN_PLUGINS": ""}, None, "by GAMMALEARN_PLUGINS"),
    "option_without_names": ({}, "", "by --no-plugins"),
    "option_by_plugin_name": ({}, "other,mine", "by --no-plugins"),
    "option_by_distribution": ({}, "gammalearn-mine", "by --no-plugins"),
    "option_beats_only": ({"GAMMALEARN_PLUGINS": "mine"}, "mine", "by --no-plugins"),
}
LEFT_ON = {
    "only_by_plugin_name": ({"GAMMALEARN_PLUGINS": "other,mine"}, None),
    "only_by_distribution": ({"GAMMALEARN_PLUGINS": "gammalearn-mine"}, None),
    "another_is_disabled": ({"GAMMALEARN_DISABLED_PLUGINS": "other"}, None),
    "none_is_disabled": ({"GAMMALEARN_DISABLED_PLUGINS": ""}, None),
    "option_for_another": ({}, "other"),
}


@pytest.mark.parametrize("case", SWITCHES)
def test_a_disabled_plugin_is_listed_but_not_imported(
    case: str, install: Install, discover: Discover, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment, option, reason = SWITCHES[case]
    package = install("mine")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    registry = discover(no_plugins=option)
    plugin = registry.plugins["mine"]
    assert (plugin.state, plugin.reason) == ("disabled", reason)
    assert (plugin.distribution, plugin.version) == ("gammalearn-mine", "2.5")
    assert not [name for name in sys.modules if name.partition(".")[0] == package]
    assert "mine.tiny" not in registry.ids()


@pytest.mark.parametrize("case", LEFT_ON)
def test_a_plugin_that_no_switch_names_stays_on(
    case: str, install: Install, discover: Discover, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment, option = LEFT_ON[case]
    package = install("mine")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert discover(no_plugins=option).plugins["mine"].state == "ok"
    assert package in sys.modules


@pytest.mark.parametrize(
    ("name", "value"),
    [("GAMMALEARN_DISABLED_PLUGINS", "core,gammalearn-core"), ("GAMMALEARN_PLUGINS", "")],
)
def test_the_core_cannot_be_disabled_by_the_environment(
    name: str, value: str, discover: Discover, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    assert discover().plugins["core"].state == "ok"


@pytest.mark.parametrize("option", ["", "core", "gammalearn-core"])
def test_the_core_cannot_be_disabled_by_the_option(option: str, discover: Discover) -> None:
    registry = discover(no_plugins=option)
    assert registry.plugins["core"].state == "ok"
    assert registry.find("core.l1").name == "l1"


def test_a_disabled_broken_plugin_does_not_fail_in_strict_mode(
    install: Install, discover: Discover, monkeypatch: pytest.MonkeyPatch
) -> None:
    install("mine", "raise OSError('libfoo')")
    monkeypatch.setenv("GAMMALEARN_STRICT_PLUGINS", "1")
    assert discover(no_plugins="mine").plugins["mine"].state == "disabled"


def test_strict_raises_at_the_first_failure(
    install: Install, discover: Discover, monkeypatch: pytest.MonkeyPatch
) -> None:
    install("mine", "raise OSError('libfoo')")
    monkeypatch.setenv("GAMMALEARN_STRICT_PLUGINS", "1")
    with pytest.raises(PluginError, match=r"plug-in 'mine' \(gammalearn-mine 2.5\) is error: OSError: libfoo"):
        discover()


def test_strict_raises_at_a_conflict(install: Install, discover: Discover, monkeypatch: pytest.MonkeyPatch) -> None:
    install("mine", dist="gammalearn-one")
    install("mine", dist="gammalearn-two")
    monkeypatch.setenv("GAMMALEARN_STRICT_PLUGINS", "1")
    with pytest.raises(PluginError, match=r"in conflict: declared by gammalearn-one .* and by gammalearn-two "):
        discover()


def test_strict_switched_to_0_does_not_raise(
    install: Install, discover: Discover, monkeypatch: pytest.MonkeyPatch
) -> None:
    install("mine", "raise OSError('libfoo')")
    monkeypatch.setenv("GAMMALEARN_STRICT_PLUGINS", "0")
    assert discover().plugins["mine"].state == "error"
