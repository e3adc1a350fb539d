"""Figures of ctaplot."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gammalearn_core.api import RunFolder
from gammalearn_gammaboard_export.finding import find
from gammalearn_gammaboard_export.panels import PANELS
from gammalearn_gammaboard_export.reading import Samples
from gammalearn_gammaboard_export.reading import read_samples
from gammalearn_gammaboard_export.report import Figures

pytest.importorskip("ctaplot")

pytestmark = pytest.mark.filterwarnings("ignore")
MakeRun = Callable[..., Path]


def samples_of(run: Path) -> Samples:
    return read_samples(find(run).files)


def points(axes: Any) -> dict[str, Any]:
    """Numbers that are drawn, by label."""
    return {c.get_label(): np.asarray(c.lines[0].get_ydata(), dtype=float) for c in axes.containers}


def test_all_figures_are_drawn_the_same_bytes_each_time(make_run: MakeRun) -> None:
    run = make_run()
    written = Figures(RunFolder(run), site="south")({})
    assert {path.name for path in written} == {f"{name}.{ending}" for name in PANELS for ending in ("png", "svg")}
    before = {path: path.read_bytes() for path in written}
    again = Figures(RunFolder(run), site="south", figures=["angular_resolution", "gammaness"])({})
    assert all(path.read_bytes() == before[path] for path in again)


def test_requirements_of_cta_are_drawn_beside(make_run: MakeRun) -> None:
    from gammalearn_gammaboard_export.drawing.drawing import _require
    from gammalearn_gammaboard_export.drawing.drawing import draw

    axes = draw("energy_resolution", samples_of(make_run())).axes[0]
    assert _require(axes, "energy_resolution", "south") == []
    (line,) = [line for line in axes.lines if line.get_label() == "CTA requirement south"]
    # Table of ctaplot 0.6.6: 10 % at 1 TeV.
    assert np.interp(1.0, line.get_xdata(), line.get_ydata()) == pytest.approx(0.1, abs=0.002)


def test_only_what_is_wanted_and_predicted_is_drawn(make_run: MakeRun) -> None:
    run = make_run(tasks=("energy", "particle"), primaries=(0,))
    written = Figures(RunFolder(run), figures=["theta2", "roc", "migration_matrix"])({})
    assert {path.name for path in written} == {"migration_matrix.png", "migration_matrix.svg"}


def test_bins_without_events_are_gaps_and_those_with_few_are_hollow(make_run: MakeRun) -> None:
    from ctaplot.ana.ana import irf_cta

    from gammalearn_gammaboard_export.drawing.curves import FEW
    from gammalearn_gammaboard_export.drawing.drawing import draw

    samples = samples_of(make_run(count=160))
    drawn = points(draw("angular_resolution", samples).axes[0])
    assert {*drawn} == {"this run", f"this run, fewer than {FEW} events"}
    assert not any(np.any(curve == 0) for curve in drawn.values())
    full, few = (np.isfinite(curve) for curve in drawn.values())
    edges = irf_cta().energy_bins.to_value("TeV")
    count = np.histogram(samples.gammas.columns["true_energy"], edges)[0]
    assert full.tolist() == (count >= FEW).tolist()
    assert few.tolist() == ((count > 0) & (count < FEW)).tolist()


def test_an_inverted_classifier_is_not_called_good(make_run: MakeRun) -> None:
    from attrs import evolve

    from gammalearn_gammaboard_export.drawing.drawing import draw

    samples = samples_of(make_run())
    turned = {
        kind: evolve(s, columns=s.columns | {"gammaness": 1 - s.columns["gammaness"]})
        for kind, s in (("gammas", samples.gammas), ("background", samples.background))
    }
    good, bad = (draw("roc", s).axes[0].get_legend().get_texts()[0] for s in (samples, evolve(samples, **turned)))
    assert float(good.get_text().removeprefix("AUC ")) > 0.9
    assert float(bad.get_text().removeprefix("AUC ")) < 0.1


def test_the_effective_area_is_that_of_the_simulation(make_run: MakeRun) -> None:
    from ctaplot.ana.ana import irf_cta

    from gammalearn_gammaboard_export.drawing.drawing import draw

    samples = samples_of(make_run())
    drawn = points(draw("effective_area", samples).axes[0])
    triggered = np.nansum([curve for label, curve in drawn.items() if label.startswith("triggered")], axis=0)
    edges = irf_cta().energy_bins.to_value("TeV")
    count = np.histogram(samples.gammas.triggered, edges)[0]
    # A power law of index -2 from 0.03 to 50 TeV, 5000 showers in a circle of 500 m.
    thrown = 5000 * (1 / edges[:-1] - 1 / edges[1:]) / (1 / 0.03 - 1 / 50)
    whole = (edges[:-1] >= 0.03) & (edges[1:] <= 50)
    expected = np.where(whole, np.pi * 500**2 * count / thrown, 0)
    np.testing.assert_allclose(triggered, expected, rtol=0.01)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"figures": ["rock"], "site": "moon"}, r"'rock' is no figure.*'moon' is no site of CTA"),
        ({"figures": "roc"}, r"expected a list of names, got 'roc'"),
    ],
)
def test_wrong_parameters_are_told(tmp_path: Path, parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"(?s){message}"):
        Figures(RunFolder(tmp_path), **parameters)


def test_without_ctaplot_the_report_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gammalearn_gammaboard_export.report.find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"pip install 'gammalearn-gammaboard-export\[ctaplot\]'"):
        Figures(RunFolder(tmp_path))
