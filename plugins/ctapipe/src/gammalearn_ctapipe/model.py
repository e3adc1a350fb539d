"""`GammaLearnModel`: one task of a run as a file that ``ctapipe-apply-models`` reads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import joblib
from astropy.table import Table
from ctapipe.containers import ArrayEventContainer
from ctapipe.core import ToolConfigurationError
from ctapipe.instrument import TelescopeDescription
from ctapipe.reco import ReconstructionProperty
from ctapipe.reco import Reconstructor

from gammalearn_core.api import TrainedRun
from gammalearn_ctapipe.cameras import key_of
from gammalearn_ctapipe.options import opened
from gammalearn_ctapipe.predictions import combiner_of
from gammalearn_ctapipe.predictions import kinds_of
from gammalearn_ctapipe.predictions import table_of
from gammalearn_ctapipe.tables import Remembered

_REMEMBERED = Remembered()


class Anywhere:
    """Stands for the subarray of a model, which fits any: its cameras are compared when it predicts."""

    @property
    def telescope_types(self) -> Anywhere:
        """Those of any other subarray."""
        return self

    def __eq__(self, other: object) -> bool:
        return True

    def __ne__(self, other: object) -> bool:
        return False

    __hash__ = None  # type: ignore[assignment]


class GammaLearnModel(Reconstructor):
    """One task of a run. Its file holds the way to the run folder and the checksum of the weights, not the weights.

    Parameters
    ----------
    run : Path
        A run folder of a network that sees one image at a time.
    task : str
        A task of it that ctapipe has a place for.
    weights_sha256 : str
        The weights that are meant.
    cuts, trust_settings : bool
        As of `GammaLearnReconstructor`.
    """

    needs_atmosphere_profile = False
    """What ctapipe asks from 0.32 on."""

    def __init__(
        self, run: Path, task: str, weights_sha256: str, *, cuts: bool = True, trust_settings: bool = False
    ) -> None:
        super().__init__(subarray=Anywhere())
        self._asked = (Path(run), task, weights_sha256, cuts, trust_settings)
        self._open()

    def __reduce__(self) -> tuple[Any, ...]:
        run, task, sha256, cuts, trust = self._asked
        return _again, (str(run), task, sha256, cuts, trust)

    def _open(self) -> None:
        run, task, sha256, cuts, trust = self._asked
        self._run: TrainedRun = opened(
            run, device="cpu", precision=None, cuts=cuts, trust_settings=trust, threads=self.n_jobs
        )
        if self._run.weights_sha256 != sha256:
            raise ToolConfigurationError(f"{run} has other weights than those that the model was written for")
        self._task, self._kind = task, kinds_of(self._run)[task]
        self.prefix = self._run.algorithms[task]
        self.stereo_combiner = combiner_of(self._kind, self.prefix, self)

    def __call__(self, event: ArrayEventContainer) -> None:
        """Not for the event loop.

        Raises
        ------
        ToolConfigurationError
            Always.
        """
        raise ToolConfigurationError("ctapipe-process takes --reconstructor GammaLearnReconstructor")

    def predict_table(self, key: TelescopeDescription, table: Table) -> dict[ReconstructionProperty, Table]:
        """Predictions of telescope events with images.

        Raises
        ------
        KeyError
            The network does not know the camera, which ctapipe tells.
        ToolConfigurationError
            The table has no images.
        """
        camera = key_of(key, self._run.inputs)
        if camera is None:
            raise KeyError(key)
        values = _REMEMBERED.predict(self._run, camera, table)
        return {self._kind.predicts: table_of(self._kind, values[self._task], self.prefix)}

    def write(self, path: Path) -> None:
        """Write the file that `Reconstructor.read` reads."""
        with path.open("wb") as stream:
            joblib.dump(self, stream)


def _again(run: str, task: str, sha256: str, cuts: bool, trust_settings: bool) -> GammaLearnModel:
    return GammaLearnModel(Path(run), task, sha256, cuts=cuts, trust_settings=trust_settings)


__all__ = ["GammaLearnModel"]
