"""Builds an exported file: converts the model, compares the file with JAX, quantises it."""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from s3rl_jax.export.calibration import calls_for, with_states
from s3rl_jax.export.conversion import NotExportable, to_tflite
from s3rl_jax.export.file_format import FileFormat, signatures_of
from s3rl_jax.export.folding import folded_network
from s3rl_jax.export.microcontroller import check_operators
from s3rl_jax.export.onnx import to_onnx
from s3rl_jax.export.parity import largest_difference, run_file, run_jax
from s3rl_jax.export.quantisation import quantise
from s3rl_jax.export.resource_variables import with_variables
from s3rl_jax.export.signatures import Signature
from s3rl_jax.models.detector import KeywordModel

FEATURE_RANGE = (0.0, 26.0)  # of the features in every file for micro_wake_word
TOLERANCE = 1e-4  # largest accepted difference of a posterior between file and JAX


class ExportedFile(NamedTuple):
    """An exported model.

    Attributes:
      content: content of the .tflite or .onnx.
      signatures: signatures of the file.
      parity_error: largest absolute difference of a posterior between the float file and JAX.
      quantisation_error: largest absolute difference between the quantised file and JAX; 0 without quantisation.
    """

    content: bytes
    signatures: list[Signature]
    parity_error: float
    quantisation_error: float


def build_file(
    file_format: FileFormat, model: KeywordModel, params: dict[str, Any], clips: Float[np.ndarray, "clips samples"]
) -> ExportedFile:
    """Converts a model, compares the file with JAX on the clips, and quantises it by the ranges of its values on the clips.

    Args:
      file_format: options of the export.
      model: the model.
      params: parameters of the model.
      clips: `model.clip` samples each, in [-1, 1].

    Raises:
      UserError: if the model cannot be exported in that format.
      NotExportable: if the conversion fails, the float file differs from JAX by more than 1e-4, or the target lacks an
        operator.
    """
    signatures = signatures_of(file_format, model, params)
    calls = {signature.name: calls_for(signature, model, clips) for signature in signatures}
    expected = {signature.name: run_jax(signature, calls[signature.name]) for signature in signatures}

    def difference(content: bytes) -> float:
        return max(
            largest_difference(run_file(file_format.container, content, s, calls[s.name]), expected[s.name]) for s in signatures
        )

    content = _converted(file_format, signatures, model, params)
    parity_error, quantisation_error = difference(content), 0.0
    if not parity_error <= TOLERANCE:  # True for NaN too
        raise NotExportable(
            f"the file differs from JAX by {parity_error:.2g} on {len(clips)} clips; expected at most {TOLERANCE}"
        )
    if file_format.quantize != "none":
        calibration = {s.name: with_states(s, calls[s.name], expected[s.name]) for s in signatures}
        content = quantise(content, file_format.quantize, calibration, file_format.has_integer_ends, _known(file_format))
        if file_format.target == "esphome":
            content = with_variables(content)
            signatures = [signatures[0]._replace(inputs={"features": signatures[0].inputs["features"]}, state=())]
        quantisation_error = difference(content)
    if file_format.target:
        check_operators(content, file_format.target)
    return ExportedFile(content, signatures, parity_error, quantisation_error)


def _converted(file_format: FileFormat, signatures: list[Signature], model: KeywordModel, params: dict[str, Any]) -> bytes:
    """A float file."""
    if file_format.container == "onnx":
        return to_onnx(signatures[0], model, params)
    if file_format.target == "esphome":
        return to_tflite([signatures[0]._replace(function=folded_network(model, params))])
    return to_tflite(signatures)


def _known(file_format: FileFormat) -> dict[str, tuple[float, float]]:
    """Ranges of inputs that the runtime prescribes."""
    return {"features": FEATURE_RANGE} if file_format.target == "esphome" else {}
