"""A parsed .tflite, with functions that add operators, tensors and subgraphs to it."""

from typing import Any

import numpy as np
from jaxtyping import Num

from s3rl_jax.export.conversion import operator_codes, operator_name
from s3rl_jax.export.slimming import slim

Integers = Num[np.ndarray, "..."]


class GraphEditor:
    """A .tflite with one signature, which is changed in place.

    Attributes:
      model: the parsed file.
      graph: the subgraph of the signature.
      inputs: indices of the signature's input tensors, by their names.
      outputs: indices of the signature's output tensors, by their names.
    """

    def __init__(self, content: bytes):
        from ai_edge_litert import schema_py_generated as schema
        from ai_edge_litert.tools import flatbuffer_utils

        self._schema, self._library = schema, flatbuffer_utils
        self.model = flatbuffer_utils.read_model_from_bytearray(bytearray(content))
        self.signature = self.model.signatureDefs[0]
        self.graph = self.model.subgraphs[self.signature.subgraphIndex]
        self.inputs = {entry.name.decode(): entry.tensorIndex for entry in self.signature.inputs}
        self.outputs = {entry.name.decode(): entry.tensorIndex for entry in self.signature.outputs}

    def content(self) -> bytes:
        """The file with all changes, without what it does not need."""
        slim(self.model)
        return bytes(self._library.convert_object_to_bytearray(self.model))

    def name(self, operator: Any) -> str:
        """The name of an operator's kind, such as CONV_2D."""
        return operator_name(self.model.operatorCodes[operator.opcodeIndex])

    def operator(self, name: str, inputs: list[int], outputs: list[int], **options: Any) -> Any:
        """Creates an operator, which the caller places in a graph; `options` are fields of the options of its kind."""
        operator = self._schema.OperatorT()
        operator.opcodeIndex = self._code(name)
        operator.inputs, operator.outputs = np.array(inputs, np.int32), np.array(outputs, np.int32)
        kind = "".join(word.capitalize() for word in name.split("_")) + "Options"
        operator.builtinOptionsType = getattr(self._schema.BuiltinOptions, kind)
        operator.builtinOptions = getattr(self._schema, f"{kind}T")()
        for field, value in options.items():
            setattr(operator.builtinOptions, field, value)
        return operator

    def tensor(self, graph: Any, kind: str, shape: Any, values: Integers | None = None, quantization: Any = None) -> int:
        """Adds a tensor to a graph, a constant if it has values; returns its index."""
        tensor, buffer = self._schema.TensorT(), 0
        if values is not None:
            stored = self._schema.BufferT()
            stored.data = np.frombuffer(values.tobytes(), np.uint8)
            self.model.buffers.append(stored)
            buffer = len(self.model.buffers) - 1
        tensor.type, tensor.shape = getattr(self._schema.TensorType, kind), np.array(shape, np.int32)
        tensor.name, tensor.buffer, tensor.quantization = "", buffer, quantization
        graph.tensors.append(tensor)
        return len(graph.tensors) - 1

    def constant(self, tensor: int) -> Num[np.ndarray, "values"]:
        """The values of a constant of type int32 in the signature's graph."""
        return np.frombuffer(bytes(self.model.buffers[self.graph.tensors[tensor].buffer].data), np.int32)

    def subgraph(self, name: str) -> Any:
        """Adds an empty subgraph without inputs and outputs."""
        graph = self._schema.SubGraphT()
        graph.name, graph.tensors, graph.operators = name.encode(), [], []
        graph.inputs = graph.outputs = np.zeros(0, np.int32)
        self.model.subgraphs.append(graph)
        return graph

    def quantization(self, scale: float, zero: int) -> Any:
        """Quantisation parameters of a tensor with one scale."""
        parameters = self._schema.QuantizationParametersT()
        parameters.scale, parameters.zeroPoint = np.array([scale], np.float32), np.array([zero], np.int64)
        return parameters

    def keep_ends(self, inputs: list[str], outputs: list[str]) -> None:
        """Removes all other inputs and outputs from the graph and its signature."""
        for entries, names, indices in (
            (self.signature.inputs, inputs, self.inputs),
            (self.signature.outputs, outputs, self.outputs),
        ):
            entries[:] = [entry for entry in entries if entry.name.decode() in names]
            for entry in entries:
                entry.tensorIndex = indices[entry.name.decode()]
        self.graph.inputs = np.array([self.inputs[name] for name in inputs], np.int32)
        self.graph.outputs = np.array([self.outputs[name] for name in outputs], np.int32)

    def set_versions(self, versions: dict[str, int]) -> None:
        """Sets the version of each kind of operator: 1 unless `versions` has another."""
        for code in self.model.operatorCodes:
            code.version = versions.get(operator_name(code), 1)

    def _code(self, name: str) -> int:
        """Index of an operator's kind in the file, to which it is added if it is new."""
        for index, code in enumerate(self.model.operatorCodes):
            if operator_name(code) == name:
                return index
        code = self._schema.OperatorCodeT()
        code.builtinCode, code.version = operator_codes()[name], 1
        code.deprecatedBuiltinCode = min(code.builtinCode, 127)
        self.model.operatorCodes.append(code)
        return len(self.model.operatorCodes) - 1
