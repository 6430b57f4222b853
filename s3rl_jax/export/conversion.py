"""Conversion of JAX functions to .tflite with built-in operators alone."""

import collections
import functools
import tempfile
from collections.abc import Sequence
from typing import Any

from s3rl_jax.export.signatures import Signature
from s3rl_jax.models.ops.backend import cpu_forms


class NotExportable(Exception):
    """A model cannot be exported: the conversion failed, an operator is missing, or the file differs from JAX."""


def to_tflite(signatures: Sequence[Signature]) -> bytes:
    """Converts functions of float32 arrays, with their constants, to one file. Equal constants are stored once.

    The route is Flax apply -> jax2tf -> SavedModel -> TFLite, the only one on which signatures keep their names.

    Raises:
      NotExportable: if the model cannot be expressed in built-in TFLite operators.
    """
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
        except Exception as error:  # the converter's exceptions have no common class
            raise NotExportable(f"the TFLite converter failed: {str(error).splitlines()[0]}") from error
    foreign = sorted(name for name in operators(model) if name.startswith(("STABLEHLO_", "Flex", "CUSTOM")))
    if foreign:
        raise NotExportable(f"operators that are not built in: {', '.join(foreign)}")
    return model


def _tf_function(signature: Signature):
    import tensorflow as tf
    from jax.experimental import jax2tf

    converted = jax2tf.convert(signature.function, with_gradient=False)
    specs = [tf.TensorSpec(shape, tf.float32, name=name) for name, shape in signature.inputs.items()]

    def call(*arrays):
        with cpu_forms():  # an accelerator's forms of some operations have no built-in TFLite operator
            return converted(dict(zip(signature.inputs, arrays, strict=True)))

    return tf.function(call, input_signature=specs, autograph=False)


@functools.cache
def operator_codes() -> dict[str, int]:
    """The code of each kind of operator, by its name, such as CONV_2D."""
    from ai_edge_litert import schema_py_generated as schema

    return {name: code for name, code in vars(schema.BuiltinOperator).items() if not name.startswith("_")}


def operator_name(entry: Any) -> str:
    """The name of the kind of operator that an entry of a parsed file's `operatorCodes` stands for."""
    code = max(entry.builtinCode, entry.deprecatedBuiltinCode)  # older files have a code below 127 in the second field alone
    return next(name for name, each in operator_codes().items() if each == code)


def operators(model: bytes) -> dict[str, int]:
    """Counts the occurrences of each operator in a .tflite, over all signatures."""
    from ai_edge_litert.tools import flatbuffer_utils

    parsed = flatbuffer_utils.read_model_from_bytearray(bytearray(model))
    counts: collections.Counter[str] = collections.Counter()
    for graph in parsed.subgraphs:
        for operator in graph.operators:
            code = parsed.operatorCodes[operator.opcodeIndex]
            builtin = operator_name(code)
            counts[f"CUSTOM {code.customCode.decode()}" if builtin == "CUSTOM" else builtin] += 1
    return dict(sorted(counts.items()))
