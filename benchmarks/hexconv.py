"""Our convolutions on hexagonal pixels against the peers: CPU time and memory of layers and of a whole network.

    python benchmarks/hexconv.py            # about a quarter of an hour
    python benchmarks/hexconv.py --quick    # about a minute: what the targets need, and less certain

All is measured on one thread, with two settings of the C allocator. ``README.md`` tells what the lines are.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict
from dataclasses import dataclass
from typing import Any

import hexconv_methods as methods
import torch
from hexconv_timing import Costs
from hexconv_timing import Spread
from hexconv_timing import in_turns
from hexconv_timing import peak_memory
from hexconv_timing import peaks

ALLOCATORS = {
    "tuned": {
        "MALLOC_MMAP_THRESHOLD_": "2147483648",
        "MALLOC_TRIM_THRESHOLD_": "4294967296",
        "MALLOC_TOP_PAD_": "268435456",
    },
    "default": {},
}
"""What glibc is told: to keep memory that is freed, or nothing."""
LAYERS = {
    "2 to 16": (2, 16, 1, 1),
    "16 to 32": (16, 32, 1, 1),
    "32 to 64": (32, 64, 1, 1),
    "64 to 64": (64, 64, 1, 1),
    "16 to 32, radius 2": (16, 32, 2, 1),
    "32 to 64, stride 2": (32, 64, 1, 2),
}
"""Channels in and out, radius and stride."""
FEW_LAYERS = ("32 to 64",)
FEW = {
    methods.INDEXED,
    methods.OURS,
    methods.FUSED,
    methods.FUSED_BF16,
    *(methods.square_name(side, "channels_last") for side in methods.SIDES),
}
"""What is measured in a hurry."""
MEMORY = {"32 to 64": 128, "64 to 64": 128}
"""Layers whose memory is measured, and images."""
BATCH = 32
"""Of layers, and of the targets."""
Table = dict[str, Costs]


@dataclass(frozen=True)
class Target:
    """What is to be reached, with the tuned and with the default allocator."""

    text: str
    line: str
    wanted: tuple[float, float]
    aim: tuple[float, float] | None = None
    others: tuple[str, ...] = (methods.INDEXED,)
    """What it is compared with; the fastest of these counts."""


INFERENCE = (
    Target("inference, float32", methods.FUSED, (8, 11), (11, 16)),
    Target("inference, bfloat16", methods.FUSED_BF16, (12, 18), (19, 28)),
    *(
        Target(
            f"events/s against {side} x {side}, float32",
            methods.FUSED,
            wanted,
            others=tuple(methods.square_name(side, order) for order in ("NCHW", "channels_last")),
        )
        for side, wanted in zip(methods.SIDES, ((2, 2), (8, 8)), strict=True)
    ),
)
TRAINING = (Target("training step, float32", methods.OURS, (4.5, 5), (8, 8)),)
MEMORY_LIMIT = 1.2
"""Of a layer, over what it gives."""


def layers(settings: dict[str, Any]) -> dict[str, Any]:
    """Costs of one layer, forward and with gradients."""
    layer = methods.Layer(*settings["layer"], batch=BATCH)
    found = {"forward": _measured(layer.forward(), settings)}
    found["forward and backward"] = _measured(layer.backward(), settings)
    return {"operations": layer.operations, "tables": found}


def networks(settings: dict[str, Any]) -> dict[str, Any]:
    """Costs of the network, in inference or in training."""
    found = methods.Networks(batch=settings["batch"], peers=settings["peers"])
    makers = found.training() if settings["train"] else found.inference()
    return {"operations": found.operations, "tables": {"": _measured(makers, settings)}}


def compared(settings: dict[str, Any]) -> dict[str, Any]:
    """How far IndexedConv's network and ours are apart."""
    return {"same": methods.compared()}


def _measured(makers: dict[str, methods.Make], settings: dict[str, Any]) -> dict[str, Any]:
    most = peaks()
    if settings["few"]:
        makers = {name: make for name, make in makers.items() if name in FEW}
    makers = makers | {name: (lambda peak=peak: peak) for name, peak in most.items()}
    costs = in_turns(makers, rounds=settings["rounds"], seconds=settings["seconds"])
    operations = {name: peak.operations for name, peak in most.items()}
    return {"costs": {name: asdict(cost) for name, cost in costs.items()}, "peaks": operations}


