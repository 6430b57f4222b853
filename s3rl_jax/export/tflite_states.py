"""Parts of a parsed .tflite that quantisation reads: the tensors that carry a state, and a tensor's scale."""

from collections.abc import Iterator
from typing import Any


def state_tensors(model: Any) -> Iterator[tuple[Any, dict[str, tuple[int, int]]]]:
    """For each signature its graph, and the state's names with the tensors that go in and come out.

    Args:
      model: a parsed flatbuffer.
    """
    for signature in model.signatureDefs:
        inputs = {entry.name.decode(): entry.tensorIndex for entry in signature.inputs}
        outputs = {entry.name.decode(): entry.tensorIndex for entry in signature.outputs}
        states = {name: (inputs[name], outputs[name]) for name in inputs if name in outputs}
        yield model.subgraphs[signature.subgraphIndex], states


def scale_and_zero(tensor: Any) -> tuple[float | int, ...]:
    """The scales of a tensor and then its zero points; empty for a tensor in float."""
    quantization = tensor.quantization
    if quantization is None or quantization.scale is None:
        return ()
    return (*map(float, quantization.scale), *map(int, quantization.zeroPoint))
