"""Quantisation of a float .tflite by ai-edge-quantizer: of weights, or of weights and activations.

The front end, the state and the average of the logits stay in float: a power spectrum does not fit into eight bits, a state
that is rounded at each hop drifts, and the average costs nothing.
"""

import contextlib
import io
import logging
from collections.abc import Mapping, Sequence

import numpy as np

from s3rl_jax.export.conversion import NotExportable
from s3rl_jax.export.ranges import tensor_ranges
from s3rl_jax.export.slimming import slim
from s3rl_jax.export.tflite_states import scale_and_zero, state_tensors
from s3rl_jax.models.detector import AVERAGE, FRONT_END
from s3rl_jax.models.student.state import STATE

ACTIVATION_BITS = {"int8": 8, "int16x8": 16}
FLOAT_PREFIX = "kept_in_float"  # prefix for the names of tensors that stay in float

Calls = Mapping[str, Sequence[dict[str, np.ndarray]]]  # calls of each signature, by its name


def quantise(
    model: bytes, kind: str, calls: Calls, integer_io: bool = False, known: Mapping[str, tuple[float, float]] | None = None
) -> bytes:
    """Quantises weights to eight bits, with a scale for each channel; for `int8` and `int16x8` also activations.

    Args:
      model: a float .tflite of `to_tflite`.
      kind: none, dynamic, int8 or int16x8; `none` returns the model unchanged.
      calls: representative inputs and states, which give the ranges of activations; `dynamic` does not use them.
      integer_io: whether inputs, outputs and state are integers too. Otherwise they are float32.
      known: least and greatest value of inputs whose scale is prescribed, by their names.

    Raises:
      NotExportable: if the input and the output of a state have different scales.
    """
    if kind == "none":
        return model
    from ai_edge_litert.tools import flatbuffer_utils

    parsed = flatbuffer_utils.read_model_from_bytearray(bytearray(model))
    if not integer_io:
        _prefix_float_tensors(parsed)
    renamed = bytearray(flatbuffer_utils.convert_object_to_bytearray(parsed))
    recipe = _recipe(renamed, kind, integer_io)
    with _quiet():
        ranges = None if kind == "dynamic" else tensor_ranges(renamed, recipe.get_quantization_recipe(), calls, known or {})
        quantised = recipe.quantize(ranges).quantized_model
    parsed = flatbuffer_utils.read_model_from_bytearray(bytearray(quantised))
    _check_states(parsed)
    slim(parsed)
    return bytes(flatbuffer_utils.convert_object_to_bytearray(parsed))


def _recipe(model: bytearray, kind: str, integer_io: bool):
    """Creates the quantiser of a model, and adds rules, which select operators by patterns of their names.

    A name, from a `named_scope`, is the only property that an operator in the file keeps from the JAX program.
    """
    from ai_edge_quantizer import quantizer
    from ai_edge_quantizer.algorithm_manager import AlgorithmName
    from ai_edge_quantizer.qtyping import TFLOperationName

    recipe, every = quantizer.Quantizer(model), TFLOperationName.ALL_SUPPORTED
    if kind == "dynamic":
        recipe.add_dynamic_config(".*", every, 8)
    else:
        recipe.add_static_config(".*", every, ACTIVATION_BITS[kind], 8)
    if not integer_io:
        for scope in (FLOAT_PREFIX, f"/{STATE}/", f"/{AVERAGE}/"):
            recipe.update_quantization_recipe(scope, every, algorithm_key=AlgorithmName.NO_QUANTIZE)
        for end in (TFLOperationName.INPUT, TFLOperationName.OUTPUT):
            recipe.update_quantization_recipe(".*", end, algorithm_key=AlgorithmName.NO_QUANTIZE)
        # The mel filters, 66 kB in float, are stored in eight bits and multiplied in float.
        recipe.add_weight_only_config(f"{FLOAT_PREFIX}.*/{FRONT_END}/", TFLOperationName.FULLY_CONNECTED, 8)
    return recipe


@contextlib.contextmanager
def _quiet():
    """Suppresses the quantiser's progress bars, and its warning that two signatures share a weight, which is intended."""
    logging.disable(logging.WARNING)
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            yield
    finally:
        logging.disable(logging.NOTSET)


def _prefix_float_tensors(model) -> None:
    """Renames the tensors that stay in float: outputs of the operators up to the last one of the front end, and of the graph.

    Names of scopes do not suffice, because the converter also creates operators without a scope.
    """
    for graph in model.subgraphs:
        outputs = [graph.tensors[operator.outputs[0]] for operator in graph.operators]
        last = max(i for i, tensor in enumerate(outputs) if f"/{FRONT_END}/".encode() in tensor.name)
        for i, tensor in enumerate(outputs):
            if i <= last or graph.operators[i].outputs[0] in graph.outputs:
                tensor.name = f"{FLOAT_PREFIX}/".encode() + tensor.name


def _check_states(model) -> None:
    """Raises an error for an integer state whose input and output have different scales: its values would change."""
    for graph, states in state_tensors(model):
        for name, tensors in states.items():
            before, after = (scale_and_zero(graph.tensors[tensor]) for tensor in tensors)
            if not np.allclose(before, after, rtol=1e-5):  # the quantiser rounds ranges
                raise NotExportable(f"state {name}: its input has scale and zero {before}, its output {after}; expected equal")
