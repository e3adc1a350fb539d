"""GammaLearn 0.15's own command, as its users call it, with a camera that ctapipe would download given by the file."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from peer_gammalearn import give_camera

if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        give_camera(Path(folder), str(next(Path(os.environ["BENCHMARK_DATA"]).glob("*.h5"))))
        from gammalearn.programs.gammalearn import main

        main()
