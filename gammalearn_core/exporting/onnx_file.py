"""Files of ONNX."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from attrs import frozen
from numpy.typing import NDArray
from torch.export import ExportedProgram

from gammalearn_core.errors import Problem
from gammalearn_core.errors import SettingsError
from gammalearn_core.exporting.tracing import CannotExportError

_MOST = 2**31 - 1
"""Bytes of a file of ONNX; more would take several files."""


@frozen(kw_only=True)
class OnnxFormat:
    """ONNX, which many programs and languages compute."""

    suffix = ".onnx"
    label = "onnx"
    packages: Sequence[str] = ("onnx", "onnxscript", "onnxruntime")

    def require(self) -> None:
        """Raise, with the command that installs them, if packages are not there."""
        try:
            import onnx  # noqa: F401
            import onnxruntime  # noqa: F401
            import onnxscript  # noqa: F401
        except ImportError as error:
            what = f"it needs onnx, onnxscript and onnxruntime, one of which cannot be imported: {error}"
            hint = "pip install 'gammalearn-core[onnx]'; or --torch alone writes no ONNX"
            raise SettingsError([Problem("--onnx", what, hint)]) from error

    def make(self, program: ExportedProgram, inputs: Mapping[str, str], outputs: Sequence[str]) -> Any:
        """The protocol buffer of a graph.

        Parameters
        ----------
        program : ExportedProgram
        inputs : mapping of str to str
            Names of inputs, and of what the first dimension of each counts.
        outputs : sequence of str
            Names of outputs.
        """
        import onnx

        size = sum(tensor.nbytes for tensor in program.state_dict.values())
        if size > _MOST:
            raise CannotExportError(f"it has {size / 1e9:.1f} GB of weights, and a file of ONNX can hold 2")
        made = torch.onnx.export(
            program, (), dynamo=True, verbose=False, input_names=list(inputs), output_names=list(outputs)
        )
        if made is None:
            raise CannotExportError("torch gives no ONNX program")
        model = made.model_proto
        _forget_places(model)
        _name_dimensions(model.graph, inputs)
        onnx.checker.check_model(model, full_check=True)
        return model

    def write(self, path: Path, made: Any) -> None:
        """Write it."""
        path.write_bytes(made.SerializeToString(deterministic=True))

    def facts(self, made: Any) -> dict[str, Any]:
        """What a reader must know to choose a program."""
        opset = {item.domain or "ai.onnx": item.version for item in made.opset_import}
        used = {node.domain or "ai.onnx" for node in made.graph.node}
        return {"opset": {name: opset[name] for name in sorted(used)}, "ir_version": made.ir_version}

    def compute(self, path: Path, tensors: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[np.float32]]:
        """Outputs by name, as onnxruntime computes them."""
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        options.intra_op_num_threads = torch.get_num_threads()
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        names = [item.name for item in session.get_outputs()]
        return dict(zip(names, session.run(names, dict(tensors)), strict=True))


def _forget_places(model: Any) -> None:
    """Leave out what the exporter notes of each operation, such as source files, which are paths of this machine."""
    for graph in (model.graph, *model.functions):
        for node in graph.node:
            del node.metadata_props[:]
    del model.graph.value_info[:]
    del model.metadata_props[:]


def _name_dimensions(graph: Any, inputs: Mapping[str, str]) -> None:
    """Give what there may be any number of the names that the description has."""
    symbols: dict[str, str] = {}
    for item in graph.input:
        dimension = item.type.tensor_type.shape.dim[0]
        symbols[dimension.dim_param] = inputs[item.name]
        dimension.dim_param = inputs[item.name]
    for item in graph.output:
        dimension = item.type.tensor_type.shape.dim[0]
        dimension.dim_param = symbols.get(dimension.dim_param, dimension.dim_param)


__all__ = ["OnnxFormat"]
