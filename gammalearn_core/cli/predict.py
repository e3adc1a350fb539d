"""``gammalearn predict``: a trained network on DL1 files, a DL2 file for each."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from gammalearn_core.plugin.registry import Registry


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the run, the files, where results go, and how they are computed."""
    parser.add_argument("run", type=Path, metavar="RUN", help="a run folder: <logdir>/<experiment>/<run id>")
    parser.add_argument("files", nargs="+", metavar="FILE", help="a DL1 file, or a pattern such as 'data/*.h5'")
    parser.add_argument(
        "-o", "--output", type=Path, required=True, metavar="DIR", help="folder of the DL2 files, one for each DL1 file"
    )
    parser.add_argument(
        "--shard", metavar="i/N", help="only the i-th of N parts of the files (default: the task of a Slurm array)"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace outputs that were made of other things")
    parser.add_argument("--no-cuts", action="store_true", help="predict too what the run's cuts would take")
    parser.add_argument(
        "--telescopes", type=_telescopes, metavar="1,2", help="use these (default: those that the run used, or all)"
    )
    parser.add_argument(
        "--layout", choices=("ctapipe", "lstchain"), help="of the DL2 files (default: that of each DL1 file)"
    )
    parser.add_argument("--batch-size", type=_count, default=128, metavar="N", help="samples at once (default: 128)")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N (default: auto)")
    parser.add_argument("--precision", choices=("fp32", "bf16"), help="(default: that of the run)")
    parser.add_argument("--threads", type=_count, default=0, metavar="N", help="of torch (default: its choice)")
    parser.add_argument("--compile", action="store_true", help="let torch compile the network")
    parser.add_argument("--no-fuse", action="store_true", help="compute the network as in training, layer by layer")
    parser.add_argument(
        "--trust-settings",
        action="store_true",
        help="run the copy of the settings file, which is code: needed if the network or its like is defined there",
    )


def execute(arguments: argparse.Namespace, registry: Registry) -> int:
    """Predict the files of this shard."""
    from gammalearn_core.inspecting.paths import expand
    from gammalearn_core.predicting import Options
    from gammalearn_core.predicting import predict
    from gammalearn_core.predicting.model import Computing
    from gammalearn_core.predicting.shards import read_shard
    from gammalearn_core.predicting.shards import shard_of

    options = Options(
        output=arguments.output.expanduser(),
        shard=read_shard(arguments.shard) if arguments.shard else shard_of(os.environ),
        layout=arguments.layout,
        batch_size=arguments.batch_size,
        computing=Computing(
            device=arguments.device,
            precision=arguments.precision,
            compile=arguments.compile,
            fuse=not arguments.no_fuse,
        ),
        threads=arguments.threads,
        cuts=not arguments.no_cuts,
        telescopes=arguments.telescopes,
        trust_settings=arguments.trust_settings,
        overwrite=arguments.overwrite,
    )
    return predict(arguments.run, expand(arguments.files), registry, options)


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number above 0, got {text!r}")
    return int(text)


def _telescopes(text: str) -> tuple[int, ...]:
    parts = text.split(",")
    if not all(part.strip().isdecimal() for part in parts):
        raise argparse.ArgumentTypeError(f"expected numbers with commas between, such as 1,2, got {text!r}")
    return tuple(int(part) for part in parts)


__all__ = ["add_arguments", "execute"]
