"""What a sweep sees of a run, without the run: a folder, losses, and a way to end.

How it behaves is said by environment variables: ``PACE`` (seconds an epoch), ``SAYS`` (code of its end, after an epoch;
or ``nan``), ``DIES`` (it kills itself after two epochs, ``once`` or ``always``), ``DATA`` (checksums of files).
"""

from __future__ import annotations

import fcntl
import json
import math
import os
import signal
import sys
import time
from pathlib import Path

EPOCHS = 6


def main(arguments: list[str]) -> int:
    values = dict(text.split("=", 1) for text in arguments[3::2])
    folder = Path(arguments[1]) / "test" / "20260101T000000Z-00000000"
    folder.mkdir(parents=True, exist_ok=True)
    lock = (folder / ".lock").open("w")
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    stopped: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, frame: stopped.append(number))
    data = [{"sha256": name} for name in os.environ.get("DATA", "").split()]
    (folder / "run.json").write_text(json.dumps({"data": data}))
    with (folder / "starts").open("a") as stream:
        stream.write("start\n")
    lines = (folder / "metrics.jsonl").read_text().splitlines() if (folder / "metrics.jsonl").exists() else []
    for epoch in range(len(lines) + 1, EPOCHS + 1):
        time.sleep(float(os.environ.get("PACE", "0")))
        if stopped:
            return 75
        _write_epoch(folder, epoch, float(values["optimizer.lr"]))
        _misbehave(folder, epoch)
    return 0


def _write_epoch(folder: Path, epoch: int, lr: float) -> None:
    loss = (math.log10(lr) + 3) ** 2 + 1 / epoch if os.environ.get("SAYS") != "nan" else None
    line = {"epoch": epoch, "train": {}, "validation": {"loss": loss, "energy/bias": None}}
    with (folder / "metrics.jsonl").open("a") as stream:
        stream.write(json.dumps(line) + "\n")


def _misbehave(folder: Path, epoch: int) -> None:
    says, dies = os.environ.get("SAYS", ""), os.environ.get("DIES", "")
    if says.isdigit():
        print("some words\nerror: what is wrong\n    and why", file=sys.stderr, flush=True)
        os._exit(int(says))
    starts = len((folder / "starts").read_text().splitlines())
    if dies and epoch == 2 * starts and (dies == "always" or starts == 1):
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
