"""Comparison of an exported file with JAX on the same calls."""

from collections.abc import Callable, Sequence

import jax
import numpy as np
from jaxtyping import Num

from s3rl_jax.detect.litert import POSTERIORS
from s3rl_jax.detect.onnx import NEXT
from s3rl_jax.export.signatures import Signature

Call = dict[str, Num[np.ndarray, "..."]]  # inputs or outputs of a signature by name


def run_file(container: str, model: bytes, signature: Signature, calls: Sequence[Call]) -> list[Call]:
    """Runs a file of either container, by `run_onnx` or `run_signature`."""
    return (run_onnx if container == "onnx" else run_signature)(model, signature, calls)


def run_signature(model: bytes, signature: Signature, calls: Sequence[Call]) -> list[Call]:
    """Runs a .tflite in LiteRT. The state of each call is the output of the call before.

    Integer inputs and posteriors are converted by their scales. An integer state is passed on unchanged. A file may
    also keep its state itself.
    """
    from ai_edge_litert.interpreter import Interpreter

    runner = Interpreter(model_content=model, num_threads=1).get_signature_runner(signature.name)
    inputs, outputs = runner.get_input_details(), runner.get_output_details()

    def run(arrays):
        output = runner(**{name: _to_integers(arrays[name], inputs[name]) for name in inputs})
        kept = {name: arrays[name] for name in signature.state if name not in output}
        return output | kept | {POSTERIORS: _to_floats(output[POSTERIORS], outputs[POSTERIORS])}

    return _run_all(run, signature, calls)


def run_onnx(model: bytes, signature: Signature, calls: Sequence[Call]) -> list[Call]:
    """Runs a .onnx in ONNX Runtime. The state of each call is the output of the call before."""
    import onnxruntime

    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    outputs = [output.name for output in session.get_outputs()]
    names = [output.removesuffix(NEXT) for output in outputs]
    return _run_all(lambda arrays: dict(zip(names, session.run(outputs, arrays), strict=True)), signature, calls)


def run_jax(signature: Signature, calls: Sequence[Call]) -> list[Call]:
    """Runs a signature's function in JAX. The state of each call is the output of the call before."""
    function = jax.jit(signature.function)
    return _run_all(lambda arrays: jax.device_get(function(arrays)), signature, calls)


def largest_difference(outputs: list[Call], expected: list[Call]) -> float:
    """Largest absolute difference of a posterior."""
    return max(float(np.abs(a[POSTERIORS] - b[POSTERIORS]).max()) for a, b in zip(outputs, expected, strict=True))


def _to_integers(array, detail):
    if detail["dtype"] == np.float32 or array.dtype == detail["dtype"]:
        return array
    scale, zero = detail["quantization"]
    limits = np.iinfo(detail["dtype"])
    return np.clip(np.round(array / scale) + zero, limits.min, limits.max).astype(detail["dtype"])


def _to_floats(array, detail):
    scale, zero = detail["quantization"]
    return array if array.dtype == np.float32 else ((array.astype(np.float32) - zero) * scale).astype(np.float32)


def _run_all(run: Callable[[Call], Call], signature: Signature, calls: Sequence[Call]) -> list[Call]:
    state = {name: np.zeros(signature.inputs[name], np.float32) for name in signature.state}
    outputs = []
    for arrays in calls:
        output = run(arrays | state)
        state = {name: output[name] for name in signature.state}
        outputs.append(output)
    return outputs
