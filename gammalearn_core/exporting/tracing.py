"""From a run's network to a graph of torch's own operations, for any number of samples."""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from contextlib import contextmanager
from contextlib import redirect_stderr
from contextlib import redirect_stdout
from functools import partial
from typing import Any
from typing import TypeVar

import torch
from attrs import frozen
from torch import Tensor
from torch import fx
from torch.export import Dim
from torch.export import ExportedProgram

from gammalearn_core.data.batch import Batch
from gammalearn_core.engine.components import Part
from gammalearn_core.engine.steps import apply
from gammalearn_core.errors import GammalearnError
from gammalearn_core.errors import Problem
from gammalearn_core.errors import SettingsError
from gammalearn_core.exporting.graph import Graph
from gammalearn_core.exporting.graph import predictions
from gammalearn_core.exporting.inputs import EVENTS
from gammalearn_core.exporting.inputs import PIXELS
from gammalearn_core.exporting.inputs import Layout
from gammalearn_core.predicting.model import Model

_log = logging.getLogger(__name__)
_OWN = ("aten", "prim", "prims")
"""Where operations are from that every torch has."""
_Made = TypeVar("_Made")
Transforms = Sequence[tuple[Part, Any]]
Make = Callable[[ExportedProgram, Mapping[str, str], Sequence[str]], _Made]
"""From a graph, its inputs with what they count, and its outputs to what a format writes."""


class CannotExportError(GammalearnError):
    """Something cannot be part of a file."""


@frozen(kw_only=True)
class Traced:
    """A graph that can be written."""

    program: ExportedProgram
    layout: Layout
    before: Transforms
    """Transforms that are not part of it."""
    inside: Transforms
    """Those that are."""
    example: Mapping[str, Tensor]
    """What it was made with; its names are those of the inputs, in order."""
    counts: Mapping[str, str]
    """By input, what its first dimension counts, which may be any number."""
    outputs: Mapping[str, str]
    """Names of the outputs, and which of `predictions` each is, in order."""

    def inputs(self, model: Model, batch: Batch) -> dict[str, Tensor]:
        """What the graph is given for a batch as the source gives it."""
        batch = apply(list(self.before), batch, model.device, seed=None)
        tensors = self.layout.tensors(batch)
        absent = {name: value[:0] for name, value in self.example.items() if name not in tensors}  # of other cameras
        return {name: (tensors | absent)[name] for name in self.example}


class Tracing:
    """Finds the longest part of transforms and network that a file can hold.

    Parameters
    ----------
    model : Model
        On the CPU, in single precision.
    batch : Batch
        Such as a source gives it, of all cameras and with at least two events and images of each.
    """

    def __init__(self, model: Model, batch: Batch) -> None:
        self._model, self._batch = model, batch
        self._transforms = [item for item in model.built.transforms if not item[0].fact("random")]
        self._traced: dict[int, Traced | Exception] = {}

    def longest(self, make: Make[_Made]) -> tuple[Traced, _Made]:
        """That of which a format can make something, and what it makes. A warning tells what is left out.

        Raises
        ------
        SettingsError
            Not even the network can be exported.
        """
        whole = self._attempt(0, make)
        if not isinstance(whole, Exception):
            return whole
        best = self._attempt(len(self._transforms), make) if self._transforms else whole
        if isinstance(best, Exception):
            raise _refusal(self._model, best) from best
        for start in reversed(range(1, len(self._transforms))):
            longer = self._attempt(start, make)
            if isinstance(longer, Exception):
                whole = longer
                break
            best = longer
        last = best[0].before[-1][0].ref.label
        _log.warning("the transform %s cannot be part of the file, nor those before it: %s", last, _line(whole))
        return best

    def _attempt(self, start: int, make: Make[_Made]) -> tuple[Traced, _Made] | Exception:
        """A graph that begins with one of the transforms, or why there is none."""
        try:
            with _quiet():
                traced = self._from(start)
                return traced, make(traced.program, traced.counts, tuple(traced.outputs))
        except Exception as error:
            _log.debug("an export from transform %d on", start, exc_info=True)
            return error

    def _from(self, start: int) -> Traced:
        """The same for any format."""
        if start not in self._traced:
            try:
                self._traced[start] = _trace(self._model, self._batch, self._transforms, start)
            except Exception as error:
                self._traced[start] = error
        found = self._traced[start]
        if isinstance(found, Exception):
            raise found
        return found


