"""Removal of unnecessary parts of a .tflite: names of tensors, and repeated quantisation parameters."""

from typing import Any

from s3rl_jax.export.tflite_states import scale_and_zero


class SharedParameters:
    """Quantisation parameters of several tensors, which the file stores once.

    It replaces flatbuffers' QuantizationParametersT, which would write a copy for each tensor. Only `Pack` is called.
    """

    def __init__(self, parameters: Any):
        self._parameters, self._builder, self._offset = parameters, None, None

    def Pack(self, builder: Any) -> Any:  # the name that flatbuffers calls
        """Writes the parameters into the buffer at the first call; returns their offset."""
        if self._builder is not builder:
            self._builder, self._offset = builder, self._parameters.Pack(builder)
        return self._offset


def slim(model: Any) -> None:
    """Removes the names of tensors, and stores equal quantisation parameters once: together a third of a small file.

    Names are not needed, because signatures refer to tensors by index.

    Args:
      model: a parsed .tflite; it is changed in place.
    """
    shared: dict[tuple, SharedParameters] = {}
    for graph in model.subgraphs:
        for tensor in graph.tensors:
            tensor.name = ""
            scale, parameters = scale_and_zero(tensor), tensor.quantization
            if not scale:
                tensor.quantization = None
                continue
            tensor.quantization = shared.setdefault((parameters.quantizedDimension, scale), SharedParameters(parameters))
