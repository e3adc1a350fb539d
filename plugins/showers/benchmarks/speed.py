"""Showers per second of CPU time, and what writing them as files adds.

    python plugins/showers/benchmarks/speed.py

All telescopes are looked at; noise is drawn for those that may trigger.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from gammalearn_showers.parameters import Parameters
from gammalearn_showers.runs import make_run
from gammalearn_showers.simulator import Simulator

SHOWERS = 3000
EVENTS = 2000


def main() -> None:
    """Print a table."""
    print("| array | primary | showers/s | images/s | triggered events/s | events/s as files |")
    print("|---|---|---|---|---|---|")
    for array in ("4lst", "4mst"):
        for particle, viewcone, least in (("gamma", 0.0, 0.05), ("proton", 5.0, 0.1)):
            parameters = Parameters(
                particle=particle, array=array, viewcone=viewcone, energy_range=(least, 10.0), scatter_radius=300.0
            )
            simulator = Simulator(parameters.production())
            simulator.block(1, 0, 100)
            begin = time.process_time()
            found = sum(simulator.block(1, n, n + 100).showers.triggered.sum() for n in range(100, 100 + SHOWERS, 100))
            seconds = time.process_time() - begin
            begin = time.process_time()
            with tempfile.TemporaryDirectory() as folder:
                make_run(Path(folder) / "run.dl1.h5", simulator, run=1, events=EVENTS, provenance={"version": "0"})
            written = EVENTS / (time.process_time() - begin)
            rate = SHOWERS / seconds
            print(f"| {array} | {particle} | {rate:.0f} | {4 * rate:.0f} | {found / seconds:.0f} | {written:.0f} |")


if __name__ == "__main__":
    main()
