"""DL1-Data-Handler's own reader, as CTLearn uses it: mono batches in random order."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from itertools import islice
from typing import Any

import clock
import numpy as np


def mono(settings: clock.Settings) -> tuple[Iterator[int], Iterator[int]]:
    """Batches of image and peak time, each mapped to a square grid: the reader always does that."""
    from dl1_data_handler.reader import DLImageReader
    from traitlets.config import Config

    warnings.simplefilter("ignore")
    options = {
        "mode": "mono",
        "channels": ["image", "peak_time"],
        "allowed_tels": [settings["tel_id"]],
        "image_mapper_type": settings["mapper"],
    }
    half = len(settings["files"]) // 2
    reader = DLImageReader(
        input_url_signal=settings["files"][:half],
        input_url_background=settings["files"][half:],
        config=Config({"DLImageReader": options}),
    )
    return islice(_steps(reader, settings["size"], seed=0), 2), _steps(reader, settings["size"], seed=1)


def _steps(reader: Any, size: int, *, seed: int) -> Iterator[int]:
    count = reader._get_n_events()
    rows = np.random.default_rng(seed).permutation(count)
    for start in range(0, count, size):
        yield len(reader.generate_mono_batch(rows[start : start + size])["features"])


if __name__ == "__main__":
    clock.main({"mono": mono})
