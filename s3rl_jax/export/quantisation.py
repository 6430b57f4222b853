"""A float .tflite -> one with integer weights, or with integer weights and activations, by ai-edge-quantizer.

The front end, the state that is carried from hop to hop and the average of the logits stay in float: a power spectrum
does not fit into eight bits, a state that is rounded at each hop drifts, and the average costs nothing.
"""

import collections
import contextlib
import functools
import io
import logging
import re
from collections.abc import Mapping, Sequence

import numpy as np

from s3rl_jax.export.conversion import NotExportable
from s3rl_jax.models.detector import AVERAGE, FRONT_END
from s3rl_jax.models.student.state import STATE

KINDS = ("none", "dynamic", "int8", "int16x8")
ACTIVATION_BITS = {"int8": 8, "int16x8": 16}
KEPT = "kept_in_float"  # what the tensors of operators that stay in float are renamed to begin with

Calls = Mapping[str, Sequence[dict[str, np.ndarray]]]


def quantise(model: bytes, kind: str, calls: Calls, integer_io: bool = False) -> bytes:
    """Quantises weights to eight bits a channel; with `int8` and `int16x8` activations too, by their largest range.

    Args:
      model: float, as `to_tflite` made it.
      kind: one of `KINDS`; `none` leaves it as it is.
      calls: for each signature, inputs (and states) as they occur: real audio, silence and noise. `dynamic` needs none.
      integer_io: whether inputs, outputs and state are integers too. Else they are float32.

    Raises:
      NotExportable: if a state would not come out with the scale with which it goes in.
    """
    if kind == "none":
        return model
    from ai_edge_litert.tools import flatbuffer_utils
    from ai_edge_quantizer import quantizer
    from ai_edge_quantizer.algorithm_manager import AlgorithmName
    from ai_edge_quantizer.qtyping import TFLOperationName

    parsed = flatbuffer_utils.read_model_from_bytearray(bytearray(model))
    if not integer_io:
        _mark_kept(parsed)
    renamed = bytearray(flatbuffer_utils.convert_object_to_bytearray(parsed))
    recipe = quantizer.Quantizer(renamed)
    every = TFLOperationName.ALL_SUPPORTED
    if kind == "dynamic":
        recipe.add_dynamic_config(".*", every, 8)
    else:
        recipe.add_static_config(".*", every, ACTIVATION_BITS[kind], 8)
    if not integer_io:
        for part in (KEPT, f"/{STATE}/", f"/{AVERAGE}/"):
            recipe.update_quantization_recipe(part, every, algorithm_key=AlgorithmName.NO_QUANTIZE)
        for edge in (TFLOperationName.INPUT, TFLOperationName.OUTPUT):
            recipe.update_quantization_recipe(".*", edge, algorithm_key=AlgorithmName.NO_QUANTIZE)
        # The mel filters, 66 kB of float: kept in eight bits, multiplied in float.
        recipe.add_weight_only_config(f"{KEPT}.*/{FRONT_END}/", TFLOperationName.FULLY_CONNECTED, 8)
    with _quietly():
        ranges = None if kind == "dynamic" else _ranges(renamed, recipe, calls)
        quantised = recipe.quantize(ranges).quantized_model
    parsed = flatbuffer_utils.read_model_from_bytearray(bytearray(quantised))
    _check_states(parsed)
    _slim(parsed)
    return bytes(flatbuffer_utils.convert_object_to_bytearray(parsed))


@contextlib.contextmanager
def _quietly():
    """Without the quantiser's progress bars, and its warning that two signatures share a weight, which they should."""
    logging.disable(logging.WARNING)
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            yield
    finally:
        logging.disable(logging.NOTSET)


