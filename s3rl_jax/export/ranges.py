"""The range of each tensor over representative calls, from which the quantiser derives scales."""

import collections
import functools
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from s3rl_jax.export.tflite_states import state_tensors

Ranges = dict[str, dict[str, Any]]  # name of a tensor -> least and greatest value


def tensor_ranges(model: bytearray, recipe: list, calls: Mapping[str, Sequence[dict[str, np.ndarray]]]) -> Ranges:
    """Least and greatest value of each tensor over all calls.

    The quantiser's default is a moving average instead: after a minute of silence it no longer covers speech.

    Args:
      model: a float .tflite.
      recipe: the quantiser's rules.
      calls: inputs and states by the name of the signature.
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
    return ranges


def _merge_across_signatures(ranges: Ranges) -> None:
    """Gives tensors that both signatures compute with the same weights one range: scales and biases are then stored once.

    A module's operators are named `module/module.step/...` in `stream` and `module/...` in `detect`; nothing else in the
    file relates them.
    """
    same = collections.defaultdict(list)
    for name, tensor_range in ranges.items():
        same[re.sub(r"(\w+)/\1\.step", r"\1.step", name)].append(tensor_range)
    for group in same.values():
        _merge(group)


def _merge_states(ranges: Ranges, model: bytearray) -> None:
    """Gives a state and what is appended to it one range: the state that the last call gives is never an input."""
    from ai_edge_litert.tools import flatbuffer_utils

    for graph, states in state_tensors(flatbuffer_utils.read_model_from_bytearray(model)):
        state_inputs = {before for before, _ in states.values()}
        for operator in (o for o in graph.operators if state_inputs & set(o.inputs)):
            names = [graph.tensors[tensor].name.decode() for tensor in (*operator.inputs, *operator.outputs)]
            _merge(ranges[name] for name in names if name in ranges)


def _merge(group: Iterable[dict[str, Any]]) -> None:
    """Sets each range to the union of all."""
    from ai_edge_quantizer.utils import qsv_utils

    known = [tensor_range for tensor_range in group if tensor_range]
    union = functools.reduce(qsv_utils.min_max_update, known, {})
    for tensor_range in known:
        tensor_range.update(union)
