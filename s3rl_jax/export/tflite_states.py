"""Parts of a parsed .tflite that quantisation needs: the tensors of a state, and the scale of a tensor."""

from collections.abc import Iterator
from typing import Any


def state_tensors(model: Any) -> Iterator[tuple[Any, dict[str, tuple[int, int]]]]:
    """Yields, for each signature, its graph, and the indices of the input and the output tensor of each state, by its name.

    Args:
      model: a parsed .tflite.
    """
    for signature in model.signatureDefs:
        inputs = {entry.name.decode(): entry.tensorIndex for entry in signature.inputs}
        outputs = {entry.name.decode(): entry.tensorIndex for entry in signature.outputs}
        states = {name: (inputs[name], outputs[name]) for name in inputs if name in outputs}
        yield model.subgraphs[signature.subgraphIndex], states


def scale_and_zero(tensor: Any) -> tuple[float | int, ...]:
    """Scales of a tensor, then its zero points; empty for a tensor in float."""
    quantization = tensor.quantization
    if quantization is None or quantization.scale is None:
        return ()
    return (*map(float, quantization.scale), *map(int, quantization.zeroPoint))
