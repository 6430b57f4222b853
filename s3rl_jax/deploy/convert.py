"""A JAX function of a waveform -> .tflite with built-in operators only."""

from collections.abc import Callable

import numpy as np


class NotExportable(Exception):
    """The converter refused, or used an operator that a device does not have."""


def to_tflite(function: Callable, window: int, signature: str = "detect") -> bytes:
    """Converts `function`, float32 [1, window] -> float32 [1, classes], constants inside.

    Flax apply -> jax2tf -> SavedModel -> TFLite: the route on which signatures keep their names.

    Raises:
      NotExportable: if the model cannot be expressed in built-in TFLite operators.
    """
    import tempfile

    import tensorflow as tf
    from jax.experimental import jax2tf

    module = tf.Module()
    converted = jax2tf.convert(function, with_gradient=False)
    module.detect = tf.function(
        lambda audio: {"posteriors": converted(audio)},
        input_signature=[tf.TensorSpec([1, window], tf.float32, name="audio")],
        autograph=False,
    )
    with tempfile.TemporaryDirectory() as folder:
        tf.saved_model.save(module, folder, signatures={signature: module.detect})
        converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=[signature])
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
        try:
            model = converter.convert()
        except Exception as error:  # the converter has no exception class of its own that covers all of its refusals
            raise NotExportable(f"the TFLite converter refused: {str(error).splitlines()[0]}") from error
    foreign = sorted(name for name in operators(model) if name.startswith(("STABLEHLO_", "Flex", "CUSTOM")))
    if foreign:
        raise NotExportable(f"operators that are not built in: {', '.join(foreign)}")
    return model


def operators(model: bytes) -> dict[str, int]:
    """How often each operator occurs in the file."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=model, num_threads=1)
    counts: dict[str, int] = {}
    for operator in interpreter._get_ops_details():
        if operator["op_name"] != "DELEGATE":
            counts[operator["op_name"]] = counts.get(operator["op_name"], 0) + 1
    return counts


def largest_difference(model: bytes, reference: Callable, clips: np.ndarray, signature: str = "detect") -> float:
    """Largest absolute difference of any posterior between the file, run by LiteRT, and `reference`, on float clips."""
    from ai_edge_litert.interpreter import Interpreter

    run = Interpreter(model_content=model, num_threads=1).get_signature_runner(signature)
    wanted = np.asarray(reference(clips))
    got = np.concatenate([run(audio=clip[None])["posteriors"] for clip in clips])
    return float(np.abs(got - wanted).max())
