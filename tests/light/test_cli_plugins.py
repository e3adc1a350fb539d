"""``gammalearn plugins``, in a process of its own."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from gammalearn_core.plugin.names import KINDS

Run = Callable[..., subprocess.CompletedProcess[str]]
Install = Callable[..., str]


def succeeds(result: subprocess.CompletedProcess[str]) -> str:
    """The output of a command that must have gone well without a word of complaint."""
    assert (result.returncode, result.stderr) == (0, "")
    return result.stdout


def fails(result: subprocess.CompletedProcess[str]) -> str:
    """What a command that must have failed says: never a traceback, and nothing on standard output."""
    assert (result.returncode, result.stdout) == (2, "")
    assert "Traceback" not in result.stderr
    return result.stderr


def rows(text: str) -> dict[str, str]:
    """The lines of a table by their first word."""
    return {line.split()[0]: line for line in text.splitlines() if line}


def row(text: str, name: str) -> list[str]:
    """The words of the row that begins with a name."""
    return rows(text)[name].split()


def test_list_begins_with_the_core(gammalearn: Run) -> None:
    lines = succeeds(gammalearn("plugins", "list")).splitlines()
    assert lines[0].split() == ["NAME", "VERSION", "DISTRIBUTION", "API", "STATUS", "PROVIDES"]
    assert lines[1].split()[0] == "core"
    assert " 1 loader, 15 filters, " in lines[1]


def test_list_has_a_row_for_each_plugin(install: Install, gammalearn: Run) -> None:
    install("mine")
    expected = ["mine", "2.5", "gammalearn-mine", "1.0", "ok", "1", "network"]
    assert row(succeeds(gammalearn("plugins", "list")), "mine") == expected


def test_a_broken_plugin_is_a_row_and_not_a_failure(install: Install, gammalearn: Run) -> None:
    install("mine", "raise OSError('libfoo')")
    expected = ["mine", "2.5", "gammalearn-mine", "error", "OSError:", "libfoo"]
    assert row(succeeds(gammalearn("plugins", "list")), "mine") == expected


def test_a_plugin_without_components_provides_nothing(install: Install, gammalearn: Run) -> None:
    install("mine", "")
    assert row(succeeds(gammalearn("plugins", "list")), "mine")[-2:] == ["ok", "nothing"]


def test_timing_adds_a_column_of_milliseconds(install: Install, gammalearn: Run) -> None:
    install("mine")
    text = succeeds(gammalearn("plugins", "list", "--timing"))
    assert "MS" in text.splitlines()[0].split()
    assert row(text, "mine")[5].isdigit()


def test_a_heavy_import_is_named(install: Install, gammalearn: Run, site: Path) -> None:
    (site / "matplotlib.py").write_text("", encoding="utf-8")
    install("mine", "import matplotlib")
    assert "nothing" not in rows(succeeds(gammalearn("plugins", "list")))["mine"]
    assert rows(succeeds(gammalearn("plugins", "list")))["mine"].endswith("ok      slow: imports matplotlib")
    listing = json.loads(succeeds(gammalearn("plugins", "list", "--json")))
    assert {p["name"]: p["heavy_imports"] for p in listing["plugins"]}["mine"] == ["matplotlib"]


def test_a_plugin_that_imports_nothing_heavy_is_not_called_slow(install: Install, gammalearn: Run, site: Path) -> None:
    (site / "matplotlib.py").write_text("", encoding="utf-8")
    install("mine")
    assert "slow" not in rows(succeeds(gammalearn("plugins", "list")))["mine"]


def test_json_has_a_schema_and_documented_keys(install: Install, gammalearn: Run) -> None:
    package = install("mine")
    listing = json.loads(succeeds(gammalearn("plugins", "list", "--json")))
    assert listing["schema"] == 1
    (mine,) = (p for p in listing["plugins"] if p["name"] == "mine")
    assert mine == {
        "name": "mine",
        "distribution": "gammalearn-mine",
        "version": "2.5",
        "api": "1.0",
        "status": "ok",
        "reason": "",
        "heavy_imports": [],
        "components": [
            {
                "id": "mine.tiny",
                "kind": "network",
                "name": "tiny",
                "target": f"{package}.tiny:Tiny",
                "summary": "The smallest network",
                "since": "",
                "replaces": [],
                "lattice": "any",
                "stereo": False,
                "takes": [],
                "nested": {},
            }
        ],
    }


def test_json_tells_the_state_of_a_broken_plugin(install: Install, gammalearn: Run) -> None:
    install("mine", "raise OSError('libfoo')")
    listing = json.loads(succeeds(gammalearn("plugins", "list", "--json")))
    (mine,) = (p for p in listing["plugins"] if p["name"] == "mine")
    assert (mine["status"], mine["reason"], mine["components"]) == ("error", "OSError: libfoo", [])


def test_json_can_be_cut_down_to_a_kind(gammalearn: Run) -> None:
    listing = json.loads(succeeds(gammalearn("plugins", "list", "--json", "--kind", "losses")))
    assert {c["kind"] for p in listing["plugins"] for c in p["components"]} == {"loss"}


@pytest.mark.parametrize("kind", ["networks", "network"])
def test_kind_gives_a_row_for_each_component(kind: str, install: Install, gammalearn: Run) -> None:
    install("mine")
    text = succeeds(gammalearn("plugins", "list", "--kind", kind))
    assert text.splitlines()[0].split() == ["ID", "KIND", "SUMMARY"]
    assert row(text, "mine.tiny") == ["mine.tiny", "network", "The", "smallest", "network"]
    assert "core.cnn2d" in rows(text)
    assert "core.l1" not in rows(text)


def test_kind_all_gives_every_component(gammalearn: Run) -> None:
    text = succeeds(gammalearn("plugins", "list", "--kind", "all"))
    assert {"core.cnn2d", "core.l1", "core.dl1"} <= set(rows(text))


def test_the_kinds_are_told_by_help(gammalearn: Run) -> None:
    words = " ".join(succeeds(gammalearn("plugins", "list", "--help")).split())
    assert f"one of {', '.join(KINDS.values())}, all" in words


def test_an_unknown_kind_is_wrong_usage(gammalearn: Run) -> None:
    assert "invalid choice: 'nets'" in fails(gammalearn("plugins", "list", "--kind", "nets"))


def test_show_core_lists_its_components(gammalearn: Run) -> None:
    text = succeeds(gammalearn("plugins", "show", "core"))
    assert text.startswith("plug-in       core\ndistribution  gammalearn-core ")
    assert "loader     core.dl1" in text


def test_show_tells_what_the_distribution_says_of_itself(install: Install, gammalearn: Run) -> None:
    install("mine")
    assert "\nsummary       Made for a test\n" in succeeds(gammalearn("plugins", "show", "mine"))


def test_show_of_a_component_tells_its_facts(gammalearn: Run) -> None:
    text = succeeds(gammalearn("plugins", "show", "core.dl1"))
    assert row(text, "id") == ["id", "core.dl1"]
    assert row(text, "kind") == ["kind", "loader"]
    assert row(text, "levels") == ["levels", "telescope,", "subarray"]
    assert row(text, "plug-in")[:3] == ["plug-in", "core", "(gammalearn-core"]


def test_show_of_a_component_as_json(gammalearn: Run) -> None:
    shown = json.loads(succeeds(gammalearn("plugins", "show", "core.dl1", "--json")))
    assert shown["schema"] == 1
    assert [(c["id"], c["kind"]) for c in shown["components"]] == [("core.dl1", "loader")]


def test_show_of_an_id_that_several_kinds_share_tells_all(gammalearn: Run) -> None:
    text = succeeds(gammalearn("plugins", "show", "core.energy"))
    assert [line.split()[1] for line in text.splitlines() if line.startswith("kind ")] == ["filter", "target"]


def test_show_of_a_plugin_as_json(install: Install, gammalearn: Run) -> None:
    install("mine")
    shown = json.loads(succeeds(gammalearn("plugins", "show", "mine", "--json")))
    assert (shown["schema"], shown["plugin"]["name"], shown["plugin"]["status"]) == (1, "mine", "ok")


def test_show_of_a_broken_plugin_fails_with_its_traceback(install: Install, gammalearn: Run) -> None:
    install("mine", "raise OSError('libfoo')")
    result = gammalearn("plugins", "show", "mine")
    assert result.returncode == 2
    assert "status        error: OSError: libfoo\n" in result.stdout
    assert result.stderr.startswith("Traceback")


def test_show_of_a_disabled_plugin_succeeds(install: Install, gammalearn: Run) -> None:
    install("mine")
    text = succeeds(gammalearn("plugins", "show", "mine", GAMMALEARN_DISABLED_PLUGINS="mine"))
    assert "disabled: by GAMMALEARN_DISABLED_PLUGINS" in text


def test_show_of_a_conflict_names_both_distributions(install: Install, gammalearn: Run) -> None:
    install("mine", dist="gammalearn-one")
    install("mine", dist="gammalearn-two")
    result = gammalearn("plugins", "show", "mine")
    assert result.returncode == 2
    assert "conflict: declared by gammalearn-one 2.5 and by gammalearn-two 2.5" in result.stdout


def test_an_unknown_plugin_is_refused_with_a_suggestion(gammalearn: Run) -> None:
    assert fails(gammalearn("plugins", "show", "cor")) == "error: no plug-in is named 'cor', did you mean 'core'?\n"


def test_a_components_short_name_is_completed(gammalearn: Run) -> None:
    assert "did you mean 'core.cnn2d'?" in fails(gammalearn("plugins", "show", "cnn2d"))


def test_an_unknown_component_is_refused_with_a_suggestion(gammalearn: Run) -> None:
    assert "did you mean 'core.cnn2d'" in fails(gammalearn("plugins", "show", "core.cnn2"))


def test_an_unknown_action_is_wrong_usage(gammalearn: Run) -> None:
    assert "invalid choice: 'lst'" in fails(gammalearn("plugins", "lst"))
