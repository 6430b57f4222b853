"""The forms that a file can have, and making one: float or integer, stepped or not, with its front end or without."""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from s3rl_jax.core.errors import UserError, lookup
from s3rl_jax.export import signatures
from s3rl_jax.export.calibration import calls_of, with_states
from s3rl_jax.export.conversion import NotExportable, largest_difference, run_jax, run_signature, to_tflite
from s3rl_jax.export.microcontroller import check_operators
from s3rl_jax.export.quantisation import KINDS, quantise
from s3rl_jax.models.detector import KeywordModel

TOLERANCE = 1e-4
INPUTS = ("float32", "int8")
TARGETS = ("", "tflm")


class Form(NamedTuple):
    """What a file is to be.

    Attributes:
      quantize: one of `KINDS`.
      streaming: whether it has the signature `stream` beside `detect`.
      io: `float32`, or `int8`, for microcontrollers: the network alone, integers in, out and as state; the front end runs
        on the device.
      target: `tflm` asks that TensorFlow Lite Micro has every operator.
    """

    quantize: str = "none"
    streaming: bool = False
    io: str = "float32"
    target: str = ""


class Made(NamedTuple):
    """A file, and how far it is from what JAX says: largest absolute difference of a posterior."""

    file: bytes
    entries: list[signatures.Signature]
    parity_error: float  # of the float file
    quantisation_error: float  # of the quantised one


def signatures_of(form: Form, model: KeywordModel, params: dict[str, Any]) -> list[signatures.Signature]:
    """The entries of a file of that form.

    Raises:
      UserError: if there is no such form, or the model cannot be had in it.
    """
    for value, known, flag in ((form.quantize, KINDS, "quantize"), (form.io, INPUTS, "io"), (form.target, TARGETS, "target")):
        lookup(dict.fromkeys(known), value, f"--{flag}")
    if form.io == "int8" and form.quantize != "int8":
        raise UserError(f"--io=int8 with --quantize={form.quantize}: expected --quantize=int8")
    if (form.streaming or form.io == "int8") and not model.streaming:
        raise UserError("--streaming: this student attends to its whole window; train one with --config.student.streaming=True")
    if form.io == "int8":
        network = signatures.network(model, params)
        frames = network.inputs["features"][1]
        if any(network.inputs[name][1] == frames for name in network.state):  # all of a state would be one step's output
            raise UserError(
                f"--io=int8: a state is as long as a hop of {frames} frames; expected another config.data.hop_seconds"
            )
        return [network]
    found = [signatures.detect(model, params)]
    return [*found, signatures.stream(model, params)] if form.streaming else found


def make(form: Form, model: KeywordModel, params: dict[str, Any], clips: Float[np.ndarray, "clips samples"]) -> Made:
    """Converts, compares with JAX, quantises.

    Args:
      form: what the file is to be.
      model: and `params`, what it is made of.
      clips: of `model.clip` samples in [-1, 1]: what it is compared and calibrated on.

    Raises:
      UserError: if there is no such form, or the model cannot be had in it.
      NotExportable: if the float file differs from JAX by more than 1e-4, or an operator is missing where it is to run.
    """
    entries = signatures_of(form, model, params)
    calls = {entry.name: calls_of(entry, model, clips) for entry in entries}
    said = {entry.name: run_jax(entry, calls[entry.name]) for entry in entries}

    def difference(file: bytes) -> float:
        return max(largest_difference(run_signature(file, entry, calls[entry.name]), said[entry.name]) for entry in entries)

    file = to_tflite(entries)
    parity, loss = difference(file), 0.0
    if not parity <= TOLERANCE:
        raise NotExportable(f"the file differs from JAX by {parity:.2g} on {len(clips)} clips; at most {TOLERANCE} is accepted")
    if form.quantize != "none":
        states = {entry.name: with_states(entry, calls[entry.name], said[entry.name]) for entry in entries}
        file = quantise(file, form.quantize, states, form.io == "int8")
        loss = difference(file)
    if form.target == "tflm":
        check_operators(file)
    return Made(file, entries, parity, loss)
