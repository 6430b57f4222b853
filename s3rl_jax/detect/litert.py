"""Runs an exported .tflite with LiteRT, one hop at a time."""

import numpy as np
from jaxtyping import Float

from s3rl_jax.core.errors import UserError

STREAM, DETECT = "stream", "detect"  # signatures: one hop and the state; one window
POSTERIORS, VOICE = "posteriors", "voice"  # outputs; the second one only of some files, of `detect`
INPUT = {STREAM: "samples", DETECT: "audio"}


class LiteRtModel:
    """Computes the posteriors after each hop of one stream, by the signature `stream` if the file has it, else by `detect`.

    `stream` takes one hop and a state, and returns the next state; `detect` takes the last window at each hop.

    Args:
      content: content of a .tflite that s3rl_jax.export wrote.
      window: samples that `detect` takes.
      path: path of the file, for messages.
      signature: the signature to run; None: as above.

    Raises:
      UserError: if the file is no such model.
    """

    def __init__(self, content: bytes, window: int, path: str, signature: str | None = None):
        interpreter = _open(content, path)
        signatures = interpreter.get_signature_list()
        self._signature = signature or (STREAM if STREAM in signatures else DETECT)
        name = INPUT[self._signature]
        if name not in signatures.get(self._signature, {"inputs": ()})["inputs"]:
            raise UserError(
                f"{path}: not a model that s3rl_jax.export wrote for this: no signature {self._signature} that takes {name}"
            )
        self._run = interpreter.get_signature_runner(self._signature)
        shapes = {key: detail["shape"] for key, detail in self._run.get_input_details().items()}
        names = self._run.get_output_details().keys() - {POSTERIORS, VOICE}
        self._state_shapes = {key: shapes[key] for key in sorted(names)}
        self._window = window
        self.reset()

    def reset(self) -> None:
        """Returns to the beginning of a stream: silence."""
        self._state = {name: np.zeros(shape, np.float32) for name, shape in self._state_shapes.items()}
        self._last_window = np.zeros(self._window, np.float32)

    def step(self, samples: Float[np.ndarray, "hop"]) -> Float[np.ndarray, "labels"]:
        """Returns the posteriors after the next hop."""
        if self._signature == DETECT:
            self._last_window = np.concatenate([self._last_window[len(samples) :], samples])
            return self.outputs(self._last_window)[POSTERIORS]
        outputs = self._run(samples=samples[None], **self._state)
        self._state = {name: outputs[name] for name in self._state}
        return outputs[POSTERIORS][0]

    def outputs(self, window: Float[np.ndarray, "window"]) -> dict[str, Float[np.ndarray, "_"]]:
        """Returns all outputs of `detect` for one window."""
        return {name: values[0] for name, values in self._run(audio=window[None]).items()}


def _open(content: bytes, path: str):
    from ai_edge_litert.interpreter import Interpreter

    try:
        return Interpreter(model_content=content, num_threads=1)
    except (ValueError, RuntimeError) as error:
        raise UserError(f"{path}: not a model that s3rl_jax.export wrote: {str(error).splitlines()[0]}") from error
