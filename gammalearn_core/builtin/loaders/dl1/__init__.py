"""ctapipe DL1 HDF5: ``core.dl1``.

``instrument`` describes, ``file`` opens, ``choice`` chooses cameras, ``index`` makes the event
table, ``blocks`` reads images, and ``source`` is the loader.
"""

from __future__ import annotations

from gammalearn_core.builtin.loaders.dl1.source import DL1Source

__all__ = ["DL1Source"]