def memory(settings: dict[str, Any]) -> dict[str, Any]:
    """Bytes that one call of one form of a layer takes at most."""
    layer = methods.Layer(*settings["layer"], batch=settings["batch"])
    module, images, gradient = layer.forms()[settings["form"]]

    def call(images: torch.Tensor, gradient: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None]:
        if not settings["backward"]:
            return module(images), None
        output = module(images)
        output.backward(gradient)
        return output.detach(), images.grad

    with torch.set_grad_enabled(settings["backward"]):
        # What libraries, weights and their gradients need is not the layer's own.
        call(images[:1].clone().requires_grad_(settings["backward"]), gradient[:1])
        images.requires_grad_(settings["backward"])
        return {"bytes": peak_memory(lambda: call(images, gradient))}


TASKS = {"layers": layers, "networks": networks, "compared": compared, "memory": memory}


def run(task: str, settings: dict[str, Any], allocator: str) -> dict[str, Any]:
    """What a task gives, in a process of its own.

    Raises
    ------
    RuntimeError
        It failed.
    """
    print(f"{task} {settings.get('name', '')}, {allocator} allocator".replace(" ,", ","), file=sys.stderr, flush=True)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
    environment |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    command = [sys.executable, "-W", "ignore", __file__, "--task", task, json.dumps(settings)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment | ALLOCATORS[allocator])
    if done.returncode:
        raise RuntimeError(f"{task} {settings} failed:\n{done.stderr[-2000:]}")
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def print_costs(title: str, found: dict[str, Any], *, batch: int, operations: float) -> Table:
    """Print a table of costs, and give it."""
    table = {name: Costs(**cost) for name, cost in found["costs"].items()}
    reference = table.get(methods.INDEXED)
    print(f"\n{title}\n\n| | CPU ms/event | times as fast | share of peak | page faults/event |\n|---|---|---|---|---|")
    for name, costs in table.items():
        if name in found["peaks"]:
            continue
        times = "" if reference is None else _told(reference.times(costs))
        peak = "bfloat16" if "bf16" in name else "float32"
        share = "" if peak not in table else f"{_share(costs, operations, table[peak], found['peaks'][peak]):.0%}"
        ms, faults = (Spread.of([v / batch for v in values]) for values in (costs.cpu, costs.faults))
        print(f"| {name} | {_told(Spread(*(1e3 * v for v in ms)))} | {times} | {share} | {faults.median:.0f} |")
    told = (f"{name} {found['peaks'][name] / Spread.of(table[name].cpu).median / 1e9:.0f}" for name in found["peaks"])
    print(f"\npeak, GFLOP/s: {', '.join(told) or 'not measured'}", flush=True)
    return table


def _told(spread: Spread) -> str:
    digits = 0 if spread.median >= 100 else 1 if spread.median >= 10 else 2 if spread.median >= 1 else 3
    return f"{spread.median:.{digits}f} [{spread.least:.{digits}f}-{spread.most:.{digits}f}]"


def _share(costs: Costs, operations: float, peak: Costs, most: float) -> float:
    """Of what a core could multiply and add in that time; both are measured in the same rounds."""
    return peak.times(costs).median * operations / most


def judge(targets: tuple[Target, ...], tables: dict[str, Table]) -> Iterator[str]:
    """Lines that tell which targets are met."""
    for target in targets:
        found = [_reached(target, tables[allocator]) for allocator in ALLOCATORS]
        if None in found:
            yield f"| {target.text} | {_pair(target.wanted)} | not measured | | |"
            continue
        aim = "" if target.aim is None else f"{_pair(target.aim)}: {_met(found, target.aim)}"
        told = " / ".join(_told(spread) for spread in found if spread)
        yield f"| {target.text} | {_pair(target.wanted)} | {told} | {_met(found, target.wanted)} | {aim} |"


def _reached(target: Target, table: Table) -> Spread | None:
    others = [table[name] for name in target.others if name in table]
    if not others or target.line not in table:
        return None
    return min(others, key=lambda costs: Spread.of(costs.cpu).median).times(table[target.line])


def _pair(values: tuple[float, float]) -> str:
    return " / ".join(f"{value:g}x" for value in values)


def _met(found: list[Spread | None], wanted: tuple[float, float]) -> str:
    return " / ".join(
        "yes" if spread and spread.median >= least else "NO" for spread, least in zip(found, wanted, strict=True)
    )


def report_layers(chosen: list[str], some: dict[str, Any]) -> None:
    """Measure and print layers."""
    for name in chosen:
        for allocator in ALLOCATORS:
            found = run("layers", some | {"name": name, "layer": LAYERS[name]}, allocator)
            for part, table in found["tables"].items():
                factor = 1 if part == "forward" else 3 if LAYERS[name][0] > 2 else 2
                title = f"**{name} channels, {part}, {BATCH} images, {allocator} allocator**"
                print_costs(title, table, batch=BATCH, operations=factor * found["operations"])


