"""A detector to measure, a trained run or an exported file, with a function that scores a stream."""

import functools
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from s3rl_jax.audio.read import SAMPLE_RATE
from s3rl_jax.core.errors import UserError
from s3rl_jax.detect.description import read_model
from s3rl_jax.detect.detector import Detector
from s3rl_jax.detect.firing import USUAL, FiringSettings
from s3rl_jax.detect.verifier import verifier_of
from s3rl_jax.evaluate.agreement import Agreement, agreement_of
from s3rl_jax.evaluate.scoring import Scorer, stream_scorer
from s3rl_jax.evaluate.stream import Stream
from s3rl_jax.evaluate.trial import Trial, trial_of_stream
from s3rl_jax.runs.detector import TrainedDetector, open_detector

SUFFIXES = (".tflite", ".onnx")  # suffixes of exported files
HOPS_A_CALL = 64


class ScoredDetector(NamedTuple):
    """A detector and its scorer.

    Attributes:
      name: workdir or file.
      keywords: class k + 1 is keyword k.
      hop: samples from one score to the next.
      score: function from int16 samples of a stream to posteriors after each hop.
      firing: settings of firing.
      agreement: where in a stream a second model agrees; None: there is none.
    """

    name: str
    keywords: tuple[str, ...]
    hop: int
    score: Scorer
    firing: FiringSettings = USUAL
    agreement: Agreement | None = None

    def trial(self, stream: Stream, posteriors: Float[np.ndarray, "hops classes"] | None = None) -> Trial:
        """Scores a stream.

        Args:
          stream: the stream.
          posteriors: its posteriors; None: they are computed.
        """
        scored = self.score(stream.audio) if posteriors is None else posteriors
        agrees = self.agreement and self.agreement(stream.audio, scored).any(axis=1)
        return trial_of_stream(stream, scored, self.hop, self.firing, agrees)


def of_run(detector: TrainedDetector) -> ScoredDetector:
    """Compiles a fine-tuned run."""
    model = detector.model
    score = stream_scorer(model, detector.params)
    return ScoredDetector(detector.workdir, detector.keywords, model.hop, score, model.firing)


def of_file(path: str) -> ScoredDetector:
    """Opens an exported file; it is run as on a device.

    Raises:
      UserError: if s3rl_jax.export did not write it, or its sample rate is not 16 kHz.
    """
    detector, description = Detector(path), read_model(path)[2]
    if detector.sample_rate != SAMPLE_RATE:
        raise UserError(f"{path}: its sample rate is {detector.sample_rate} Hz; expected {SAMPLE_RATE} Hz")

    def score(audio):
        detector.reset()
        posteriors = [np.zeros((0, len(detector.labels)), np.float32)]
        for first in range(0, len(audio), HOPS_A_CALL * detector.hop):
            detector.process(audio[first : first + HOPS_A_CALL * detector.hop])
            posteriors += [row[None] for row in detector.posteriors]
        return np.concatenate(posteriors)

    verifier = verifier_of(path, description)
    agreement = verifier and functools.partial(agreement_of, verifier, description)
    return ScoredDetector(path, tuple(detector.labels[1:]), detector.hop, score, description.firing, agreement)


def open_baseline(name: str, keywords: tuple[str, ...]) -> ScoredDetector:
    """Opens a value of --baseline: a workdir, or a file that ends in .tflite or .onnx.

    Args:
      name: the workdir or file.
      keywords: keywords of the detector to compare with.

    Raises:
      UserError: if it is neither, or detects other keywords.
    """
    if name.endswith(SUFFIXES) and not Path(name).is_dir():
        try:
            baseline = of_file(name)
        except UserError as error:
            raise UserError(f"--baseline={error}") from error
    else:
        baseline = of_run(open_detector(name, "--baseline"))
    if set(baseline.keywords) != set(keywords):
        raise UserError(
            f"--baseline={name}: detects {', '.join(baseline.keywords)}; expected {', '.join(keywords)}, as --workdir does"
        )
    return baseline
