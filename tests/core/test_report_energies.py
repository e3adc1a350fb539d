"""Figures of the report by energy: intervals, gaps, and what is marked."""

from __future__ import annotations

import copy
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gammalearn_core.builtin.reports.energies import draw_by_energy
from gammalearn_core.builtin.reports.energies import energy_panels
from gammalearn_core.builtin.reports.html import HtmlReport
from gammalearn_core.engine.folder import RunFolder
from gammalearn_core.results.performance import Curve

EDGES = [0.1, 0.3, 1.0, 3.0, 10.0]
SVG = "{http://www.w3.org/2000/svg}"


def curve(name: str, quantity: str, unit: str = "", **changes: Any) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "value": [0.3, None, 0.2, 0.1],
        "low": [0.2, None, 0.15, None],
        "high": [0.4, None, 0.3, None],
        "n": [50, 0, 12, 3],
        "definition": f"definition of {name}",
    }
    fields |= changes
    made = Curve(name=name, quantity=quantity, unit=unit, x="true_energy", x_unit="TeV", edges=EDGES, **fields)
    return made.to_dict()


RESULTS: dict[str, Any] = {
    "performance": {
        "confidence": 0.95,
        "curves": {
            "energy_resolution_cta": curve("energy_resolution_cta", "energy resolution"),
            "energy_resolution_pyirf": curve("energy_resolution_pyirf", "energy resolution"),
            "angular_resolution_68": curve("angular_resolution_68", "angular resolution", "deg"),
            "auc": curve("auc", "AUC", value=[None] * 4),
            "effective_area": curve("effective_area", "effective area", "m2", value=[0.0, None, 2e4, 3e5]),
        },
    }
}


def folder_with(tmp_path: Path, results: dict[str, Any]) -> RunFolder:
    folder = RunFolder(tmp_path / "demo" / "run")
    folder.path.mkdir(parents=True)
    folder.write_json(folder.metrics_json, results)
    return folder


def page(folder: RunFolder) -> str:
    HtmlReport(folder)(folder.read_json(folder.metrics_json))
    return (folder.path / "report.html").read_text(encoding="utf-8")


def uses(svg: str, fill: str) -> int:
    """Markers that are filled with this colour."""
    return sum(fill in (e.get("style") or "") for e in ET.fromstring(svg).iter(f"{SVG}use"))


def test_what_was_measured_is_shown_with_its_definition(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, RESULTS)
    html = page(folder)
    assert '<section id="energies">' in html
    assert "two-sided intervals of\n95 %" in html
    for name in ("energy_resolution_cta", "energy_resolution_pyirf", "angular_resolution_68", "effective_area"):
        assert f"definition of {name}" in html
    assert sorted(p.name for p in folder.figures.glob("*.svg")) == [
        *("test_angular_resolution.svg", "test_effective_area.svg", "test_energy_resolution.svg"),
    ]


@pytest.mark.parametrize("results", [{}, {"performance": {"confidence": 0.95, "curves": {}}}])
def test_without_curves_there_is_no_such_section(results: dict[str, Any], tmp_path: Path) -> None:
    assert 'id="energies"' not in page(folder_with(tmp_path, results))


def test_what_was_measured_in_no_bin_is_not_drawn() -> None:
    assert "auc" not in "".join(panel.file for panel in energy_panels(RESULTS))


def test_an_empty_bin_is_a_gap_and_a_bin_of_few_samples_hollow() -> None:
    (panel,) = (p for p in energy_panels(RESULTS) if p.file == "test_angular_resolution")
    assert panel.members[0].rows == (0, 2, 3)
    svg = draw_by_energy(panel)
    assert (uses(svg, "fill: #0072b2"), uses(svg, "fill: #ffffff; stroke: #0072b2")) == (2, 1)


def test_an_end_that_is_not_known_is_not_drawn() -> None:
    (panel,) = (p for p in energy_panels(RESULTS) if p.file == "test_angular_resolution")
    assert panel.members[0].interval(0) == [0.2, 0.4]
    assert panel.members[0].interval(3) == [0.1, 0.1]


def test_an_area_of_0_has_no_place_on_a_logarithmic_axis() -> None:
    (panel,) = (p for p in energy_panels(RESULTS) if p.file == "test_effective_area")
    assert panel.log
    assert panel.members[0].rows == (2, 3)


def test_axes_say_which_energy_it_is_and_conventions_have_names() -> None:
    (panel,) = (p for p in energy_panels(RESULTS) if p.file == "test_energy_resolution")
    texts = [e.text for e in ET.fromstring(draw_by_energy(panel)).iter(f"{SVG}text")]
    assert {"true energy [TeV]", "energy resolution", "CTA", "pyirf"} <= set(texts)
    labels = {panel.label for panel in energy_panels(RESULTS)}
    assert {"angular resolution [deg]", "effective area [m²]"} <= labels


def test_the_same_curves_give_the_same_bytes() -> None:
    first, second = ([draw_by_energy(p) for p in energy_panels(copy.deepcopy(RESULTS))] for _ in range(2))
    assert first == second


def test_files_of_others_are_not_written_over() -> None:
    taken = ["Test_Energy_Resolution", "loss"]
    files = [panel.file for panel in energy_panels(RESULTS, taken=taken)]
    assert files == ["test_energy_resolution_", "test_angular_resolution", "test_effective_area"]


def test_infinite_values_are_not_drawn() -> None:
    curves = {"auc": curve("auc", "AUC", value=[np.inf, None, 0.5, None])}
    (panel,) = energy_panels({"performance": {"curves": curves}})
    assert panel.members[0].rows == (2,)
