"""Charts of what was measured: intervals, gaps, what is marked, and their figures as files."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from gammalearn_core.builtin.reports.html import HtmlReport
from gammalearn_core.engine.folder import RunFolder
from gammalearn_core.reporting.charts import Chart
from gammalearn_core.reporting.charts import Matrix
from gammalearn_core.reporting.charts import Series
from gammalearn_core.reporting.charts import plain
from gammalearn_core.reporting.figures import write_figures
from gammalearn_core.reporting.measured import measured
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


def charts(results: dict[str, Any] = RESULTS) -> dict[str, Chart | Matrix]:
    return {item.id: item for item in measured(results)}


def chart(id: str, results: dict[str, Any] = RESULTS) -> Chart:
    found = charts(results)[id]
    assert isinstance(found, Chart)
    return found


def test_what_was_measured_is_shown_with_its_definition(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, RESULTS)
    html = page(folder)
    assert '<section id="performance-by-energy">' in html
    for name in ("energy_resolution_cta", "energy_resolution_pyirf", "angular_resolution_68", "effective_area"):
        assert f"efinition of {name}" in html
    assert sorted(p.name for p in folder.figures.glob("*.svg")) == [
        *("test_angular_resolution.svg", "test_effective_area.svg", "test_energy_resolution.svg"),
    ]


@pytest.mark.parametrize("results", [{}, {"performance": {"confidence": 0.95, "curves": {}}}])
def test_without_curves_there_is_no_such_section(results: dict[str, Any], tmp_path: Path) -> None:
    assert 'id="performance-by-energy"' not in page(folder_with(tmp_path, results))


def test_what_was_measured_in_no_bin_is_not_drawn() -> None:
    assert "test_auc" not in charts()


def test_an_empty_bin_is_a_gap_and_a_bin_of_few_samples_hollow(tmp_path: Path) -> None:
    found = chart("test_angular_resolution")
    (series,) = found.series
    assert [math.isfinite(v) for v in series.y] == [True, False, True, True]
    assert plain(found)["series"][0]["y"] == [0.3, None, 0.2, 0.1]
    (file,) = write_figures(tmp_path, [found], "svg")
    svg = file.read_text(encoding="utf-8")
    assert (uses(svg, "fill: #0072b2"), uses(svg, "fill: #ffffff; stroke: #0072b2")) == (2, 1)


def test_an_end_that_is_not_known_is_not_made_up(tmp_path: Path) -> None:
    told = plain(chart("test_angular_resolution"))["series"][0]
    assert (told["y_low"], told["y_high"]) == ([0.2, None, 0.15, None], [0.4, None, 0.3, None])


def test_an_area_of_0_has_no_place_on_a_logarithmic_axis(tmp_path: Path) -> None:
    found = chart("test_effective_area")
    assert found.y_log
    (file,) = write_figures(tmp_path, [found], "svg")
    svg = file.read_text(encoding="utf-8")
    assert (uses(svg, "fill: #0072b2"), uses(svg, "fill: #ffffff; stroke: #0072b2")) == (1, 1)


def test_axes_say_which_energy_it_is_and_conventions_have_names(tmp_path: Path) -> None:
    (file,) = write_figures(tmp_path, [chart("test_energy_resolution")], "svg")
    texts = [e.text for e in ET.fromstring(file.read_text(encoding="utf-8")).iter(f"{SVG}text")]
    assert {"true energy [TeV]", "energy resolution", "CTA: about 0", "pyirf: half width"} <= set(texts)
    labels = {item.y_label for item in measured(RESULTS)}
    assert {"angular resolution [deg]", "effective area [m²]"} <= labels


@pytest.mark.parametrize("ending", ["svg", "png", "pdf"])
def test_the_same_charts_give_the_same_bytes(tmp_path: Path, ending: str) -> None:
    matrix = Matrix(
        id="m", section="s", title="t", x_label="x", y_label="y", x_edges=[1, 2, 4], y_edges=[1, 2, 4],
        counts=[[1, 0], [float("nan"), 3]], n=[4, 40], x_log=True, diagonal=True,
    )  # fmt: skip
    steps = Chart(
        id="c", section="s", title="t", x_label="x", y_label="y", y_log=True,
        series=[
            Series("a", [0, 1, 2], [5, 0], n=[5, 0], kind="steps"),
            Series("r", [0, 2], [1, 2], kind="reference"),
        ],
    )  # fmt: skip
    items = [chart("test_energy_resolution"), matrix, steps]
    first, second = (write_figures(tmp_path / name, items, ending) for name in ("one", "two"))
    assert [p.name for p in first] == [f"{item.id}.{ending}" for item in items]
    assert [p.read_bytes() for p in first] == [p.read_bytes() for p in second]
    assert not list(tmp_path.rglob(".*"))


def test_curves_by_telescopes_have_a_section_and_a_linear_axis_of_their_own() -> None:
    by = {"x": "telescopes", "x_unit": "", "edges": [0.5, 1.5, 2.5, 3.5, 4.5]}
    known = {"auc_by_telescopes": {**curve("auc", "AUC", value=[None, 0.8, 0.9, 0.95]), **by}}
    found = chart("test_auc_by_telescopes", {"performance": {"curves": known}})
    assert (found.section, found.x_label, found.x_log) == (
        "Performance by number of telescopes",
        "telescopes with images",
        False,
    )
    (points,) = found.series
    assert points.x == (1, 2, 3, 4)
    assert points.y[1:] == (0.8, 0.9, 0.95)


def test_infinite_values_are_gaps() -> None:
    curves = {"auc": curve("auc", "AUC", value=[float("inf"), None, 0.5, None])}
    found = chart("test_auc", {"performance": {"curves": curves}})
    assert [math.isfinite(v) for v in found.series[0].y] == [False, False, True, False]


def test_a_roc_curve_and_a_migration_matrix_are_drawn() -> None:
    results = {
        "performance": {
            "roc": {
                "threshold": [None, 0.5, 0.0], "true_positive": [0.0, 0.8, 1.0], "false_positive": [0.0, 0.1, 1.0],
                "n_positive": 10, "n_negative": 20, "definition": "shares",
            },
            "migration": {
                "true_edges": [0.1, 1, 10], "reco_edges": [0.1, 1, 10], "x_unit": "TeV",
                "value": [[0.9, None], [0.1, None]], "n": [10, 0], "unit": "", "definition": "share",
            },
        }
    }  # fmt: skip
    roc = chart("test_roc", results)
    assert roc.series[0].y == (0.0, 0.8, 1.0)
    assert "10 gammas, 20 other particles" in roc.note
    matrix = charts(results)["test_migration"]
    assert isinstance(matrix, Matrix)
    assert (matrix.n, plain(matrix)["counts"]) == ((10, 0), [[0.9, None], [0.1, None]])


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"x": [1, 2], "y": [1]}, "x has 2 numbers, not 1"),
        ({"x": [1], "y": [1], "kind": "steps"}, "x has 1 numbers, not 2"),
        ({"x": [1], "y": [1], "n": []}, "n has 0 numbers, not 1"),
        ({"x": [1], "y": [1], "kind": "pie"}, "pie"),
    ],
)
def test_a_series_whose_numbers_do_not_fit_is_refused(fields: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        Series("s", **fields)
