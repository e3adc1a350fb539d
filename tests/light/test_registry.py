"""The states that loading a plug-in can end in, and that one plug-in's failure stays its own affair."""

from __future__ import annotations

import importlib.metadata
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from gammalearn_core import Loss
from gammalearn_core import hookimpl
from gammalearn_core.plugin import Entry
from gammalearn_core.plugin import Registry

Install = Callable[..., str]
Discover = Callable[..., Registry]

GOOD_LOSS = """
@hookimpl
def gammalearn_losses():
    yield Loss(name="good", target="{package}.losses:Good", summary="A sound loss")
"""


def two_networks(second: str) -> str:
    """A plug-in with a sound loss, a sound network and then the given network."""
    return (
        GOOD_LOSS
        + f"""
@hookimpl
def gammalearn_networks():
    yield Network(name="first", target="{{package}}.nets:First", summary="A sound network")
    yield {second}
"""
    )


def test_a_sound_plugin_is_ok(install: Install, discover: Discover) -> None:
    install("mine")
    plugin = discover().plugins["mine"]
    assert (plugin.state, plugin.reason, plugin.traceback) == ("ok", "", "")
    assert (plugin.distribution, plugin.version, plugin.api) == ("gammalearn-mine", "2.5", "1.0")
    assert plugin.milliseconds > 0


def test_a_sound_plugins_components_have_its_name_in_front(install: Install, discover: Discover) -> None:
    package = install("mine")
    assert discover().find("mine.tiny", kind="network").target == f"{package}.tiny:Tiny"


def test_what_a_record_points_at_is_not_imported_by_discovery(install: Install, discover: Discover, site: Path) -> None:
    package = install("mine")
    (site / package / "tiny.py").write_text("Tiny = dict\n", encoding="utf-8")
    registry = discover()
    assert f"{package}.tiny" not in sys.modules
    assert registry.load("mine.tiny") is dict


def test_the_core_is_a_plugin_too(core_only: Registry) -> None:
    assert core_only.plugins["core"].state == "ok"
    assert core_only.plugins["core"].distribution == "gammalearn-core"


