"""GammaLearn 0.15's own data sets, one a file, put together and shuffled by torch's loader as its data modules do."""

from __future__ import annotations

import os
import tempfile
import warnings
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import clock


def memory(settings: clock.Settings) -> tuple[Iterator[int], Iterator[int]]:
    """All images in memory: its default."""
    return _steps("MemoryLSTDataset", settings)


def file(settings: clock.Settings) -> tuple[Iterator[int], Iterator[int]]:
    """Images read from the file when they are asked for."""
    return _steps("FileLSTDataset", settings)


def _steps(kind: str, settings: clock.Settings) -> tuple[Iterator[int], Iterator[int]]:
    warnings.simplefilter("ignore")
    import torch
    from torch.utils.data import ConcatDataset
    from torch.utils.data import DataLoader

    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        give_camera(Path(folder), settings["files"][0])
        from gammalearn.data import LST_dataset

        sets = [
            getattr(LST_dataset, kind)(
                hdf5_file_path=path,
                camera_type="LST_LSTCam",
                group_by="image",
                targets=["energy", "class", "direction", "impact"],
                particle_dict={0: 0, 101: 1},
                use_time=True,
            )
            for path in settings["files"]
        ]
    loader: Any = DataLoader(ConcatDataset(sets), batch_size=settings["size"], shuffle=True)
    return islice(_sizes(loader), settings["warm"]), _sizes(loader)


def _sizes(loader: Any) -> Iterator[int]:
    return (len(batch["image"]) for batch in loader)


def give_camera(folder: Path, path: str) -> None:
    """Its data sets want a geometry called LSTCam, which ctapipe would download: give it that of the file."""
    from ctapipe.instrument import SubarrayDescription

    os.environ["CTAPIPE_SVC_PATH"] = str(folder)
    telescope = next(iter(SubarrayDescription.from_hdf(path).tel.values()))
    telescope.camera.geometry.to_table().write(folder / "LSTCam.camgeom.fits.gz")


if __name__ == "__main__":
    clock.main({"memory": memory, "file": file})
