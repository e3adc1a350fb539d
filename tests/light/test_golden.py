"""The texts that users read, compared with ``golden/*.txt``; ``GAMMALEARN_UPDATE_GOLDEN=1`` rewrites those.

Machine paths are written as <folder>. Rows of the core and of other installed plug-ins, and the padding of tables,
are left out.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from gammalearn_core import UnknownComponentError
from gammalearn_core.plugin import Registry

GOLDEN = Path(__file__).parent / "golden"
Run = Callable[..., subprocess.CompletedProcess[str]]
Install = Callable[..., str]
Write = Callable[..., Path]

UNKNOWN_SETTINGS = """
experiment = Experiment(
    nam="energy",
    data=ref("core.dl1", paths=["gamma.h5"]),
    network="core.cnn2d",
    losses={"energy": ref("core.l1")},
    metrics={"energi": [ref("core.energy_error")]},
    epochs=0,
    validation=0.6,
    test=0.5,
)
"""
UNSOUND_EXPERIMENT = """
experiment = Experiment(
    name="energy",
    data={"labelled": ref("core.dl1", paths=["gama.h5", "proton_*.h5", "broken.h5"])},
    filters=[ref("core.intensty", minimum=50), ref("core.to_square")],
    weights=[ref("core.energy")],
    network=ref("gone.resnet"),
    losses={"energy": ref("core.cross_entropy"), "mass": ref("l1")},
    optimizer=ref("core.cosine"),
    requires=["gammalearn-nowhere>=1", "attrs<1"],
)
"""
PLUGINS = {
    "raises": "raise OSError('libfoo.so.1: cannot open shared object file')",
    "exits": "raise SystemExit(3)",
    "old": "api_version = '2.0'",
    "newer": "api_version = '1.7'",
    "silent": "del api_version",
    "malformed": "api_version = (1, 0)",
    "misspelt": "@hookimpl\ndef gammalearn_losse(): return []",
    "unmarked": "def gammalearn_losses(): return []",
    "wrong_type": "@hookimpl\ndef gammalearn_losses(): return ['l1']",
    "bad_name": "@hookimpl\ndef gammalearn_losses(): return [Loss(name='Huber', target='a:b', summary='A loss')]",
    "bad_target": "@hookimpl\ndef gammalearn_losses(): return [Loss(name='huber', target='a.b', summary='A loss')]",
    "bad_summary": "@hookimpl\ndef gammalearn_losses(): return [Loss(name='huber', target='a:b', summary='Stop.')]",
    "off": "",
    "sound": "@hookimpl\ndef gammalearn_losses(): return [Loss(name='huber', target='a:b', summary='A loss')]",
}


@pytest.fixture
def agrees(tmp_path: Path) -> Callable[[str, str], None]:
    """Compare a text with a golden file, or write that."""

    def compare(name: str, text: str) -> None:
        path = GOLDEN / f"{name}.txt"
        text = text.replace(str(tmp_path), "<folder>").rstrip() + "\n"
        if os.environ.get("GAMMALEARN_UPDATE_GOLDEN") == "1":
            path.write_text(text, encoding="utf-8")
        assert text == path.read_text(encoding="utf-8")

    return compare


def test_every_golden_file_belongs_to_a_test() -> None:
    source = Path(__file__).read_text(encoding="utf-8")
    assert [path.name for path in GOLDEN.iterdir() if f'agrees("{path.stem}"' not in source] == []


def test_the_text_on_settings_that_do_not_exist(
    write_settings: Write, gammalearn: Run, agrees: Callable[[str, str], None]
) -> None:
    agrees("settings_unknown", gammalearn("check", write_settings(UNKNOWN_SETTINGS)).stderr)


def test_the_text_on_an_experiment_that_is_unsound(
    write_settings: Write, gammalearn: Run, install: Install, tmp_path: Path, agrees: Callable[[str, str], None]
) -> None:
    (tmp_path / "gamma.h5").write_bytes(b"\x89HDF\r\n\x1a\n")
    (tmp_path / "broken.h5").write_bytes(b"")
    install("gone", PLUGINS["raises"])
    text = gammalearn("check", write_settings(UNSOUND_EXPERIMENT), GAMMALEARN_PLUGINS="gone").stderr
    agrees("settings_unsound", re.sub(r"attrs is [\w.]+", "attrs is <version>", text))


def test_the_text_on_settings_files_that_cannot_be_run(
    write_settings: Write, gammalearn: Run, tmp_path: Path, agrees: Callable[[str, str], None]
) -> None:
    bodies = [
        "def f(:",
        "raise ValueError('too many cooks')",
        "raise SystemExit(1)",
        "x = 1",
        "experiment = 1",
        "y = ref(5)",
    ]
    texts = [gammalearn("check", write_settings(body)).stderr for body in bodies]
    texts.append(gammalearn("check", tmp_path / "setings.py").stderr)
    agrees("settings_files", re.sub(r"SyntaxError: .*", "SyntaxError: <in the words of this Python>", "\n".join(texts)))


def test_the_text_on_components_that_are_missing(install: Install, agrees: Callable[[str, str], None]) -> None:
    asked = [
        ("core.cnn2", "network"),
        ("cnn2d", "network"),
        ("smoth_l1", "loss"),
        ("core.cnn2d", "loss"),
        ("zzz.qqq", "network"),
        ("zzz.qqq", None),
        ("stereo.arrays", "loader"),
    ]
    registry = Registry().discover([])
    texts = []
    for id, kind in asked:
        with pytest.raises(UnknownComponentError) as caught:
            registry.find(id, kind=kind)
        texts.append(f"{id} as {kind}: {caught.value}")
    agrees("components_missing", "\n".join(texts))


def test_the_text_on_components_of_plugins_that_are_not_ok(
    install: Install, gammalearn: Run, agrees: Callable[[str, str], None]
) -> None:
    for name in ("raises", "newer", "off"):
        install(name, PLUGINS[name])
    install("both", dist="gammalearn-one")
    install("both", dist="gammalearn-two")
    texts = [
        gammalearn("plugins", "show", f"{name}.thing", GAMMALEARN_DISABLED_PLUGINS="off").stderr
        for name in ("raises", "newer", "off", "both")
    ]
    agrees("components_of_plugins_not_ok", "".join(texts))


def test_the_table_of_plugins(install: Install, gammalearn: Run, agrees: Callable[[str, str], None]) -> None:
    for number, (name, body) in enumerate(PLUGINS.items()):
        install(name, body, version=f"3.{number}")
    install("both", dist="gammalearn-one", version="1.1")
    install("both", dist="gammalearn-two", version="2.2")
    lines = gammalearn("plugins", "list", GAMMALEARN_DISABLED_PLUGINS="off").stdout.splitlines()
    ours = [line for line in lines if line.split()[0] in {"NAME", "both", *PLUGINS}]
    agrees("plugins_list", "\n".join(re.sub(r"  +", "  ", line) for line in ours))
