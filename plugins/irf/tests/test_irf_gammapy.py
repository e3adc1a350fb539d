from __future__ import annotations

from pathlib import Path

import astropy.units as u
import numpy as np
import pytest
from irf_truth import ANGLE_SIGMA
from irf_truth import EFFICIENCY
from irf_truth import RADIUS

from gammalearn_irf.making import make
from gammalearn_irf.making import write_responses
from gammalearn_irf.options import Options

irf = pytest.importorskip("gammapy.irf")


def test_gammapy_loads_the_responses(predictions: Path, tmp_path: Path) -> None:
    options = Options(gamma_efficiency=0.7, energy_bins=(0.1, 10, 2), fov_bins=(0, 1, 2))
    samples, made = make(predictions, options)
    found = irf.load_irf_dict_from_file(write_responses(tmp_path, made, samples[0], run="a"))
    kinds = {name: type(response).__name__ for name, response in found.items()}
    classes = {"aeff": "EffectiveAreaTable2D", "edisp": "EnergyDispersion2D", "psf": "PSF3D", "bkg": "Background2D"}
    assert kinds == classes
    where = {"energy_true": 0.3 * u.TeV, "offset": 0.5 * u.deg}
    area = found["aeff"].evaluate(**where).to_value("m2")
    assert area == pytest.approx(0.7 * EFFICIENCY * np.pi * RADIUS**2, rel=0.05)
    radius = found["psf"].containment_radius(0.68, **where).to_value("deg")
    assert radius == pytest.approx(ANGLE_SIGMA * np.sqrt(-2 * np.log(0.32)), rel=0.06)
    assert found["bkg"].evaluate(energy=0.3 * u.TeV, offset=0.5 * u.deg) > 0
