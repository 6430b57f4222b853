"""Runs an exported .onnx with ONNX Runtime, one hop at a time."""

from typing import Any

import numpy as np
from jaxtyping import Float

from s3rl_jax.core.errors import UserError

NEXT = "_next"  # suffix of the output that is the next value of a state


class OnnxModel:
    """Computes the posteriors after each hop of one stream, as `LiteRtModel` does.

    The graph takes `samples` (one hop) and a state, or `audio` (the last window).

    Args:
      content: content of a .onnx that s3rl_jax.export wrote.
      window: samples of `audio`.
      path: path of the file, for messages.

    Raises:
      UserError: if the file is no such model, or ONNX Runtime is not installed.
    """

    def __init__(self, content: bytes, window: int, path: str):
        self._session = _open(content, path)
        shapes = {entry.name: entry.shape for entry in self._session.get_inputs()}
        self._outputs = [entry.name for entry in self._session.get_outputs()]
        self._input = "samples" if "samples" in shapes else "audio"
        if self._input not in shapes or "posteriors" not in self._outputs:
            raise UserError(f"{path}: not a model that s3rl_jax.export wrote: it takes {', '.join(shapes)}")
        self._state_shapes = {name: shape for name, shape in shapes.items() if name != self._input}
        self._window = window
        self.reset()

    def reset(self) -> None:
        """Returns to the beginning of a stream: silence."""
        self._state = {name: np.zeros(shape, np.float32) for name, shape in self._state_shapes.items()}
        self._last_window = np.zeros(self._window, np.float32)

    def step(self, samples: Float[np.ndarray, "hop"]) -> Float[np.ndarray, "labels"]:
        """Returns the posteriors after the next hop.

        Raises:
          ValueError: if the model does not take such a hop.
        """
        if self._input == "audio":
            samples = self._last_window = np.concatenate([self._last_window[len(samples) :], samples])
        try:
            arrays = self._session.run(self._outputs, {self._input: samples[None], **self._state})
        except Exception as error:  # ONNX Runtime's exceptions have no common class
            raise ValueError(str(error)) from error
        outputs = dict(zip(self._outputs, arrays, strict=True))
        self._state = {name: outputs[name + NEXT] for name in self._state}
        return outputs["posteriors"][0]


def _open(content: bytes, path: str) -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise UserError(f"{path}: {error}; expected the extra: pip install 's3rl_jax[onnx]'") from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    try:
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's exceptions have no common class
        raise UserError(f"{path}: not a model that s3rl_jax.export wrote: {str(error).splitlines()[0]}") from error
