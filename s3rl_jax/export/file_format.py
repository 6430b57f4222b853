"""The options of an export, and the signatures that a file has with them."""

from typing import Any, NamedTuple

from s3rl_jax.audio.front_end import FRONT_ENDS, MICRO
from s3rl_jax.core.errors import UserError, lookup
from s3rl_jax.detect.firing import FiringSettings
from s3rl_jax.detect.schema import QUANTISATIONS
from s3rl_jax.export.signatures import (
    Signature,
    detect_signature,
    network_signature,
    stream_signature,
    wake_word_signature,
)
from s3rl_jax.models.detector import FRAME, KeywordModel
from s3rl_jax.models.student.convolutional import ConvolutionalStudent

INPUTS = ("float32", "int8")
TARGETS = ("", "tflm", "esphome")
CONTAINERS = ("tflite", "onnx")


class FileFormat(NamedTuple):
    """The options of an export.

    Attributes:
      quantize: one of `QUANTISATIONS`.
      streaming: whether the file has the signature `stream` in addition to `detect`.
      io: `float32`; or `int8` for microcontrollers: the file is the network alone, with integer input, output and state, and
        the firmware computes the features.
      target: `tflm`: the file may only have operators of TensorFlow Lite Micro. `esphome`: the network alone for ESPHome's
        micro_wake_word, with integer input and output, and its state inside.
      container: `tflite`; or `onnx`: one graph in float32, `stream` with `streaming`, else `detect`.
      voice: whether `detect` also gives the mean of the student's outputs, by which s3rl_jax.enrol knows a speaker.
    """

    quantize: str = "none"
    streaming: bool = False
    io: str = "float32"
    target: str = ""
    container: str = "tflite"
    voice: bool = False

    def firing(self, model: KeywordModel) -> FiringSettings:
        """Settings of firing on the target. micro_wake_word fires where one mean exceeds the cutoff; as long a mean as the
        hops that decide elsewhere replaces the patience."""
        firing = model.firing
        if self.target != "esphome":
            return firing
        return firing._replace(smoothing_hops=firing.smoothing_hops + firing.patience - 1, patience=1, rearm=None)

    @property
    def has_integer_ends(self) -> bool:
        return self.io == "int8" or self.target == "esphome"


def signatures_of(file_format: FileFormat, model: KeywordModel, params: dict[str, Any]) -> list[Signature]:
    """Creates the signatures of a file with the given options.

    Raises:
      UserError: if an option is unknown, or the model cannot be exported with it.
    """
    lookup(dict.fromkeys(QUANTISATIONS), file_format.quantize, "--quantize")
    lookup(dict.fromkeys(INPUTS), file_format.io, "--io")
    lookup(dict.fromkeys(TARGETS), file_format.target, "--target")
    lookup(dict.fromkeys(CONTAINERS), file_format.container, "--format")
    is_plain = file_format._replace(streaming=False, voice=False, container="") == FileFormat(container="")
    if file_format.container == "onnx" and not is_plain:
        raise UserError("--format=onnx: float32 only; expected no --quantize, --io or --target")
    if file_format.voice and (file_format.container == "onnx" or file_format.target or file_format.io == "int8"):
        raise UserError("--voice: of a .tflite that takes samples; expected no --format=onnx, --target or --io=int8")
    if file_format.voice and model.classes > 2:
        raise UserError(f"--voice with {model.classes - 1} keywords; expected one, because the voice is that of the keyword")
    if file_format.target == "esphome":
        return [_wake_word(file_format, model, params)]
    if model.front_end is FRONT_ENDS[MICRO]:
        raise UserError(f"config.student.front_end={MICRO}: the device computes these features; expected --target=esphome")
    if file_format.io == "int8" and file_format.quantize != "int8":
        raise UserError(f"--io=int8 with --quantize={file_format.quantize}: expected --quantize=int8")
    if (file_format.streaming or file_format.io == "int8") and not model.streaming:
        raise UserError("--streaming: this student attends to its whole window; train one with --config.student.streaming=True")
    if file_format.io == "int8":
        return [_checked_network(network_signature(model, params), model.hop // FRAME)]
    detect = detect_signature(model, params, file_format.voice)
    if not file_format.streaming:
        return [detect]
    stream = stream_signature(model, params)
    return [stream] if file_format.container == "onnx" else [detect, stream]


def _wake_word(file_format: FileFormat, model: KeywordModel, params: dict[str, Any]) -> Signature:
    """The signature of a file for ESPHome; refuses a model or options for which there is none."""
    is_conv = isinstance(model.student, ConvolutionalStudent)
    reasons = (
        (file_format.quantize != "int8", f"--quantize={file_format.quantize}; expected int8"),
        (model.front_end is not FRONT_ENDS[MICRO], f"a front end of log-mel; expected --config.student.front_end={MICRO}"),
        (not is_conv, "a transformer; expected --config.student.size=conv"),
        (model.pooling != "mean", f"--config.head.pooling={model.pooling}; expected mean"),
        (model.classes != 2, f"{model.classes - 1} keywords; expected one"),
    )
    for refused, reason in reasons:
        if refused:
            raise UserError(f"--target=esphome with {reason}")
    return _checked_network(wake_word_signature(model, params), model.hop // FRAME)


def _checked_network(network: Signature, frames: int) -> Signature:
    """Refuses a state that a single hop replaces: the quantiser would give its input and its output different scales."""
    if any(network.inputs[name][1] == frames for name in network.state):
        raise UserError(
            f"integer ends: a state is as long as a hop of {frames} frames; expected another config.data.hop_seconds"
        )
    return network
