"""`GammaLearnReconstructor`: the network of a run in ctapipe's event loop."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import numpy as np
from ctapipe.containers import ArrayEventContainer
from ctapipe.core import traits
from ctapipe.instrument import SubarrayDescription
from ctapipe.reco import Reconstructor
from numpy.typing import NDArray

from gammalearn_ctapipe.cameras import keys_of
from gammalearn_ctapipe.events import source_of
from gammalearn_ctapipe.options import GammaLearnQualityQuery
from gammalearn_ctapipe.options import opened
from gammalearn_ctapipe.predictions import combiner_of
from gammalearn_ctapipe.predictions import container_of
from gammalearn_ctapipe.predictions import kinds_of
from gammalearn_ctapipe.predictions import nothing

Predicted = Mapping[str, Mapping[str, NDArray[np.float64]]]


class GammaLearnReconstructor(Reconstructor):
    """Energy, direction and particle from images, by the network of a run of gammalearn.

    There is one algorithm a task, ``GammaLearnEnergy`` for ``energy`` and so on, as in the DL2 files of
    ``gammalearn predict``. A network that sees one image at a time predicts telescopes, and events by their mean;
    one that sees all images of an event predicts events. Of images that the run's cuts take, predictions are not valid.
    """

    needs_atmosphere_profile = False
    """What ctapipe asks from 0.32 on."""
    run = traits.Path(
        default_value=None, allow_none=True, exists=True, file_ok=False, help="Folder of a run of gammalearn."
    ).tag(config=True)
    device = traits.Unicode("cpu", help="What computes: auto, cpu, cuda or cuda:N.").tag(config=True)
    precision = traits.CaselessStrEnum(
        ["fp32", "bf16"], default_value=None, allow_none=True, help="None for that of the run."
    ).tag(config=True)
    cuts = traits.Bool(True, help="Whether the run's cuts are made, apart from those on truth.").tag(config=True)
    trust_settings = traits.Bool(
        False, help="Whether the run's settings file may be run, which is code: needed if it defines the network."
    ).tag(config=True)

    def __init__(self, subarray: SubarrayDescription, atmosphere_profile: Any = None, **kwargs: Any) -> None:
        super().__init__(subarray=subarray, atmosphere_profile=atmosphere_profile, **kwargs)
        self.quality_query = GammaLearnQualityQuery(parent=self)
        self._run = opened(
            self.run,
            device=self.device,
            precision=self.precision,
            cuts=self.cuts,
            trust_settings=self.trust_settings,
            threads=self.n_jobs,
        )
        self._keys = keys_of(subarray, self._run.inputs)
        self._stereo = self._run.inputs.level == "subarray"
        self._kinds = kinds_of(self._run)
        self._prefixes = {task: self._run.algorithms[task] for task in self._kinds}
        self._combiners = (
            [] if self._stereo else [combiner_of(kind, self._prefixes[t], self) for t, kind in self._kinds.items()]
        )
        if not self._keys:
            cameras = " and ".join(self._run.inputs.cameras)
            self.log.warning("no telescope has a camera that the network was trained on, which are %s", cameras)

    def __call__(self, event: ArrayEventContainer) -> None:
        """Fill ``event.dl2`` with what the network predicts."""
        telescopes = [tel_id for tel_id in sorted(self._keys) if self._is_usable(event, tel_id)]
        source = source_of(event, telescopes, self._run, self.subarray, self._keys)
        values = self._run.predict(source)
        if self._stereo:
            kept = self._run.kept(source)
            self._fill_event(event, [t for t, k in zip(telescopes, kept, strict=True) if k], values)
            return
        self._fill_telescopes(event, telescopes, values)
        for combiner in self._combiners:
            combiner(event)

    def _fill_event(self, event: ArrayEventContainer, used: Sequence[int], values: Predicted) -> None:
        for task, kind in self._kinds.items():
            prefix = self._prefixes[task]
            container = container_of(kind, values[task], 0, prefix) if used else nothing(kind, prefix)
            container.telescopes = list(used) if container.is_valid else []
            getattr(event.dl2.stereo, kind.place)[prefix] = container

    def _fill_telescopes(self, event: ArrayEventContainer, telescopes: Sequence[int], values: Predicted) -> None:
        """A prediction for each telescope that has triggered, valid or not."""
        rows = {tel_id: row for row, tel_id in enumerate(telescopes)}
        for task, kind in self._kinds.items():
            name = f"{self._prefixes[task]}_tel"
            for tel_id in event.trigger.tels_with_trigger:
                row = rows.get(tel_id)
                made = nothing(kind, name) if row is None else container_of(kind, values[task], row, name)
                getattr(event.dl2.tel[tel_id], kind.place)[self._prefixes[task]] = made

    def _is_usable(self, event: ArrayEventContainer, tel_id: int) -> bool:
        """Whether there is an image of this telescope, and it passes the criteria that are configured."""
        if tel_id not in event.dl1.tel or event.dl1.tel[tel_id].image is None:
            return False
        parameters = event.dl1.tel[tel_id].parameters
        return all(self.quality_query(parameters=parameters))


__all__ = ["GammaLearnReconstructor"]
