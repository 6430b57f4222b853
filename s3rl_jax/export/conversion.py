"""JAX functions -> .tflite with built-in operators only."""

import collections
from collections.abc import Sequence

import jax
import numpy as np

from s3rl_jax.export.signatures import Signature


class NotExportable(Exception):
    """The converter refused, or used an operator that a device does not have."""


def to_tflite(signatures: Sequence[Signature]) -> bytes:
    """Converts functions of float32 arrays into one file, their constants inside; equal constants are stored once.

    Flax apply -> jax2tf -> SavedModel -> TFLite: the route on which signatures keep their names.

    Raises:
      NotExportable: if the model cannot be expressed in built-in TFLite operators.
    """
    import tempfile

    import tensorflow as tf

    module = tf.Module()
    functions = {signature.name: _tf_function(signature) for signature in signatures}
    module.functions = list(functions.values())
    with tempfile.TemporaryDirectory() as folder:
        tf.saved_model.save(module, folder, signatures=functions)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=list(functions))
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
        try:
            model = converter.convert()
        except Exception as error:  # the converter has no exception class of its own that covers all of its refusals
            raise NotExportable(f"the TFLite converter refused: {str(error).splitlines()[0]}") from error
    foreign = sorted(name for name in operators(model) if name.startswith(("STABLEHLO_", "Flex", "CUSTOM")))
    if foreign:
        raise NotExportable(f"operators that are not built in: {', '.join(foreign)}")
    return model


def _tf_function(signature: Signature):
    import tensorflow as tf
    from jax.experimental import jax2tf

    converted = jax2tf.convert(signature.function, with_gradient=False)
    specs = [tf.TensorSpec(shape, tf.float32, name=name) for name, shape in signature.inputs.items()]
    return tf.function(
        lambda *arrays: converted(dict(zip(signature.inputs, arrays, strict=True))), input_signature=specs, autograph=False
    )


def operators(model: bytes) -> dict[str, int]:
    """How often each operator occurs in the file, over all signatures."""
    from ai_edge_litert import schema_py_generated as schema
    from ai_edge_litert.tools import flatbuffer_utils

    names = {code: name for name, code in vars(schema.BuiltinOperator).items() if not name.startswith("_")}
    parsed = flatbuffer_utils.read_model_from_bytearray(bytearray(model))
    counts: collections.Counter[str] = collections.Counter()
    for graph in parsed.subgraphs:
        for operator in graph.operators:
            code = parsed.operatorCodes[operator.opcodeIndex]
            builtin = names[max(code.builtinCode, code.deprecatedBuiltinCode)]
            counts[f"CUSTOM {code.customCode.decode()}" if builtin == "CUSTOM" else builtin] += 1
    return dict(sorted(counts.items()))


def run_signature(model: bytes, signature: Signature, calls: Sequence[dict[str, np.ndarray]]) -> list[dict[str, np.ndarray]]:
    """What the file answers to each call, run by LiteRT; a stepped signature carries its state from call to call.

    Integer inputs and outputs are converted by their scales; an integer state stays what it is.
    """
    from ai_edge_litert.interpreter import Interpreter

    runner = Interpreter(model_content=model, num_threads=1).get_signature_runner(signature.name)
    inputs, outputs = runner.get_input_details(), runner.get_output_details()

    def call(arrays):
        answer = runner(**{name: _to_integers(array, inputs[name]) for name, array in arrays.items()})
        return answer | {"posteriors": _to_floats(answer["posteriors"], outputs["posteriors"])}

    return _carry(call, signature, calls)


def run_jax(signature: Signature, calls: Sequence[dict[str, np.ndarray]]) -> list[dict[str, np.ndarray]]:
    """What JAX answers to each call."""
    function = jax.jit(signature.function)
    return _carry(lambda arrays: jax.device_get(function(arrays)), signature, calls)


def _to_integers(array, detail):
    if detail["dtype"] == np.float32 or array.dtype == detail["dtype"]:
        return array
    scale, zero = detail["quantization"]
    range_ = np.iinfo(detail["dtype"])
    return np.clip(np.round(array / scale) + zero, range_.min, range_.max).astype(detail["dtype"])


def _to_floats(array, detail):
    scale, zero = detail["quantization"]
    return array if array.dtype == np.float32 else ((array.astype(np.float32) - zero) * scale).astype(np.float32)


def _carry(call, signature, calls):
    state = {name: np.zeros(signature.inputs[name], np.float32) for name in signature.state}
    answers = []
    for arrays in calls:
        answer = call(arrays | state)
        state = {name: answer[name] for name in signature.state}
        answers.append(answer)
    return answers


def largest_difference(ours: list[dict[str, np.ndarray]], theirs: list[dict[str, np.ndarray]]) -> float:
    """Largest absolute difference of any posterior."""
    return max(float(np.abs(a["posteriors"] - b["posteriors"]).max()) for a, b in zip(ours, theirs, strict=True))
