"""Opening a DL1 file of any format, told from what is in it."""

from __future__ import annotations

from pathlib import Path

import h5py

from gammalearn_core.builtin.loaders.dl1 import ctapipe
from gammalearn_core.builtin.loaders.dl1 import lstchain
from gammalearn_core.builtin.loaders.dl1.formats import DL1File
from gammalearn_core.builtin.loaders.dl1.hdf5 import OpenFiles
from gammalearn_core.errors import DataError
from gammalearn_core.errors import GammalearnError


def open_dl1(path: Path, files: OpenFiles) -> DL1File:
    """A DL1 file with images.

    Raises
    ------
    DataError
        It is not one, or is damaged.
    """
    try:
        with files.open(path) as h5:
            if isinstance(h5.get(ctapipe.IMAGES), h5py.Group):
                return ctapipe.CtapipeFile(path, files)
            if isinstance(h5.get(lstchain.IMAGES), h5py.Group):
                return lstchain.LstchainFile(path, files)
            raise DataError(f"{path} {_what_it_is(h5)}")
    except GammalearnError:
        raise
    except Exception as error:
        raise DataError(f"{path} is damaged: {type(error).__name__}: {error}") from error


def _what_it_is(h5: h5py.File) -> str:
    if isinstance(h5.get(ctapipe.PARAMETERS), h5py.Group):
        return "has DL1 parameters but no images: run ctapipe-process with --write-images"
    if isinstance(h5.get("/dl2"), h5py.Group):
        return "is a DL2 file without images"
    if any(isinstance(h5.get(f"/{level}/event/telescope"), h5py.Group) for level in ("r1", "r0")):
        return "has waveforms but no images: run ctapipe-process with --write-images"
    return f"is HDF5, but not DL1: it has neither {ctapipe.IMAGES} (ctapipe) nor {lstchain.IMAGES} (lstchain)"


__all__ = ["open_dl1"]