def _trace(model: Model, batch: Batch, transforms: Transforms, start: int) -> Traced:
    before, inside = transforms[:start], transforms[start:]
    given = apply(list(before), batch, model.device, seed=None)
    layout = Layout.of(given, stereo=model.built.stereo)
    example = layout.tensors(given)
    counts = _counts(layout, example)
    graph_of = partial(Graph, model.built, model.network, layout, inside)
    used = _used(_exported(graph_of(tuple(example)), example, counts), example)
    example = {name: value for name, value in example.items() if name in used}
    program = _exported(graph_of(tuple(example)), example, counts)
    _check_own(program)
    _forget_places(program)
    return Traced(
        program=program,
        layout=layout,
        before=before,
        inside=inside,
        example=example,
        counts={name: counts[name] for name in example},
        outputs=_outputs(model, example),
    )


def _exported(graph: Graph, example: Mapping[str, Tensor], counts: Mapping[str, str]) -> ExportedProgram:
    dims = {count: Dim(count) for count in dict.fromkeys(counts.values())}
    shapes = (tuple({0: dims[counts[name]]} for name in example),)
    with torch.no_grad():
        return torch.export.export(graph, tuple(example.values()), dynamic_shapes=shapes, strict=False)


def _counts(layout: Layout, example: Mapping[str, Tensor]) -> dict[str, str]:
    """By tensor: what there may be any number of. Names are those of variables, which keys of cameras are not."""
    if not layout.stereo:
        return dict.fromkeys(example, "n")
    groups = {key: f"n_images_{number}" for number, key in enumerate(layout.channels)}
    of_images = {name: n for key, n in groups.items() for name in example if name.startswith(f"{key}.")}
    return {name: of_images.get(name, "n_events") for name in example}


def _outputs(model: Model, inputs: Mapping[str, Tensor]) -> dict[str, str]:
    """Outputs have the names of their tasks, unless an input is called so."""
    return {f"{name}.predicted" if name in inputs else name: name for name in predictions(model.built)}


def _used(program: ExportedProgram, example: Mapping[str, Tensor]) -> set[str]:
    """Tensors that the outputs depend on, and those without which there is no batch, and which tell its size."""
    places = dict(zip(program.graph_signature.user_inputs, example, strict=True))
    nodes = {node.name: node for node in program.graph.nodes if node.op == "placeholder"}
    size = torch.ops.aten.sym_size.int
    used = {name for place, name in places.items() if any(user.target != size for user in nodes[str(place)].users)}
    return used | {name for name in example if name == EVENTS or name.rpartition(".")[2] == PIXELS}


def _check_own(program: ExportedProgram) -> None:
    """Refuse operations that only a package of ours or a plug-in's has."""
    for node in _nodes(program):
        namespace = getattr(node.target, "namespace", "aten")
        if node.op == "call_function" and namespace not in _OWN:
            raise CannotExportError(
                f"it is computed by {node.target}, an operation of {namespace}, which a file cannot hold"
            )


def _forget_places(program: ExportedProgram) -> None:
    """Leave out where in which source file each operation is from: these are paths of this machine."""
    for node in _nodes(program):
        node.meta.pop("stack_trace", None)


def _nodes(program: ExportedProgram) -> list[fx.Node]:
    graphs = [m for m in program.graph_module.modules() if isinstance(m, fx.GraphModule)]
    return [node for module in graphs for node in module.graph.nodes]


@contextmanager
def _quiet() -> Iterator[None]:
    """What exporters and the packages that they import say about themselves, and print of graphs, is not for users."""
    before = logging.root.manager.disable
    said = io.StringIO()
    try:
        logging.disable(logging.ERROR)
        with warnings.catch_warnings(), redirect_stdout(said), redirect_stderr(said):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def _refusal(model: Model, error: Exception) -> SettingsError:
    label = model.built.parts["network"].ref.label
    what, hint = f"it cannot be exported: {_line(error)}", ""
    if "Constraints violated" in what:
        hint = "its graph is for one number of events or images only: len() of a tensor does that, .shape[0] does not"
    elif "data-dependent" in what:
        hint = "its course depends on the numbers that it computes, which a graph cannot hold"
    return SettingsError([Problem(f"network {label}", what, hint)], str(model.built.experiment.name))


def _line(error: object) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{lines[0]}" if lines else type(error).__name__


__all__ = ["CannotExportError", "Traced", "Tracing"]
