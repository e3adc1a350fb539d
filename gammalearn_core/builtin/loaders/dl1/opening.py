"""Opening a DL1 file of any format, told from what is in it."""

from __future__ import annotations

from pathlib import Path

import h5py

from gammalearn_core.builtin.loaders.dl1 import ctapipe
from gammalearn_core.builtin.loaders.dl1 import lstchain
from gammalearn_core.builtin.loaders.dl1.formats import DL1File
from gammalearn_core.builtin.loaders.dl1.hdf5 import OpenFiles
from gammalearn_core.builtin.loaders.dl1.hdf5 import blamed
from gammalearn_core.builtin.loaders.dl1.nodes import find
from gammalearn_core.errors import DataError


def open_dl1(path: Path, files: OpenFiles) -> DL1File:
    """A DL1 file with images.

    Raises
    ------
    DataError
        It is not one, or is damaged.
    """
    with blamed(path):
        with files.open(path) as h5:
            formats = {ctapipe.IMAGES: ctapipe.CtapipeFile, lstchain.IMAGES: lstchain.LstchainFile}
            found = next((made for group, made in formats.items() if _is_group(h5, group)), None)
            if found is None and ctapipe.nothing_triggered(h5):
                found = ctapipe.CtapipeFile
            if found is None:
                raise DataError(f"{path} {_what_it_is(h5)}")
        return found(path, files)


def _what_it_is(h5: h5py.File) -> str:
    if _is_group(h5, ctapipe.PARAMETERS):
        return "has DL1 parameters but no images: run ctapipe-process with --write-images"
    if _is_group(h5, "/dl2"):
        return "is a DL2 file without images"
    if any(_is_group(h5, f"/{level}/event/telescope") for level in ("r1", "r0")):
        return "has waveforms but no images: run ctapipe-process with --write-images"
    return f"is HDF5, but not DL1: it has neither {ctapipe.IMAGES} (ctapipe) nor {lstchain.IMAGES} (lstchain)"


def _is_group(h5: h5py.File, path: str) -> bool:
    return isinstance(find(h5, path), h5py.Group)


__all__ = ["open_dl1"]