def report_networks(batches: list[int], some: dict[str, Any]) -> list[str]:
    """Measure and print the network; lines that tell which targets are met."""
    lines: list[str] = []
    same = run("compared", {}, "default")["same"]
    print(f"\nLargest relative difference of IndexedConv's network to ours: {same}", flush=True)
    for batch in batches:
        for train, targets in ((False, INFERENCE), (True, TRAINING)):
            if train and batch == 1:
                continue
            tables = {}
            for allocator in ALLOCATORS:
                peers = batch == BATCH and not (train and some["few"])
                given = some | {"name": f"{batch}", "batch": batch, "train": train, "peers": peers}
                found = run("networks", given, allocator)
                title = (
                    f"**Network, {'training step' if train else 'inference'}, {batch} images, {allocator} allocator**"
                )
                operations = found["operations"] * (3 if train else 1)
                tables[allocator] = print_costs(title, found["tables"][""], batch=batch, operations=operations)
            if batch == BATCH:
                lines += judge(targets, tables)
    return lines


def report_memory(chosen: list[str], *, few: bool) -> list[str]:
    """Measure and print what layers need; lines that tell whether ours is within the limit."""
    lines = []
    for name in chosen:
        batch = MEMORY[name]
        layer = methods.Layer(*LAYERS[name], batch=1)
        print(f"\n**Memory of a layer, {name} channels, {batch} images: peak MiB of one call in a new process**\n")
        print("| | forward | / output | and backward | / output and input gradient |\n|---|---|---|---|---|")
        for form in layer.forms():
            if few and form not in FEW:
                continue
            size = 2 if "bf16" in form else 4
            output, given = (size * batch * t.numel() for t in (layer.gradient, layer.images))
            given_settings = {"name": form, "layer": LAYERS[name], "form": form, "batch": batch}
            used = [run("memory", given_settings | {"backward": back}, "default")["bytes"] for back in (False, True)]
            shares = used[0] / output, used[1] / (output + given)
            cells = (f"{value / 2**20:.0f} | {share:.2f}" for value, share in zip(used, shares, strict=True))
            print(f"| {form} | {' | '.join(cells)} |", flush=True)
            if form == methods.OURS:
                met = "yes" if max(shares) <= MEMORY_LIMIT else "NO"
                told = " and ".join(f"{share:.2f}x" for share in shares)
                lines.append(f"| memory, {name}, forward and with backward | {MEMORY_LIMIT}x | {told} | {met} | |")
    return lines


def arguments() -> argparse.Namespace:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="two rounds, a layer, 32 images, few methods")
    parser.add_argument("--rounds", type=int, default=7, help="rounds in which all methods take turns (7)")
    parser.add_argument("--seconds", type=float, default=0.2, help="a method has in a round, or one call (0.2)")
    parser.add_argument("--batches", type=int, nargs="+", default=[1, BATCH], help="images at once of networks")
    parser.add_argument("--layers", nargs="*", choices=LAYERS, default=list(LAYERS), help="layers that are measured")
    parser.add_argument(
        "--sections", nargs="+", choices=("networks", "memory", "layers"), default=["networks", "memory", "layers"]
    )
    parser.add_argument("--task", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.quick:
        given.rounds, given.seconds, given.batches, given.layers = 2, 0.05, [BATCH], list(FEW_LAYERS)
    given.memory = [name for name in MEMORY if name in given.layers]
    return given


def main() -> None:
    """Measure what the command line asks for, and print it as Markdown."""
    given = arguments()
    torch.set_num_threads(1)
    if given.task:
        task, settings = given.task
        print(json.dumps(TASKS[task](json.loads(settings))))
        return
    some = {"rounds": given.rounds, "seconds": given.seconds, "few": given.quick}
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    print(f"Python {platform.python_version()}, torch {torch.__version__}, {methods.instructions()}; load {load}")
    for line in methods.missing():
        print(line)
    lines: list[str] = []
    if "networks" in given.sections:
        lines += report_networks(given.batches, some)
    if "memory" in given.sections:
        lines += report_memory(given.memory, few=given.quick)
    if "layers" in given.sections:
        report_layers(given.layers, some)
    if lines:
        print("\n**Targets**, tuned / default allocator\n\n| | wanted | found | met | aim |\n|---|---|---|---|---|")
        print("\n".join(lines))


if __name__ == "__main__":
    main()
