"""Ranges of tensors over representative calls, from which the quantiser computes scales."""

import collections
import functools
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from s3rl_jax.export.tflite_states import state_tensors

Ranges = dict[str, dict[str, Any]]  # least and greatest value of each tensor, by its name


SIGMOID_END = 6.25  # beyond it, a sigmoid is 0 or 1 in eight bits


def tensor_ranges(
    model: bytearray,
    recipe: list,
    calls: Mapping[str, Sequence[dict[str, np.ndarray]]],
    known: Mapping[str, tuple[float, float]],
) -> Ranges:
    """Computes least and greatest value of each tensor over all calls.

    The quantiser's default, a moving average, no longer covers speech after a minute of silence.

    Args:
      model: a float .tflite.
      recipe: the quantiser's rules.
      calls: inputs and states of each signature, by its name.
      known: ranges of inputs, by their names, which replace those over the calls.
    """
    from ai_edge_quantizer import calibrator, recipe_manager
    from ai_edge_quantizer.utils import qsv_utils

    manager = recipe_manager.RecipeManager()
    manager.load_quantization_recipe(recipe)
    calibration = calibrator.Calibrator(model, num_threads=1, qsv_update_func=qsv_utils.min_max_update)
    calibration.calibrate(calls, manager)
    ranges = calibration.get_model_qsvs()
    _merge_across_signatures(ranges)
    _merge_states(ranges, model)
    _set_known(ranges, model, known)
    return ranges


def _merge_across_signatures(ranges: Ranges) -> None:
    """Gives the same range to tensors that both signatures compute with the same weights.

    Scales and biases are then stored once. A module's operators are named `module/module.step/...` in `stream` and
    `module/...` in `detect`; these names are the only relation between them in the file.
    """
    same = collections.defaultdict(list)
    for name, tensor_range in ranges.items():
        same[re.sub(r"(\w+)/\1\.step", r"\1.step", name)].append(tensor_range)
    for group in same.values():
        _merge(group)


def _merge_states(ranges: Ranges, model: bytearray) -> None:
    """Gives the same range to a state, reshaped or not, and the frames that are appended to it.

    Otherwise they could differ, because the output state of the last call is never an input.
    """
    from ai_edge_litert import schema_py_generated as schema
    from ai_edge_litert.tools import flatbuffer_utils

    parsed = flatbuffer_utils.read_model_from_bytearray(model)
    for graph, states in state_tensors(parsed):
        for before, _ in states.values():
            same, group = {before}, set()
            for operator in (o for o in graph.operators if same & set(o.inputs)):
                group |= {*operator.inputs, *operator.outputs}
                if parsed.operatorCodes[operator.opcodeIndex].builtinCode == schema.BuiltinOperator.RESHAPE:
                    same |= set(operator.outputs)
            names = [graph.tensors[tensor].name.decode() for tensor in sorted(group)]
            _merge(ranges[name] for name in names if name in ranges)


def _set_known(ranges: Ranges, model: bytearray, known: Mapping[str, tuple[float, float]]) -> None:
    """Sets the ranges of inputs that are known, and limits that of a sigmoid's input."""
    from ai_edge_litert import schema_py_generated as schema
    from ai_edge_litert.tools import flatbuffer_utils

    parsed = flatbuffer_utils.read_model_from_bytearray(model)
    for signature in parsed.signatureDefs:
        graph = parsed.subgraphs[signature.subgraphIndex]
        for entry in signature.inputs:
            if entry.name.decode() in known:
                input_range = ranges[graph.tensors[entry.tensorIndex].name.decode()]
                for end, value in zip(("min", "max"), known[entry.name.decode()], strict=True):
                    input_range[end] = np.full_like(input_range[end], value)
        for operator in graph.operators:
            if parsed.operatorCodes[operator.opcodeIndex].builtinCode == schema.BuiltinOperator.LOGISTIC:
                limited = ranges.get(graph.tensors[operator.inputs[0]].name.decode(), {})
                limited.update({end: np.clip(value, -SIGMOID_END, SIGMOID_END) for end, value in limited.items()})


def _merge(group: Iterable[dict[str, Any]]) -> None:
    """Replaces each range by the union of all."""
    from ai_edge_quantizer.utils import qsv_utils

    known = [tensor_range for tensor_range in group if tensor_range]
    union = functools.reduce(qsv_utils.min_max_update, known, {})
    for tensor_range in known:
        tensor_range.update(union)
