"""Events as ctaplot takes them: arrays with units."""

from __future__ import annotations

from typing import Any

import astropy.units as u
import numpy as np

from gammalearn_gammaboard_export.reading import Sample

_UNITS = {"energy": u.TeV, "alt": u.rad, "az": u.rad, "core_x": u.m, "core_y": u.m}


def events_of(sample: Sample) -> dict[str, Any]:
    """Columns by name, as ctaplot's parameters are called: ``true_alt``, ``reco_energy``.

    Energies are in TeV, angles in rad; all in double precision, which ``arccos`` of small angles needs.
    """
    found = {}
    for name, values in sample.columns.items():
        unit = _UNITS.get(name.partition("_")[2])
        if unit is not None:
            found[name] = (np.radians(values) if unit == u.rad else values) * unit
    return found


def chosen(events: dict[str, Any], *quantities: str) -> dict[str, Any]:
    """Truth and prediction of some quantities."""
    return {f"{kind}_{q}": events[f"{kind}_{q}"] for kind in ("true", "reco") for q in quantities}


__all__ = ["chosen", "events_of"]
