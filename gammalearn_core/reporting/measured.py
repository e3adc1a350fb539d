"""Charts of what ``metrics.json`` holds of the test split: curves by energy and telescopes, ROC, migration."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from attrs import frozen

from gammalearn_core.reporting.charts import Chart
from gammalearn_core.reporting.charts import Matrix
from gammalearn_core.reporting.charts import Series
from gammalearn_core.reporting.quantities import number

BY_ENERGY = "Performance by energy"
BY_TELESCOPES = "Performance by number of telescopes"
PARTICLES = "Gammas and other particles"
ENERGIES = "Predicted energies and directions"
_UNITS = {"m2": "m²"}


@frozen
class _Axis:
    """What the bins of curves are of."""

    words: str
    section: str
    log: bool = True


_AXES = {
    "true_energy": _Axis("true energy", BY_ENERGY),
    "reco_energy": _Axis("predicted energy", BY_ENERGY),
    "telescopes": _Axis("telescopes with images", BY_TELESCOPES, log=False),
}


@frozen
class _Shown:
    """What is drawn together: curves of ``metrics.json`` with their labels."""

    title: str
    curves: Mapping[str, str]
    log: bool = False


_SHOWN = {
    "energy_bias": _Shown("Energy bias", {"energy_bias": "median"}),
    "energy_resolution": _Shown(
        "Energy resolution", {"energy_resolution_cta": "CTA: about 0", "energy_resolution_pyirf": "pyirf: half width"}
    ),
    "angular_resolution": _Shown(
        "Angular resolution",
        {"angular_resolution_68": "68 %", "angular_resolution_50": "50 %", "angular_resolution_95": "95 %"},
    ),
    "impact_resolution": _Shown("Impact resolution", {"impact_resolution_68": "68 %"}),
    "auc": _Shown("AUC", {"auc": "AUC"}),
    "effective_area": _Shown("Effective area", {"effective_area": "all that are predicted"}, log=True),
}


def measured(results: Mapping[str, Any]) -> list[Chart | Matrix]:
    """Charts of the test split.

    Parameters
    ----------
    results : mapping
        Content of ``metrics.json``.
    """
    performance = results.get("performance") or {}
    curves = performance.get("curves") or {}
    found: list[Chart | Matrix] = []
    for x in _AXES:
        for name, shown in _SHOWN.items():
            suffix = "" if x == "true_energy" else f"_by_{x}"
            members = {f"{member}{suffix}": label for member, label in shown.curves.items()}
            chart = _by(f"test_{name}{suffix}", shown, x, [(curves[m], members[m]) for m in members if m in curves])
            if chart is not None and not chart.empty:
                found.append(chart)
    return [*found, *_roc(performance.get("roc")), *_migration(performance.get("migration"))]


def _by(id: str, shown: _Shown, x: str, curves: Sequence[tuple[Mapping[str, Any], str]]) -> Chart | None:
    if not curves:
        return None
    first = curves[0][0]
    unit = str(first.get("unit") or "")
    label = f"{first['quantity']} [{_UNITS.get(unit, unit)}]" if unit else str(first["quantity"])
    told = dict.fromkeys(str(curve.get("definition") or "") for curve, _ in curves)
    axis, x_unit = _AXES[x], str(first.get("x_unit") or "")
    return Chart(
        id=id,
        section=axis.section,
        group=f"In bins of {axis.words}" if axis.log else "",
        title=shown.title if x == "true_energy" else f"{shown.title}, by {axis.words}",
        x_label=f"{axis.words} [{x_unit}]" if x_unit else axis.words,
        y_label=label,
        series=[_series(curve, name, log=axis.log) for curve, name in curves],
        x_log=axis.log,
        y_log=shown.log,
        definition="; ".join(filter(None, told)),
    )


def _series(curve: Mapping[str, Any], label: str, *, log: bool) -> Series:
    edges = _numbers(curve["edges"])
    return Series(
        label,
        [(low * high) ** 0.5 if log else (low + high) / 2 for low, high in pairwise(edges)],
        _numbers(curve["value"]),
        y_low=_numbers(curve["low"]),
        y_high=_numbers(curve["high"]),
        n=_numbers(curve["n"]),
        edges=edges,
    )


def _roc(roc: Mapping[str, Any] | None) -> list[Chart]:
    if not roc:
        return []
    counts = f"{roc['n_positive']} gammas, {roc['n_negative']} other particles"
    curve = Series("ROC curve", _numbers(roc["false_positive"]), _numbers(roc["true_positive"]), kind="line")
    chance = Series("chance", [0, 1], [0, 1], kind="reference")
    return [
        Chart(
            id="test_roc",
            section=PARTICLES,
            title="ROC curve",
            x_label="share of other particles that are kept",
            y_label="share of gammas that are kept",
            series=[curve, chance],
            definition=str(roc.get("definition") or ""),
            note=counts,
        )
    ]


def _migration(migration: Mapping[str, Any] | None) -> list[Matrix]:
    if not migration:
        return []
    unit = migration.get("x_unit") or "TeV"
    return [
        Matrix(
            id="test_migration",
            section=ENERGIES,
            title="Migration matrix",
            x_label=f"true energy [{unit}]",
            y_label=f"predicted energy [{unit}]",
            x_edges=_numbers(migration["true_edges"]),
            y_edges=_numbers(migration["reco_edges"]),
            counts=[_numbers(row) for row in migration["value"]],
            n=_numbers(migration["n"]),
            value_label="share of the gammas of a column",
            x_log=True,
            y_log=True,
            diagonal=True,
            definition=str(migration.get("definition") or ""),
        )
    ]


def _numbers(values: Sequence[object]) -> list[float]:
    return [number(value) for value in values]


__all__ = ["BY_ENERGY", "BY_TELESCOPES", "ENERGIES", "PARTICLES", "measured"]
