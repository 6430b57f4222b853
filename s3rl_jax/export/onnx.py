"""Conversion to ONNX by tf2onnx, from a .tflite: one graph, whose inputs and outputs have the names of one signature."""

import tempfile
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from s3rl_jax.audio.logmel import FFT, WINDOW, log_mel, stack_frames, standardise
from s3rl_jax.core.errors import UserError
from s3rl_jax.detect.onnx import NEXT
from s3rl_jax.export.conversion import NotExportable, to_tflite
from s3rl_jax.export.signatures import Signature
from s3rl_jax.models.detector import OVERLAP, KeywordModel
from s3rl_jax.models.student.state import append, append_to_silence

OPSET = 18
EXTRA = "pip install 's3rl_jax[onnx]'"


def to_onnx(signature: Signature, model: KeywordModel, params: dict[str, Any]) -> bytes:
    """Converts `detect` or `stream` of a model.

    The function of the signature is replaced by one without a Fourier transform, because ONNX has no operator for it that
    every runtime supports.

    Args:
      signature: a signature of the model, for its name, inputs and state.
      model: the model.
      params: parameters of the model.

    Raises:
      UserError: if tf2onnx is not installed.
      NotExportable: if the conversion fails.
    """
    try:
        import tf2onnx
    except ImportError as error:
        raise UserError(f"--format=onnx: {error}; expected the extra: {EXTRA}") from error
    function = _stream(model, params) if signature.state else _detect(model, params)
    content = to_tflite([signature._replace(function=function)])
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.tflite"
        file.write_bytes(content)
        try:
            proto, _ = tf2onnx.convert.from_tflite(
                str(file), opset=OPSET, custom_op_handlers={"TFL_GELU": (_decompose_gelu, [])}
            )
        except Exception as error:  # the converter's exceptions have no common class
            raise NotExportable(f"tf2onnx failed: {str(error).splitlines()[0]}") from error
    _rename(proto.graph, _tensor_names(content, signature.name))
    foreign = sorted({node.op_type for node in proto.graph.node if node.domain or node.op_type.startswith("TFL_")})
    if foreign:
        raise NotExportable(f"operators that ONNX does not have: {', '.join(foreign)}")
    return proto.SerializeToString()


def onnx_operators(content: bytes) -> dict[str, int]:
    """Counts the occurrences of each operator in a .onnx."""
    import onnx

    names = [node.op_type for node in onnx.load_from_string(content).graph.node]
    return {name: names.count(name) for name in sorted(set(names))}


def _detect(model: KeywordModel, params: dict[str, Any]):
    def function(arrays):
        audio = append_to_silence(OVERLAP, arrays["audio"])[0] if model.streaming else arrays["audio"]
        return {"posteriors": model.posteriors(model.train_logits(params, _features(audio), frozen=True)[0])}

    return function


def _stream(model: KeywordModel, params: dict[str, Any]):
    def function(arrays):
        audio, past_audio = append(arrays["audio"], arrays["samples"])
        state = {name: array for name, array in arrays.items() if name not in ("audio", "samples")}
        logits, state = model.step_frames(params, _features(audio), state)
        return {"posteriors": model.posteriors(logits[:, 0]), "audio": past_audio} | state

    return function


def _features(audio: Float[Array, "batch samples"]) -> Float[Array, "batch time stacked"]:
    """Computes `student_features` without a Fourier transform."""
    return stack_frames(standardise(log_mel(audio, power_by_products)))


def power_by_products(frames: Float[Array, "*batch window"]) -> Float[Array, "*batch bins"]:
    """The power spectrum, computed by two matrix products with cosines and sines."""
    phase = 2 * np.pi / FFT * (np.arange(WINDOW)[:, None] * np.arange(FFT // 2 + 1) % FFT)
    real, imaginary = (frames @ table.astype(np.float32) for table in (np.cos(phase), np.sin(phase)))
    return jnp.square(real) + jnp.square(imaginary)


def _decompose_gelu(graph: Any, node: Any, name: str, args: list) -> None:
    """Replaces TFLite's GELU, which tf2onnx does not know, by 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3)))."""
    shape, dtype = graph.get_shape(node.output[0]), graph.get_dtype(node.output[0])
    x, (output,) = node.input[0], node.output

    def constant(value: float) -> str:
        return graph.make_const(f"{name}_{value:.6f}", np.array(value, np.float32)).output[0]

    def make(kind: str, *inputs: str) -> str:
        return graph.make_node(kind, list(inputs), shapes=[shape], dtypes=[dtype]).output[0]

    graph.remove_node(name)
    cube = make("Mul", make("Mul", x, x), x)
    inner = make("Mul", make("Add", x, make("Mul", cube, constant(0.044715))), constant(float(np.sqrt(2 / np.pi))))
    factor = make("Add", make("Tanh", inner), constant(1.0))
    half = make("Mul", x, constant(0.5))
    graph.make_node("Mul", [half, factor], outputs=[output], shapes=[shape], dtypes=[dtype])


def _tensor_names(content: bytes, signature: str) -> dict[str, str]:
    """Maps the names of tensors in a .tflite to the names of inputs and outputs of its signature.

    In a .tflite the input and the output of a state have the same name. In ONNX they must differ: the output is NAME_next.
    """
    from ai_edge_litert.interpreter import Interpreter

    runner = Interpreter(model_content=content).get_signature_runner(signature)
    inputs, outputs = runner.get_input_details(), runner.get_output_details()
    names = {detail["name"]: name + NEXT if name in inputs else name for name, detail in outputs.items()}
    return names | {detail["name"]: name for name, detail in inputs.items()}


def _rename(graph: Any, names: dict[str, str]) -> None:
    for value in (*graph.input, *graph.output, *graph.value_info):
        value.name = names.get(value.name, value.name)
    for node in graph.node:
        for tensors in (node.input, node.output):
            tensors[:] = [names.get(tensor, tensor) for tensor in tensors]
