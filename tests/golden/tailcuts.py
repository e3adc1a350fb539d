"""Makes ``tests/data/tailcuts.npz``: masks that ctapipe's own ``tailcuts_clean`` gives for real images.

Run with ctapipe 0.28, in the folder of the repository: ``python tests/golden/tailcuts.py``. The file holds, by camera,
``<camera>_ids`` (obs_id, event_id and tel_id of each image) and ``<camera>_masks``, (settings, images, pixels) as bits
along the last axis, for the settings that ``settings`` has as text.
"""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import numpy as np
from ctapipe.image import tailcuts_clean
from ctapipe.instrument import SubarrayDescription
from ctapipe.io import read_table

DATA = Path(__file__).parents[1] / "data"
CAMERAS = {
    "LSTCam": "gamma_test",
    "NectarCam": "gamma_test",
    "SCTCam": "gamma_test",
    "FlashCam": "gamma_prod3_large_trunc",
    "ASTRICam": "gamma_prod4_astri",
}
SETTINGS = [
    {"picture_threshold": 8.0, "boundary_threshold": 4.0},
    {"picture_threshold": 4.0, "boundary_threshold": 2.0},
    {"picture_threshold": 6.0, "boundary_threshold": 3.0, "keep_isolated_pixels": True},
    {"picture_threshold": 5.0, "boundary_threshold": 2.5, "min_number_picture_neighbors": 2},
    {"picture_threshold": 3.0, "boundary_threshold": 3.0, "min_number_picture_neighbors": 1},
    {
        "picture_threshold": 6.0,
        "boundary_threshold": 3.0,
        "keep_isolated_pixels": True,
        "min_number_picture_neighbors": 2,
    },
]


def masks_of(camera: str, name: str) -> dict[str, np.ndarray]:
    """Ids and masks of all images of a camera in a file."""
    path = DATA / f"{name}.dl1.h5"
    subarray = SubarrayDescription.from_hdf(path, focal_length_choice="EQUIVALENT")
    ids, masks = [], []
    for tel_id, telescope in sorted(subarray.tel.items()):
        if telescope.camera.name != camera:
            continue
        try:
            table = read_table(path, f"/dl1/event/telescope/images/tel_{tel_id:03d}")
        except Exception:  # most telescopes have no table, and PyTables and ctapipe say so in their own ways
            continue
        for row in table:
            ids.append((row["obs_id"], row["event_id"], tel_id))
            masks.append([_mask(telescope.camera.geometry, row["image"], **settings) for settings in SETTINGS])
    packed = np.packbits(np.array(masks).swapaxes(0, 1), axis=-1)
    return {f"{camera}_ids": np.array(ids, dtype=np.int64), f"{camera}_masks": packed}


def _mask(geometry, image, *, picture_threshold, boundary_threshold, **settings):
    return tailcuts_clean(geometry, image, picture_threshold, boundary_threshold, **settings)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    arrays = {key: value for camera, name in CAMERAS.items() for key, value in masks_of(camera, name).items()}
    files = json.dumps(CAMERAS)
    np.savez_compressed(DATA / "tailcuts.npz", settings=json.dumps(SETTINGS), files=files, **arrays)
