"""Asking the registry for components, and what it says when there is none."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from gammalearn_core import UnknownComponentError
from gammalearn_core.plugin import Registry

Install = Callable[..., str]
Discover = Callable[..., Registry]

RENAMED = """
@hookimpl
def gammalearn_networks():
    yield Network(name="tiny", target="{package}.tiny:Tiny", summary="A network", replaces=["small", "old.smallest"])
"""


def refusal(registry: Registry, id: str, kind: str | None = None) -> str:
    with pytest.raises(UnknownComponentError) as caught:
        registry.find(id, kind=kind)
    return str(caught.value)


def test_a_misspelt_component_is_suggested(core_only: Registry) -> None:
    assert refusal(core_only, "core.cnn2", "network") == "no component is named 'core.cnn2', did you mean 'core.cnn2d'?"


def test_components_of_the_wanted_kind_are_suggested_first(core_only: Registry) -> None:
    assert refusal(core_only, "core.energ", "target").endswith("did you mean 'core.energy'?")
    assert refusal(core_only, "core.energ", "metric").endswith("did you mean 'core.energy_error'?")


def test_a_component_of_another_kind_is_suggested_if_none_of_the_wanted_kind_is_close(core_only: Registry) -> None:
    assert "did you mean 'core.to_square'" in refusal(core_only, "core.to_squar", "loader")


def test_an_unqualified_id_is_completed(core_only: Registry) -> None:
    assert refusal(core_only, "cnn2d", "network") == "no component is named 'cnn2d', did you mean 'core.cnn2d'?"


def test_a_misspelt_unqualified_id_is_completed(core_only: Registry) -> None:
    assert refusal(core_only, "smoth_l1", "loss").endswith("did you mean 'core.smooth_l1'?")


def test_without_a_suggestion_the_command_that_lists_is_named(core_only: Registry) -> None:
    expected = "no component is named 'zzz.qqq' (no plug-in 'zzz' is installed);"
    expected += " 'gammalearn plugins list --kind network' lists them"
    assert refusal(core_only, "zzz.qqq", "network") == expected


def test_a_component_of_the_wrong_kind_is_refused(core_only: Registry) -> None:
    assert refusal(core_only, "core.cnn2d", "loss") == "'core.cnn2d' is a network, not a loss"
    assert refusal(core_only, "core.l1", "optimizer") == "'core.l1' is a loss, not an optimizer"


def test_an_unknown_plugin_is_said_not_to_be_installed(core_only: Registry) -> None:
    assert "(no plug-in 'sterio' is installed)" in refusal(core_only, "sterio.arrays", "loader")


def test_asking_for_a_component_of_a_broken_plugin_says_why_it_is_missing(install: Install, discover: Discover) -> None:
    install("mine", "raise OSError('libfoo.so.1 is missing')")
    text = refusal(discover(), "mine.tiny", "network")
    assert text.startswith("'mine.tiny' is missing because plug-in 'mine' (gammalearn-mine 2.5)")
    assert "OSError: libfoo.so.1 is missing" in text
    assert "'gammalearn plugins show mine'" in text


def test_asking_for_a_component_of_a_disabled_plugin_says_what_disabled_it(
    install: Install, discover: Discover
) -> None:
    install("mine")
    expected = "'mine.tiny' is missing because plug-in 'mine' (gammalearn-mine 2.5) is disabled: by --no-plugins"
    assert refusal(discover(no_plugins=""), "mine.tiny") == expected


def test_asking_for_a_component_of_conflicting_plugins_names_both(install: Install, discover: Discover) -> None:
    install("mine", dist="gammalearn-one")
    install("mine", dist="gammalearn-two")
    assert "declared by gammalearn-one 2.5 and by gammalearn-two 2.5" in refusal(discover(), "mine.tiny")


@pytest.mark.parametrize("former", ["mine.small", "old.smallest"])
def test_a_former_name_still_works_with_a_warning(former: str, install: Install, discover: Discover) -> None:
    install("mine", RENAMED)
    registry = discover()
    with pytest.warns(DeprecationWarning, match=f"'{former}' is now called 'mine.tiny'"):
        assert registry.find(former, kind="network").name == "tiny"


def test_the_present_name_does_not_warn(install: Install, discover: Discover) -> None:
    install("mine", RENAMED)
    assert discover().find("mine.tiny", kind="network").name == "tiny"


def test_a_former_name_that_is_used_again_means_the_new_component(install: Install, discover: Discover) -> None:
    install("mine", RENAMED + "    yield Network(name='small', target='a:B', summary='Another network')\n")
    assert discover().find("mine.small").target == "a:B"


def test_loading_a_component_whose_module_is_missing_tells_whose_it_is(install: Install, discover: Discover) -> None:
    package = install("mine")
    registry = discover()
    with pytest.raises(UnknownComponentError) as caught:
        registry.load("mine.tiny", kind="network")
    text = str(caught.value)
    assert text.startswith(
        f"'mine.tiny' of plug-in 'mine' (gammalearn-mine 2.5) cannot be imported from '{package}.tiny:"
    )
    assert f"No module named '{package}.tiny'" in text


def test_loading_a_component_whose_attribute_is_missing_tells_whose_it_is(
    install: Install, discover: Discover, site: Path
) -> None:
    package = install("mine")
    (site / package / "tiny.py").write_text("", encoding="utf-8")
    with pytest.raises(UnknownComponentError, match=r"AttributeError: .*has no attribute 'Tiny'"):
        discover().load("mine.tiny", kind="network")


def test_the_plugin_of_a_component_is_known_by_its_former_name_too(install: Install, discover: Discover) -> None:
    install("mine", RENAMED)
    registry = discover()
    assert registry.plugin_of("mine.tiny") is registry.plugin_of("old.smallest") is registry.plugins["mine"]
