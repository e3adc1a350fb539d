"""All that is told of truth and predictions together, of made samples and of runs."""

from __future__ import annotations

import doctest
import importlib
import json
import pkgutil
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from runs import read
from runs import run
from runs import run_folders
from runs import write_settings

from gammalearn_core.data.table import EventTable
from gammalearn_core.results import performance as kernel
from gammalearn_core.results.performance import ENERGY_EDGES
from gammalearn_core.results.performance import Curve
from gammalearn_core.results.performance import EventResults
from gammalearn_core.results.performance import SimulatedShowers
from gammalearn_core.results.performance import auc
from gammalearn_core.results.performance import energy_bias
from gammalearn_core.results.performance import performance
from gammalearn_core.results.predictions import Predictions

N = 2000
THROWN = SimulatedShowers(n_showers=1e5, energy_min=0.01, energy_max=200, spectral_index=-1, scatter_radius=500)


def made(**changes: Any) -> EventResults:
    """Gammas and protons, predicted well."""
    rng = np.random.default_rng(1)
    true = 10 ** rng.uniform(-2, 2.3, N)
    fields: dict[str, Any] = {
        "primary": np.where(np.arange(N) % 3 == 0, 101, 0),
        "shower": np.arange(N),
        "true_energy": true,
        "reco_energy": true * rng.lognormal(0.05, 0.2, N),
        "true_alt": np.full(N, 70.0),
        "true_az": np.full(N, 0.0),
        "reco_alt": 70 + rng.normal(0, 0.1, N),
        "reco_az": rng.normal(0, 0.1, N) / np.cos(np.radians(70)) % 360,
        "true_core_x": np.zeros(N),
        "true_core_y": np.zeros(N),
        "reco_core_x": rng.normal(0, 20, N),
        "reco_core_y": rng.normal(0, 20, N),
    }
    fields["gammaness"] = rng.normal(fields["primary"] == 0, 1, N)
    return EventResults(**(fields | changes))


def test_gammas_alone_are_measured_except_where_particles_are_told_apart() -> None:
    results = made()
    found = performance(results)
    gammas = results.gammas
    bias = energy_bias(gammas.true_energy, gammas.reco_energy)
    assert found["numbers"]["energy_bias"]["value"] == bias.value
    assert found["numbers"]["energy_bias"]["n"] == len(gammas) < N
    area = auc(results.gammaness, results.primary == 0)
    assert [found["numbers"]["auc"][k] for k in ("value", "low", "high", "n")] == pytest.approx(
        [area.value, area.low, area.high, N]
    )
    assert found["samples"] == {"0": len(gammas), "101": N - len(gammas)}


def test_every_number_and_curve_says_what_it_is_how_sure_and_of_how_many() -> None:
    found = performance(made(), showers=THROWN)
    assert set(found["numbers"]) == {
        *("energy_bias", "energy_resolution_cta", "energy_resolution_pyirf", "auc", "impact_resolution_68"),
        *("angular_resolution_68", "angular_resolution_50", "angular_resolution_95"),
    }
    for name, number in found["numbers"].items():
        assert number["low"] < number["value"] < number["high"], name
        assert number["n"] > 0
        assert number["definition"]
        by_reco = found["curves"][f"{name}_by_reco_energy"]
        assert (found["curves"][name]["x"], by_reco["x"]) == ("true_energy", "reco_energy")
    assert set(found["curves"]) - {f"{n}{s}" for n in found["numbers"] for s in ("", "_by_reco_energy")} == {
        "effective_area"
    }
    for fields in found["curves"].values():
        curve = Curve.from_dict(fields)
        assert curve.definition
        assert curve.edges.tolist() == ENERGY_EDGES.tolist()
        assert curve.n.sum() > 0


def test_counts_of_bins_add_up_to_the_samples_inside() -> None:
    results = made()
    found = performance(results)
    for name, known in (("true_energy", results.gammas.true_energy), ("reco_energy", results.gammas.reco_energy)):
        key = "energy_bias" if name == "true_energy" else "energy_bias_by_reco_energy"
        inside = np.count_nonzero((known >= ENERGY_EDGES[0]) & (known < ENERGY_EDGES[-1]))
        assert sum(found["curves"][key]["n"]) == inside
    assert sum(found["migration"]["n"]) == sum(found["curves"]["energy_bias"]["n"])


def test_the_curve_of_the_classifier_keeps_its_ends_and_its_area() -> None:
    results = made()
    roc = performance(results)["roc"]
    assert (roc["true_positive"][0], roc["true_positive"][-1], roc["false_positive"][-1]) == (0, 1, 1)
    assert len(roc["threshold"]) <= 201
    kept = np.trapezoid(roc["true_positive"], roc["false_positive"])
    assert kept == pytest.approx(auc(results.gammaness, results.primary == 0).value, abs=0.003)