def _slim(model) -> None:
    """Drops the compiler's names of tensors, and writes equal scales once, though several tensors have them.

    Both are a third of a small file; signatures need neither.
    """
    from ai_edge_litert import schema_py_generated as schema

    class WrittenOnce(schema.QuantizationParametersT):
        def Pack(self, builder):  # the name that flatbuffers calls
            if getattr(self, "builder", None) is not builder:
                self.builder, self.place = builder, super().Pack(builder)
            return self.place

    seen: dict[tuple, schema.QuantizationParametersT] = {}
    for graph in model.subgraphs:
        for tensor in graph.tensors:
            tensor.name = ""
            if _scale(tensor):
                found = tensor.quantization
                found.__class__ = WrittenOnce
                tensor.quantization = seen.setdefault((found.quantizedDimension, _scale(tensor)), found)
            else:
                tensor.quantization = None


def _mark_kept(model) -> None:
    """Renames what stays in float: all up to the front end's last operator, and what only hands out an output.

    Not all of these operators carry the name of the part of the program that they come from: the converter makes some up.
    """
    for graph in model.subgraphs:
        outputs = [graph.tensors[operator.outputs[0]] for operator in graph.operators]
        last = max(i for i, tensor in enumerate(outputs) if f"/{FRONT_END}/".encode() in tensor.name)
        for i, tensor in enumerate(outputs):
            if i <= last or graph.operators[i].outputs[0] in graph.outputs:
                tensor.name = f"{KEPT}/".encode() + tensor.name


def _ranges(model, recipe, calls: Calls):
    """Least and greatest value of each tensor. Not the moving average of them that is the quantiser's default: after an
    hour of silence it has forgotten how loud speech is."""
    from ai_edge_litert.tools import flatbuffer_utils
    from ai_edge_quantizer import calibrator, recipe_manager
    from ai_edge_quantizer.utils import qsv_utils

    manager = recipe_manager.RecipeManager()
    manager.load_quantization_recipe(recipe.get_quantization_recipe())
    found = calibrator.Calibrator(model, num_threads=1, qsv_update_func=qsv_utils.min_max_update)
    found.calibrate(calls, manager)
    ranges = found.get_model_qsvs()
    # What is one tensor to both signatures has one range, so that its scales and biases are equal, and are stored once.
    both = collections.defaultdict(list)
    for name, held in ranges.items():
        both[re.sub(r"(\w+)/\1\.step", r"\1.step", name)].append(held)
    for held in both.values():
        _unite(held)
    # A state and what is appended to it have one range, that of both: the last call's state is never seen to come in.
    for graph, names in _states(flatbuffer_utils.read_model_from_bytearray(model)):
        states = {before for before, _ in names.values()}
        for operator in (o for o in graph.operators if states & set(o.inputs)):
            keys = [graph.tensors[tensor].name.decode() for tensor in (*operator.inputs, *operator.outputs)]
            _unite([ranges[key] for key in keys if key in ranges])
    return ranges


def _unite(ranges) -> None:
    """Gives all of them the least and the greatest value of any."""
    from ai_edge_quantizer.utils import qsv_utils

    held = [one for one in ranges if one]
    united = functools.reduce(qsv_utils.min_max_update, held, {})
    for one in held:
        one.update(united)


def _states(model):
    """For each signature its graph and, by name, the tensors that go in and come out as a state."""
    for signature in model.signatureDefs:
        ins, outs = ({e.name.decode(): e.tensorIndex for e in edge} for edge in (signature.inputs, signature.outputs))
        yield model.subgraphs[signature.subgraphIndex], {name: (ins[name], outs[name]) for name in ins if name in outs}


def _check_states(model) -> None:
    """An integer state whose scale changes on its way through would be another one at the next hop."""
    for graph, names in _states(model):
        for name, tensors in names.items():
            before, after = (_scale(graph.tensors[tensor]) for tensor in tensors)
            if not np.allclose(before, after, rtol=1e-5):  # equal, but for the rounding of their ranges
                raise NotExportable(f"state {name} goes in with scale and zero {before}, comes out with {after}")


def _scale(tensor) -> tuple:
    q = tensor.quantization
    return () if q is None or q.scale is None else (*map(float, q.scale), *map(int, q.zeroPoint))
