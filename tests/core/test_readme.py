from __future__ import annotations

import re
from pathlib import Path

from runs import read
from runs import run_apart
from runs import run_folders
from runs import write_settings

README = Path(__file__).parents[2] / "README.md"


def blocks(language: str) -> list[str]:
    """Code blocks of the README."""
    return re.findall(rf"```{language}\n(.*?)```", README.read_text(encoding="utf-8"), flags=re.DOTALL)


def install_tiny(folder: Path) -> None:
    """The README's plug-in as an installed distribution."""
    plugin, network = (next(b for b in blocks("python") if text in b) for text in ("hookimpl", "class Linear"))
    (entry_points,) = (b for b in blocks("toml") if "gammalearn_core.plugins" in b)
    package = folder / "gammalearn_tiny"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "plugin.py").write_text(plugin, encoding="utf-8")
    (package / "linear.py").write_text(network, encoding="utf-8")
    facts = folder / "gammalearn_tiny-0.1.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: gammalearn-tiny\nVersion: 0.1\n", encoding="utf-8")
    section = entry_points.replace("project.entry-points.", "").replace('"', "")
    (facts / "entry_points.txt").write_text(section, encoding="utf-8")


def test_the_plugin_of_the_readme_trains(tmp_path: Path) -> None:
    install_tiny(tmp_path)
    settings = write_settings(tmp_path, network="ref('tiny.linear')", transforms="[ref('core.log_charge')]", epochs="1")
    done = run_apart(settings, PYTHONPATH=str(tmp_path))
    assert done.returncode == 0, done.stderr
    network = read(run_folders(settings)[0] / "experiment.json")["network"]
    assert (network["component"], network["distribution"]) == ("tiny.linear", "gammalearn-tiny")
