"""Reads DL1 files in a process of its own, which a damaged file may end: a path a line in, an answer a line out.

An answer is ``{"error": text}``, or ``{"values": …}`` with numbers for each image; ``{"traceback": text}`` is a defect.
"""

from __future__ import annotations

import json
import logging
import resource
import sys
import traceback
from pathlib import Path
from typing import Any

import numpy as np

from gammalearn_core.builtin.loaders.dl1 import DL1Source
from gammalearn_core.errors import GammalearnError

MEMORY = 8 * 2**30
COLUMNS = ("true_energy", "true_alt", "true_az", "true_shower_primary_id", "multiplicity", "hillas_intensity")


def answer(paths: list[str], on_corrupt: str) -> dict[str, Any]:
    """What is in the files, or what is said of them."""
    try:
        return {"values": values(paths, on_corrupt)}
    except GammalearnError as error:
        return {"error": str(error)}
    except Exception:
        return {"traceback": traceback.format_exc()}


def values(paths: list[str], on_corrupt: str) -> dict[str, dict[str, float]]:
    """Numbers of each image, by file and ids."""
    source = DL1Source([Path(p) for p in paths], level="subarray", on_corrupt=on_corrupt)  # type: ignore[arg-type]
    try:
        events = source.events
        for name in (*events.names, *events.images.names):
            _ = events[name] if name in events else events.images[name]
        batch = source.read(np.arange(len(events)))
        found = {}
        for group in batch.images.values():
            assert np.isfinite(group.pixels.numpy()).all()
            sums = group.pixels.double().sum(dim=2).numpy()
            dots = (group.pixels.double() @ np.arange(group.pixels.shape[2], dtype=np.float64)).numpy()
            for i, event in enumerate(group.event.tolist()):
                ids = (int(events[n][event]) for n in ("file", "obs_id", "event_id"))
                key = "-".join(map(str, (*ids, int(group.telescope[i]))))
                numbers = [
                    *sums[i].tolist(),
                    *dots[i].tolist(),
                    *group.position[i].tolist(),
                    *group.pointing[i].tolist(),
                ]
                known = {n: float(events[n][event]) for n in COLUMNS if n in events}
                found[key] = known | {str(n): value for n, value in enumerate(numbers)}
        return found
    finally:
        source.close()


def main() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING)
    for line in sys.stdin:
        request = json.loads(line)
        print(json.dumps(answer(request["paths"], request["on_corrupt"])), flush=True)


if __name__ == "__main__":
    main()
