"""DL1 HDF5 files of ctapipe and lstchain: ``core.dl1``.

``opening`` tells the format, ``ctapipe`` and ``lstchain`` know it, ``choice`` and ``selecting`` choose images,
``images`` numbers them, ``chunks`` decodes them, ``store`` keeps them, and ``source`` is the loader.
"""

from __future__ import annotations

from gammalearn_core.builtin.loaders.dl1.source import DL1Source

__all__ = ["DL1Source"]