REFUSED = {
    "raises_at_import": ("raise OSError('libfoo.so.1 is missing')", "error", "OSError: libfoo.so.1 is missing"),
    "exits_at_import": ("raise SystemExit(3)", "error", "SystemExit: 3"),
    "imports_what_is_missing": (
        "import no_such_module_here",
        "error",
        "ModuleNotFoundError: No module named 'no_such_module_here'",
    ),
    "wrong_major": ("api_version = '2.0'", "incompatible", "written for plug-in API 2.0, this is 1.0"),
    "newer_minor": (
        "api_version = '1.7'",
        "incompatible",
        "written for plug-in API 1.7, this is 1.0: upgrade gammalearn-core",
    ),
    "no_version": ("del api_version", "incompatible", 'does not say api_version = "1.0"'),
    "malformed_version": ("api_version = 'one'", "incompatible", "api_version is 'one', not of the form '1.0'"),
    "three_part_version": ("api_version = '1.0.0'", "incompatible", "api_version is '1.0.0', not of the form '1.0'"),
    "unknown_hook": (
        "@hookimpl\ndef nothing_like_a_hook(): return []",
        "error",
        "no hook is named 'nothing_like_a_hook'",
    ),
    "unmarked_hook": (
        "def gammalearn_networks(): return []",
        "error",
        "'gammalearn_networks' is not marked with @hookimpl",
    ),
    "wrapper": (
        "@hookimpl(wrapper=True)\ndef gammalearn_networks(): return (yield)",
        "error",
        "gammalearn_networks must not be a wrapper",
    ),
    "hook_raises": (
        "@hookimpl\ndef gammalearn_networks(): return 1 / 0",
        "error",
        "ZeroDivisionError: division by zero",
    ),
    "hook_exits": ("@hookimpl\ndef gammalearn_networks(): raise SystemExit('bye')", "error", "SystemExit: bye"),
    "wrong_record": (
        "@hookimpl\ndef gammalearn_networks(): return [Loss(name='x', target='a:b', summary='A loss')]",
        "error",
        "gammalearn_networks must yield Network records, got Loss",
    ),
    "no_record": (
        "@hookimpl\ndef gammalearn_networks(): return ['x']",
        "error",
        "gammalearn_networks must yield Network records, got str",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_an_unusable_plugin_is_refused_with_a_reason_of_one_line(
    case: str, install: Install, discover: Discover
) -> None:
    body, state, reason = REFUSED[case]
    install("mine", body)
    plugin = discover().plugins["mine"]
    assert (plugin.state, plugin.reason) == (state, reason)
    assert plugin.components == ()


def test_a_misspelt_hook_is_refused_with_a_suggestion(install: Install, discover: Discover) -> None:
    install("mine", "@hookimpl\ndef gammalearn_network(): return []")
    plugin = discover().plugins["mine"]
    assert plugin.state == "error"
    assert plugin.reason.startswith("no hook is named 'gammalearn_network', did you mean 'gammalearn_networks'")


def test_a_hook_with_an_argument_is_refused_on_one_line(install: Install, discover: Discover) -> None:
    install("mine", "@hookimpl\ndef gammalearn_networks(registry): return []")
    plugin = discover().plugins["mine"]
    assert plugin.state == "error"
    assert "\n" not in plugin.reason
    assert "gammalearn_networks" in plugin.reason
    assert "registry" in plugin.reason


def test_an_error_keeps_its_traceback_for_plugins_show(install: Install, discover: Discover) -> None:
    package = install("mine", "raise OSError('libfoo')")
    assert f"{package}/plugin.py" in discover().plugins["mine"].traceback.replace("\\", "/")


def test_a_hook_that_returns_nothing_is_fine(install: Install, discover: Discover) -> None:
    install("mine", "@hookimpl\ndef gammalearn_networks(): pass")
    assert discover().plugins["mine"].state == "ok"


BAD_RECORDS = {
    "name": ("Network(name='Bad-Name', target='a:b', summary='A network')", "got 'Bad-Name'"),
    "target": ("Network(name='bad', target='a.b.c', summary='A network')", "must read 'package.module:Name'"),
    "summary": (
        "Network(name='bad', target='a:b', summary='Two\\nlines')",
        "must be one line of at most 80 characters",
    ),
    "full_stop": ("Network(name='bad', target='a:b', summary='A network.')", "without a full stop"),
    "fact": (
        "Network(name='bad', target='a:b', summary='A network', lattice='round')",
        "lattice of 'bad' must be one of",
    ),
    "field": ("Network(name='bad', target='a:b', summary='A network', colour='red')", "colour"),
    "twice": ("Network(name='first', target='a:b', summary='Again')", "declares the network 'first' twice"),
}


@pytest.mark.parametrize("case", BAD_RECORDS)
def test_one_bad_record_rolls_the_whole_plugin_back(case: str, install: Install, discover: Discover) -> None:
    record, reason = BAD_RECORDS[case]
    install("mine", two_networks(record))
    registry = discover()
    assert registry.plugins["mine"].state == "error"
    assert reason in registry.plugins["mine"].reason
    assert [id for id in registry.ids() if id.startswith("mine.")] == []


def test_a_name_may_be_used_once_in_each_kind(install: Install, discover: Discover) -> None:
    install("mine", two_networks("Network(name='good', target='a:b', summary='Named as the loss is')"))
    registry = discover()
    assert registry.plugins["mine"].state == "ok"
    assert {registry.find("mine.good", kind=kind).kind for kind in ("network", "loss")} == {"network", "loss"}


def test_broken_plugins_do_not_harm_sound_ones(install: Install, discover: Discover) -> None:
    for case, (body, _, _) in REFUSED.items():
        install(case, body)
    install("zz_sound")
    registry = discover()
    assert {registry.plugins[case].state for case in REFUSED} == {"error", "incompatible"}
    assert registry.find("zz_sound.tiny").name == "tiny"
    assert registry.find("core.l1").name == "l1"


def test_a_refused_plugin_can_be_added_again_once_it_is_mended(core_only: Registry) -> None:
    module = ModuleType("mine")
    module.api_version = "1.0"  # type: ignore[attr-defined]
    module.gammalearn_losses = hookimpl(lambda: 1 / 0)  # type: ignore[attr-defined]
    entry = Entry(name="mine", distribution="gammalearn-mine", version="2.5", load=lambda: module)
    assert core_only.add(entry).state == "error"
    module.gammalearn_losses = hookimpl(lambda: [Loss(name="good", target="a:b", summary="A loss")])  # type: ignore[attr-defined]
    assert core_only.add(entry).state == "ok"
    assert core_only.find("mine.good").name == "good"


def test_keyboard_interrupt_is_not_swallowed(install: Install, discover: Discover) -> None:
    install("mine", "raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        discover()


def test_two_distributions_with_one_plugin_name_are_in_conflict_and_not_imported(
    install: Install, discover: Discover
) -> None:
    packages = [install("mine", dist="gammalearn-one", version="1.1"), install("mine", dist="other-two", version="2.2")]
    registry = discover()
    plugin = registry.plugins["mine"]
    assert plugin.state == "conflict"
    assert plugin.reason == "declared by gammalearn-one 1.1 and by other-two 2.2"
    assert not [p for p in packages if p in sys.modules]
    assert "mine.tiny" not in registry.ids()


@pytest.mark.parametrize("name", ["core", "local"])
def test_reserved_names_are_refused_and_not_imported(name: str, install: Install, discover: Discover) -> None:
    package = install(name, dist="gammalearn-impostor")
    registry = discover()
    (impostor,) = [p for p in registry.plugins.values() if p.distribution == "gammalearn-impostor"]
    assert (impostor.name, impostor.state) == (name, "conflict")
    assert impostor.reason == f"the name {name!r} is reserved"
    assert package not in sys.modules
    assert registry.find("core.l1").name == "l1"


def test_a_plugin_whose_name_cannot_be_part_of_an_id_is_refused(install: Install, discover: Discover) -> None:
    package = install("My-Plugin", dist="gammalearn-named")
    plugin = discover().plugins["My-Plugin"]
    assert plugin.state == "error"
    assert "'My-Plugin' is not a plug-in name" in plugin.reason
    assert package not in sys.modules


def test_a_distribution_without_metadata_does_not_stop_discovery(
    install: Install, discover: Discover, site: Path
) -> None:
    package = install("mine")
    (site / f"{package}-2.5.dist-info" / "METADATA").unlink()
    registry = discover()
    assert registry.plugins["core"].state == "ok"
    assert (registry.plugins["mine"].distribution, registry.plugins["mine"].version) == ("", "")


def test_the_fixture_makes_distributions_that_importlib_finds(install: Install) -> None:
    install("mine", version="3.1")
    distribution = importlib.metadata.distribution("gammalearn-mine")
    assert distribution.version == "3.1"
    assert [p.name for p in distribution.entry_points] == ["mine"]
    assert all(Path(file.locate()).exists() for file in distribution.files or ())
