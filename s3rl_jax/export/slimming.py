"""Removal of what a .tflite can do without: names of tensors, and repeated quantisation parameters."""

from typing import Any

from s3rl_jax.export.tflite_states import scale_and_zero


class SharedParameters:
    """Quantisation parameters of several tensors, which a buffer stores once.

    Takes the place of flatbuffers' QuantizationParametersT, of which only `Pack` is called: that one writes another copy
    for each tensor.
    """

    def __init__(self, parameters: Any):
        self._parameters, self._builder, self._offset = parameters, None, None

    def Pack(self, builder: Any) -> Any:  # the name that flatbuffers calls
        """Writes the parameters into the buffer, or returns the offset where they already are."""
        if self._builder is not builder:
            self._builder, self._offset = builder, self._parameters.Pack(builder)
        return self._offset


def slim(model: Any) -> None:
    """Drops the names of tensors, and stores equal quantisation parameters once: a third of a small file.

    Args:
      model: a parsed flatbuffer, changed in place. Signatures find their tensors by index.
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
