"""What a reader of a file must know: what goes in, what comes out, how it was made, and how it was checked."""

from __future__ import annotations

import platform
from collections.abc import Iterable
from collections.abc import Sequence
from importlib import metadata
from typing import Any

from torch import Tensor

from gammalearn_core._version import __version__
from gammalearn_core.data.specs import CameraSpec
from gammalearn_core.engine.build import Built
from gammalearn_core.engine.components import Part
from gammalearn_core.exporting.graph import predictions
from gammalearn_core.exporting.inputs import EVENT
from gammalearn_core.exporting.inputs import EVENTS
from gammalearn_core.exporting.inputs import PIXELS
from gammalearn_core.exporting.tracing import Traced
from gammalearn_core.predicting.model import Model
from gammalearn_core.reproducing.recorded import RecordedRun

SCHEMA = 1
CHANNELS = {
    "image": ("charge", "p.e."),
    "peak_time": ("time of the maximum, from the beginning of the readout window; 0 where a pixel has none", "ns"),
    "image_mask": ("1 in pixels that the cleaning of the DL1 file keeps, else 0", ""),
    "valid": ("1 in pixels that have a finite charge, else 0", ""),
}
"""Channels of DL1 files: meaning and unit."""
MEANINGS = {
    PIXELS: ("images, their channels and pixels in the order of the camera", ""),
    EVENT: ("which of the events each image is of, from 0, in ascending order", ""),
    EVENTS: ("0, 1, 2 and so on, which says how many events there are", ""),
    "telescope": ("number of the telescope (tel_id)", ""),
    "position": ("position of the telescope in the ground frame: x to the north, y to the west, z up", "m"),
    "pointing": ("altitude and azimuth that the telescope points to", "deg"),
    "pointing_alt": ("altitude that the telescope or the array points to", "deg"),
    "pointing_az": ("azimuth that the telescope or the array points to", "deg"),
}
"""Inputs: meaning and unit. Others are columns of DL1 files."""
_FRAME = (
    "x and y are those of ctapipe's camera frame: x grows with altitude and y with azimuth on the sky that is seen;"
    " pixel i of an image is at x[i], y[i]"
)


def describe(run: RecordedRun, model: Model, traced: Traced, *, packages: Sequence[str]) -> dict[str, Any]:
    """All that is the same for every file of this graph, apart from its bytes and how it was checked."""
    built = model.built
    return {
        "schema": SCHEMA,
        "run": {
            "run_id": str(run.record.get("run_id")),
            "experiment": str(run.record.get("experiment")),
            "settings_sha256": run.record.get("settings_sha256"),
            "status": run.record.get("status"),
        },
        "weights": {
            "which": model.weights.which,
            "sha256": model.weights.sha256,
            "average": bool(run.described.get("ema")),
        },
        "versions": _versions(run, packages),
        "inputs": _inputs(traced),
        "cameras": {key: _camera(spec) for key, spec in model.reader.inputs.cameras.items()},
        "before": {
            "data": _data(run, model),
            "pixels": "what is not finite is 0, and pixels whose charge is not finite are 0 in all channels",
            "cuts": run.described.get("filters", []),
            "transforms": [_transform(run, built, part) for part, _ in traced.before],
        },
        "graph": {
            "transforms": [_transform(run, built, part) for part, _ in traced.inside],
            "network": run.described.get("network"),
            "decoded": [name for name, loss in built.losses.items() if getattr(loss, "decode", None) is not None],
            "precision": "fp32",
            "trained_in": built.experiment.precision,
        },
        "left_out": [_transform(run, built, part) for part, _ in built.transforms if part.fact("random")],
        "outputs": [_output(run, built, name, what) for name, what in traced.outputs.items()],
    }


def _versions(run: RecordedRun, packages: Sequence[str]) -> dict[str, str]:
    plugins = run.record.get("plugins")
    used = [p for p in plugins if isinstance(p, dict)] if isinstance(plugins, list) else []
    names = [str(p["distribution"]) for p in used if p.get("source_sha256") and p.get("distribution")]
    return {"python": platform.python_version(), "gammalearn-core": __version__} | _installed(
        [*names, "torch", *packages]
    )


