"""Quantisation of a float .tflite by ai-edge-quantizer: integer weights, or integer weights and activations.

The front end, the state that is carried from hop to hop and the average of the logits stay in float: a power spectrum
does not fit into eight bits, a state that is rounded at each hop drifts, and the average costs nothing.
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
FLOAT_PREFIX = "kept_in_float"  # prefixed to the names of tensors that stay in float

Calls = Mapping[str, Sequence[dict[str, np.ndarray]]]  # by the name of the signature


def quantise(model: bytes, kind: str, calls: Calls, integer_io: bool = False) -> bytes:
    """Quantises weights to eight bits a channel; with `int8` and `int16x8` activations too, by their largest range.

    Args:
      model: a float .tflite of `to_tflite`.
      kind: none, dynamic, int8 or int16x8; `none` returns the model unchanged.
      calls: representative inputs, and states, of each signature. `dynamic` needs none.
      integer_io: whether inputs, outputs and state are integers too. Otherwise they are float32.

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
        ranges = None if kind == "dynamic" else tensor_ranges(renamed, recipe.get_quantization_recipe(), calls)
        quantised = recipe.quantize(ranges).quantized_model
    parsed = flatbuffer_utils.read_model_from_bytearray(bytearray(quantised))
    _check_states(parsed)
    slim(parsed)
    return bytes(flatbuffer_utils.convert_object_to_bytearray(parsed))


def _recipe(model: bytearray, kind: str, integer_io: bool):
    """A quantiser of the model, with the rules for each operator added: rules select operators by patterns of names.

    Names are the only mark that survives from a part of the JAX program, a named_scope, to its operators in the file.
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
        # The mel filters, 66 kB of float: stored in eight bits, multiplied in float.
        recipe.add_weight_only_config(f"{FLOAT_PREFIX}.*/{FRONT_END}/", TFLOperationName.FULLY_CONNECTED, 8)
    return recipe


@contextlib.contextmanager
def _quiet():
    """Suppresses the quantiser's progress bars, and its warning that two signatures share a weight, as they should."""
    logging.disable(logging.WARNING)
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            yield
    finally:
        logging.disable(logging.NOTSET)


def _prefix_float_tensors(model) -> None:
    """Renames the outputs of operators that stay in float: those up to the front end's last one, and the graph's outputs.

    The names of scopes do not suffice: the converter also creates operators that have none.
    """
    for graph in model.subgraphs:
        outputs = [graph.tensors[operator.outputs[0]] for operator in graph.operators]
        last = max(i for i, tensor in enumerate(outputs) if f"/{FRONT_END}/".encode() in tensor.name)
        for i, tensor in enumerate(outputs):
            if i <= last or graph.operators[i].outputs[0] in graph.outputs:
                tensor.name = f"{FLOAT_PREFIX}/".encode() + tensor.name


def _check_states(model) -> None:
    """Refuses an integer state whose scale changes from output to input: it would mean other numbers at the next hop."""
    for graph, states in state_tensors(model):
        for name, tensors in states.items():
            before, after = (scale_and_zero(graph.tensors[tensor]) for tensor in tensors)
            if not np.allclose(before, after, rtol=1e-5):  # ranges are rounded
                raise NotExportable(f"state {name} goes in with scale and zero {before}, comes out with {after}")