def test_what_nobody_predicts_is_not_there() -> None:
    found = performance(made(gammaness=None, reco_alt=None, reco_core_y=None))
    assert set(found["numbers"]) == {"energy_bias", "energy_resolution_cta", "energy_resolution_pyirf"}
    assert "roc" not in found
    assert "effective_area" not in found["curves"]
    assert set(found["not_finite"]) == {"energy"}


def test_without_a_predicted_energy_there_are_bins_of_true_energy_only() -> None:
    found = performance(made(reco_energy=None))
    assert "migration" not in found
    assert {curve["x"] for curve in found["curves"].values()} == {"true_energy"}


def test_predictions_that_are_not_finite_are_left_out_and_counted() -> None:
    results = made()
    reco = results.reco_energy.copy()
    reco[[1, 2]], reco[3] = (np.nan, np.inf), np.nan
    found = performance(made(reco_energy=reco))
    assert found["not_finite"] == {"energy": 2, "direction": 0, "impact": 0, "particle": 0}
    assert found["numbers"]["energy_bias"]["n"] == len(results.gammas) - 2
    assert np.isfinite(found["numbers"]["energy_bias"]["value"])


def test_observed_samples_have_no_performance() -> None:
    assert performance(made(primary=np.full(N, -1))) == {}
    half = np.where(np.arange(N) < N // 2, -1, 0)
    assert performance(made(primary=half))["samples"] == {"0": N // 2}


def test_one_kind_of_particle_has_no_classifier_to_measure() -> None:
    found = performance(made(primary=np.zeros(N)))
    assert np.isnan(found["numbers"]["auc"]["value"])
    assert "roc" not in found
    protons = performance(made(primary=np.full(N, 101)))
    assert protons["numbers"]["energy_bias"]["n"] == 0
    assert np.isnan(protons["numbers"]["energy_bias"]["value"])


def test_weights_take_part_everywhere() -> None:
    weights = np.random.default_rng(2).uniform(0, 2, N)
    plain, weighted = performance(made()), performance(made(weights=weights))
    for name, number in plain["numbers"].items():
        assert number["value"] != weighted["numbers"][name]["value"], name
    ones = performance(made(weights=np.ones(N)))
    for name, number in plain["numbers"].items():
        for key in ("value", "low", "high", "n"):
            assert ones["numbers"][name][key] == pytest.approx(number[key], rel=1e-9), name


def test_several_images_of_an_event_count_once_for_the_area_and_widen_the_intervals() -> None:
    once = made()
    twice = once.take(np.repeat(np.arange(N), 2))
    first, second = performance(once, showers=THROWN), performance(twice, showers=THROWN)
    assert second["curves"]["effective_area"] == first["curves"]["effective_area"]
    for name in ("angular_resolution_68", "auc"):
        one, two = first["numbers"][name], second["numbers"][name]
        assert two["high"] - two["low"] == pytest.approx(one["high"] - one["low"], rel=0.05)


def test_columns_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match=r"reco_energy: \(3,\) does not fit 2000 samples"):
        made(reco_energy=[1, 2, 3])
    with pytest.raises(ValueError, match="weights must be finite and not negative"):
        made(weights=np.full(N, -1.0))


def test_predictions_of_a_run_become_results() -> None:
    columns = {
        "obs_id": np.array([1, 1, 2]),
        "event_id": np.array([5, 5, 5]),
        "true_shower_primary_id": np.array([0, 0, 101]),
        "true_energy": np.array([1.0, 1.0, 3.0]),
        "true_alt": np.full(3, 70.0),
        "true_az": np.full(3, 10.0),
    }
    values = {"a": {"energy": np.array([1.5, 2.0, 1.0])}, "b": {"energy": np.zeros(3), "prediction": np.ones(3)}}
    results = EventResults.from_predictions(
        Predictions(events=EventTable(columns, 3), rows=np.arange(3), values=values)
    )
    assert results.reco_energy.tolist() == [1.5, 2.0, 1.0]
    assert results.gammaness.tolist() == [1, 1, 1]
    assert results.event[0] == results.event[1] != results.event[2]
    assert results.shower[0] == results.shower[1] != results.shower[2]
    assert results.reco_alt is None
    assert results.separation() is None


def test_observed_predictions_have_no_particle() -> None:
    columns = {"obs_id": np.array([1, 1]), "event_id": np.array([5, 6])}
    predictions = Predictions(events=EventTable(columns, 2), rows=np.arange(2), values={"e": {"energy": np.ones(2)}})
    assert EventResults.from_predictions(predictions).primary.tolist() == [-1, -1]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run with a test split."""
    settings = write_settings(tmp_path_factory.mktemp("performance"), test="0.5", epochs="1")
    assert run(settings) == 0
    return run_folders(settings)[0]


def test_a_run_tells_the_performance_on_its_test_split(finished: Path) -> None:
    metrics = read(finished / "metrics.json")
    found, splits = metrics["performance"], metrics["splits"]
    assert found["split"] == "test"
    assert sum(found["samples"].values()) == read(finished / "run.json")["splits"]["test"]["samples"]
    for name, number in (
        ("energy_bias", "energy/bias"),
        ("energy_resolution_cta", "energy/resolution_cta"),
        ("energy_resolution_pyirf", "energy/resolution_pyirf"),
        ("angular_resolution_68", "direction/resolution"),
        ("angular_resolution_50", "direction/median"),
        ("auc", "particle/auc"),
    ):
        assert found["numbers"][name]["value"] == pytest.approx(splits["test"][number], rel=2e-3), name
    assert found["numbers"]["energy_bias"]["n"] == splits["test"]["energy/n"]


def test_the_effective_area_of_a_run_is_of_the_share_of_showers_that_was_tested(finished: Path) -> None:
    curve = read(finished / "metrics.json")["performance"]["curves"]["effective_area"]
    assert sum(curve["n"]) > 0
    assert all(high > 0 for high, n in zip(curve["high"], curve["n"], strict=True) if n)
    assert sum(curve["n"]) <= read(finished / "run.json")["splits"]["test"]["by_primary"]["0"]


def test_every_field_is_documented(finished: Path) -> None:
    text = (Path(__file__).parents[2] / "docs" / "run_folder.md").read_text(encoding="utf-8")
    found = read(finished / "metrics.json")["performance"]
    parts = [found, found["numbers"]["auc"], found["curves"]["auc"], found["roc"], found["migration"]]
    names = {name for part in parts for name in part}
    assert [name for name in sorted(names) if f"`{name}`" not in text] == []


def test_every_measure_is_documented(finished: Path) -> None:
    text = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text(encoding="utf-8")
    found = read(finished / "metrics.json")["performance"]
    names = {*found["numbers"], "impact_resolution_68", "effective_area", "roc", "migration"}
    assert [name for name in sorted(names) if f"`{name}`" not in text] == []


def test_the_example_of_the_page_runs(
    finished: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"^```python\n(.*?)^```$", text, flags=re.DOTALL | re.MULTILINE)
    monkeypatch.chdir(finished)
    exec(code, {})
    assert "Estimate(value=0.0" in capsys.readouterr().out


@pytest.mark.parametrize("module", [m.name for m in pkgutil.iter_modules(kernel.__path__)])
def test_examples_of_the_kernel_are_right(module: str) -> None:
    assert doctest.testmod(importlib.import_module(f"{kernel.__name__}.{module}")).failed == 0


def test_the_kernel_needs_no_torch() -> None:
    code = "import sys, gammalearn_core.results.performance; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_what_is_told_can_be_written_as_json() -> None:
    text = json.dumps(performance(made(), showers=THROWN))
    assert Curve.from_dict(json.loads(text)["curves"]["auc"]).x == "true_energy"


def test_events_of_the_subarray_are_measured_by_telescopes() -> None:
    telescopes = np.arange(N) % 4 + 1
    results = made(telescopes=telescopes)
    curves = performance(results)["curves"]
    assert {f"{name}_by_telescopes" for name in ("auc", "energy_bias", "angular_resolution_68")} <= set(curves)
    bias = Curve.from_dict(curves["energy_bias_by_telescopes"])
    assert bias.centres.tolist() == [1, 2, 3, 4]
    assert (bias.x, bias.x_unit) == ("telescopes", "")
    for count in (1, 2, 3, 4):
        there = results.take(telescopes == count).gammas
        estimate = energy_bias(there.true_energy, there.reco_energy)
        assert [getattr(bias, k)[count - 1] for k in ("value", "low", "high", "n")] == pytest.approx(
            [estimate.value, estimate.low, estimate.high, len(there)]
        )
    area = Curve.from_dict(curves["auc_by_telescopes"])
    here = telescopes == 3
    assert area.value[2] == auc(results.gammaness[here], results.primary[here] == 0).value
    assert area.n.tolist() == [N // 4] * 4


def test_single_images_are_not_measured_by_telescopes() -> None:
    assert not any(name.endswith("_by_telescopes") for name in performance(made())["curves"])


def test_telescopes_of_an_event_are_its_images_that_are_left() -> None:
    columns = {name: np.zeros(3) for name in ("true_shower_primary_id", "obs_id", "true_energy", "true_alt", "true_az")}
    images = EventTable({"event_id": np.arange(6)}, 6)
    events = EventTable(
        {**columns, "event_id": np.arange(3), "multiplicity": np.full(3, 9)},
        3,
        offsets=np.array([0, 1, 4, 6]),
        images=images,
    )
    energies = {"energy": {"energy": np.ones(3)}}
    of_events = Predictions(events=events, rows=np.arange(3), values=energies)
    assert EventResults.from_predictions(of_events).telescopes.tolist() == [1, 3, 2]
    of_images = Predictions(
        events=EventTable({**columns, "event_id": np.arange(3), "multiplicity": np.full(3, 9)}, 3),
        rows=np.arange(3),
        values=energies,
    )
    assert EventResults.from_predictions(of_images).telescopes is None
