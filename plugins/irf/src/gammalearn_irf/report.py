"""The report ``irf.benchmarks``."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gammalearn_core.api import RunFolder
from gammalearn_irf.choosing import chosen_curves
from gammalearn_irf.options import Options

_log = logging.getLogger(__name__)


class Benchmarks:
    """Writes ``irf/`` in the run folder: tables, figures, and ``benchmarks.json``.

    Parameters
    ----------
    run : RunFolder
    gamma_efficiency : float, optional
        Share of gammas that the cut in gammaness keeps; by default that with the best sensitivity.
    theta_efficiency : float
    energy_bins : sequence of float, optional
        Lowest and highest energy (TeV), and bins a decade.
    fov_bins : sequence of float, optional
        Edges in the angle to the pointing, deg.
    observation_time : float
        Hours.
    alpha : float
    gamma_spectrum, proton_spectrum : str
    references : sequence of str, optional
        Names of the reference curves that are drawn; all by default.

    Raises
    ------
    ValueError
        Parameters are wrong; all of them are told.
    """

    def __init__(
        self,
        run: RunFolder,
        *,
        gamma_efficiency: float | None = None,
        theta_efficiency: float = 0.7,
        energy_bins: Sequence[float] | None = None,
        fov_bins: Sequence[float] | None = None,
        observation_time: float = 50.0,
        alpha: float = 0.2,
        gamma_spectrum: str = "crab_magic",
        proton_spectrum: str = "irfdoc_proton",
        references: Sequence[str] | None = None,
    ) -> None:
        self.run = run
        self.options = Options(
            gamma_efficiency=gamma_efficiency,
            theta_efficiency=theta_efficiency,
            energy_bins=energy_bins,
            fov_bins=fov_bins,
            observation_time=observation_time,
            alpha=alpha,
            gamma_spectrum=gamma_spectrum,
            proton_spectrum=proton_spectrum,
        )
        self.curves, wrong = chosen_curves(references)
        problems = [str(problem) for problem in (*self.options.problems(), *wrong)]
        if problems:
            raise ValueError("; ".join(problems))

    def __call__(self, results: Mapping[str, Any] | None) -> list[Path]:
        """Write, and say what was written."""
        from gammalearn_irf.making import make
        from gammalearn_irf.making import write_benchmarks

        samples, made = make(self.run.path, self.options, where="irf.benchmarks")
        for note in made.notes:
            _log.info("irf.benchmarks: %s", note)
        return write_benchmarks(self.run.path / "irf", made, samples, run=self.run.id, references=self.curves)


__all__ = ["Benchmarks"]
