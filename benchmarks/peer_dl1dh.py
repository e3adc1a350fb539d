"""DL1-Data-Handler's own reader, as CTLearn uses it: mono or stereo batches in random order."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from itertools import islice
from typing import Any

import clock
import numpy as np


def mono(settings: clock.Settings) -> tuple[Iterator[int], Iterator[int]]:
    """Batches of image and peak time, each mapped to a square grid: the reader always does that."""
    reader = _reader(settings, mode="mono", allowed_tels=[settings["tel_id"]])
    return islice(_steps(reader, settings["size"], seed=0), 2), _steps(reader, settings["size"], seed=1)


def stereo(settings: clock.Settings) -> tuple[Iterator[int], Iterator[int]]:
    """Batches of events with the images of all telescopes, which are 0 where a telescope saw nothing."""
    reader = _reader(settings, mode="stereo")
    settings["told"] = {"samples": reader._get_n_events()}
    return islice(_events(reader, settings["size"], seed=0), 2), _events(reader, settings["size"], seed=1)


def _reader(settings: clock.Settings, **options: Any) -> Any:
    from dl1_data_handler.reader import DLImageReader
    from traitlets.config import Config

    warnings.simplefilter("ignore")
    options |= {"channels": ["image", "peak_time"], "image_mapper_type": settings["mapper"]}
    config = {"DLImageReader": options}
    if settings.get("all"):
        config["TableQualityQuery"] = {"quality_criteria": []}
    half = len(settings["files"]) // 2
    return DLImageReader(
        input_url_signal=settings["files"][:half],
        input_url_background=settings["files"][half:],
        config=Config(config),
    )


def _steps(reader: Any, size: int, *, seed: int) -> Iterator[int]:
    count = reader._get_n_events()
    rows = np.random.default_rng(seed).permutation(count)
    for start in range(0, count, size):
        yield len(reader.generate_mono_batch(rows[start : start + size])["features"])


def _events(reader: Any, size: int, *, seed: int) -> Iterator[int]:
    count = reader._get_n_events()
    rows = np.random.default_rng(seed).permutation(count)
    for start in range(0, count, size):
        chosen = rows[start : start + size]
        reader.generate_stereo_batch(chosen)
        yield len(chosen)


if __name__ == "__main__":
    clock.main({"mono": mono, "stereo": stereo})
