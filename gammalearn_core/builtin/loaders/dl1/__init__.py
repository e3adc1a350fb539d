"""DL1 HDF5 files of ctapipe and lstchain: ``core.dl1``.

``opening`` tells the format, ``ctapipe`` and ``lstchain`` know it, ``choice`` and ``selecting`` choose images,
``images`` numbers them, ``chunks`` decodes them, ``store`` keeps them, and ``source`` is the loader. All but ``source``
do without torch, so that files can be looked at quickly.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gammalearn_core.builtin.loaders.dl1.source import DL1Source


def __getattr__(name: str) -> type[DL1Source]:
    """The loader, imported when it is asked for."""
    if name == "DL1Source":
        from gammalearn_core.builtin.loaders.dl1.source import DL1Source

        return DL1Source
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = ["DL1Source"]
