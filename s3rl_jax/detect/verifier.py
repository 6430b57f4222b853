"""Verifier: a second, larger model that scores the last window of sound when the first one is about to fire."""

from pathlib import Path

import numpy as np
from jaxtyping import Float

from s3rl_jax.core.errors import UserError
from s3rl_jax.detect.description import Description, read_model
from s3rl_jax.detect.litert import DETECT, LiteRtModel
from s3rl_jax.detect.onnx import OnnxModel

AGREES_AT = 0.5  # posterior of the keyword: it is likelier than everything else


class Verifier:
    """The second stage of a detector. It runs only at hops at which the first stage would fire.

    Args:
      path: a .tflite, or a .onnx without a state, that s3rl_jax.export wrote, with its .json beside it.
      first: description of the first stage.
      agrees_at: lowest posterior of the keyword with which it agrees.

    Attributes:
      window: samples that it takes.
      sha256: digest of the file.

    Raises:
      UserError: if the file is no such model, or has another rate or lacks a keyword of the first stage.
    """

    def __init__(self, path: str, first: Description, agrees_at: float = AGREES_AT):
        content, fields, description = read_model(path)
        if description.sample_rate != first.sample_rate:
            raise UserError(f"{path}: its sample rate is {description.sample_rate} Hz; {first.path} has {first.sample_rate} Hz")
        if missing := [label for label in first.labels if label not in description.labels]:
            raise UserError(f"{path}: verifies {', '.join(description.labels[1:])}; expected {', '.join(missing)} too")
        self._columns = [description.labels.index(label) for label in first.labels]
        self.window, self.sha256, self._agrees_at = description.window, fields.get("sha256", ""), agrees_at
        if path.endswith(".onnx"):
            self._model = OnnxModel(content, self.window, path)
        else:
            self._model = LiteRtModel(content, self.window, path, DETECT)

    def posterior(self, keyword: int, samples: Float[np.ndarray, "window"]) -> float:
        """Posterior of a class of the first stage in the last `window` samples of a stream."""
        return float(self._model.step(samples)[self._columns[keyword]])

    def agrees(self, keyword: int, samples: Float[np.ndarray, "window"]) -> bool:
        """Whether a class of the first stage is in the last `window` samples of a stream."""
        return self.posterior(keyword, samples) >= self._agrees_at


def verifier_of(path: str, first: Description, given: str | None = None) -> Verifier | None:
    """Opens the second stage of a model.

    Args:
      path: path of the first model.
      first: its description.
      given: path of a second model; None: the one that the .json of the first names, if it names one.

    Raises:
      UserError: as `Verifier`, and if the file that the .json names is another than it says.
    """
    if given is not None:
        return Verifier(given, first)
    if first.pair is None:
        return None
    file = str(Path(path).with_name(first.pair.file))
    verifier = Verifier(file, first, first.pair.agrees_at)
    if verifier.sha256 != first.pair.sha256:
        raise UserError(f"{file}: not the verifier that {first.path} names (its SHA-256 differs); export the pair again")
    return verifier
