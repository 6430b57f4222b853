"""Comparison of an exported file with JAX: the same calls to both."""

from collections.abc import Callable, Sequence

import jax
import numpy as np
from jaxtyping import Num

from s3rl_jax.detect.onnx import NEXT
from s3rl_jax.export.signatures import Signature

Call = dict[str, Num[np.ndarray, "..."]]  # inputs or outputs of a signature by name


def run_file(container: str, model: bytes, signature: Signature, calls: Sequence[Call]) -> list[Call]:
    """`run_onnx` or `run_signature`, by the container."""
    return (run_onnx if container == "onnx" else run_signature)(model, signature, calls)


def run_signature(model: bytes, signature: Signature, calls: Sequence[Call]) -> list[Call]:
    """Runs a file in LiteRT, one answer a call; a state is carried from call to call.

    Integer inputs and posteriors are converted by their scales. An integer state is carried as it is.
    """
    from ai_edge_litert.interpreter import Interpreter

    runner = Interpreter(model_content=model, num_threads=1).get_signature_runner(signature.name)
    inputs, outputs = runner.get_input_details(), runner.get_output_details()

    def run(arrays):
        answer = runner(**{name: _to_integers(array, inputs[name]) for name, array in arrays.items()})
        return answer | {"posteriors": _to_floats(answer["posteriors"], outputs["posteriors"])}

    return _run_all(run, signature, calls)


def run_onnx(model: bytes, signature: Signature, calls: Sequence[Call]) -> list[Call]:
    """Runs a file in ONNX Runtime, one answer a call; a state is carried from call to call."""
    import onnxruntime

    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    outputs = [output.name for output in session.get_outputs()]
    names = [output.removesuffix(NEXT) for output in outputs]
    return _run_all(lambda arrays: dict(zip(names, session.run(outputs, arrays), strict=True)), signature, calls)


def run_jax(signature: Signature, calls: Sequence[Call]) -> list[Call]:
    """Runs a signature's function in JAX, one answer a call; a state is carried from call to call."""
    function = jax.jit(signature.function)
    return _run_all(lambda arrays: jax.device_get(function(arrays)), signature, calls)


def largest_difference(ours: list[Call], theirs: list[Call]) -> float:
    """Largest absolute difference of any posterior."""
    return max(float(np.abs(a["posteriors"] - b["posteriors"]).max()) for a, b in zip(ours, theirs, strict=True))


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
    answers = []
    for arrays in calls:
        answer = run(arrays | state)
        state = {name: answer[name] for name in signature.state}
        answers.append(answer)
    return answers