def _installed(names: Iterable[str]) -> dict[str, str]:
    found = {}
    for name in names:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def _inputs(traced: Traced) -> list[dict[str, Any]]:
    return [_input(traced, name, tensor) for name, tensor in traced.example.items()]


def _input(traced: Traced, name: str, tensor: Tensor) -> dict[str, Any]:
    camera, _, what = name.rpartition(".") if traced.layout.stereo else ("", "", name)
    meaning, unit = MEANINGS.get(what, (f"column {what} of the DL1 parameters, in the unit of the file", ""))
    told: dict[str, Any] = {"camera": camera or next(iter(traced.layout.channels))} if what == PIXELS else {}
    if what == PIXELS:
        channels = traced.layout.channels[told["camera"]]
        told["channels"] = [_channel(channel) for channel in channels]
    return {
        "name": name,
        "dtype": str(tensor.dtype).removeprefix("torch."),
        "shape": [traced.counts[name], *tensor.shape[1:]],
        "meaning": meaning,
        "unit": unit,
        **told,
    }


def _channel(name: str) -> dict[str, str]:
    meaning, unit = CHANNELS.get(name, ("", ""))
    return {"name": name, "meaning": meaning, "unit": unit}


def _camera(spec: CameraSpec) -> dict[str, Any]:
    geometry = spec.geometry
    return {
        **geometry.to_dict(),
        "n_pixels": geometry.n_pixels,
        "lattice": geometry.kind,
        "frame": _FRAME,
        "units": {"x": "m", "y": "m", "area": "m2", "focal_length": "m"},
    }


def _data(run: RecordedRun, model: Model) -> dict[str, Any]:
    """Loaders of the run, without the paths of files."""
    paths = getattr(model.reader.loader.record, "paths", "paths")
    known = run.described.get("data")
    sources = known if isinstance(known, dict) else {}
    return {name: _without(paths, item) for name, item in sources.items() if isinstance(item, dict)}


def _without(paths: str, item: dict[str, Any]) -> dict[str, Any]:
    parameters = item.get("parameters")
    kept = {n: v for n, v in parameters.items() if n != paths} if isinstance(parameters, dict) else {}
    return {**item, "parameters": kept}


def _transform(run: RecordedRun, built: Built, part: Part) -> dict[str, Any]:
    """A transform as ``experiment.json`` has it, with what it has measured."""
    parts = [p for p in built.parts.values() if p.kind == "transform"]
    number = next(i for i, p in enumerate(parts) if p is part)
    transform = next(made for p, made in built.transforms if p is part)
    described = run.described.get("transforms")
    item = (
        described[number] if isinstance(described, list) and number < len(described) else {"component": part.ref.label}
    )
    state = transform.state_dict() if hasattr(transform, "state_dict") else {}
    measured = {name: value.tolist() if isinstance(value, Tensor) else value for name, value in state.items()}
    return {**item, "measured": measured}


def _output(run: RecordedRun, built: Built, name: str, what: str) -> dict[str, Any]:
    """One of `predictions`, which the file calls ``name``."""
    task = built.tasks[predictions(built)[what]]
    codec = task.codec
    targets = run.described.get("targets")
    numbers, decoding = list(getattr(codec, "numbers", ())), getattr(codec, "decoding", "")
    if what != task.name:
        numbers, decoding = [f"standard deviation of {number}" for number in numbers], ""
    return {
        "name": name,
        "task": task.name,
        "dtype": "float32",
        "shape": ["n", codec.size],
        "target": targets.get(task.name) if isinstance(targets, dict) else {"component": task.id},
        "summary": task.record.summary,
        "numbers": numbers,
        "classes": list(codec.classes),
        "decoding": decoding,
    }


__all__ = ["CHANNELS", "MEANINGS", "describe"]
