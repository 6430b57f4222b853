"""Accuracy of an exported file on the evaluation stream, compared with the JAX model."""

from typing import Any

import numpy as np
from jaxtyping import Float, Int16

from s3rl_jax.corpus.corpus import read_corpus
from s3rl_jax.evaluate.agreement import Agreement
from s3rl_jax.evaluate.condition_metrics import condition_metrics
from s3rl_jax.evaluate.curves import Curve, det_curve
from s3rl_jax.evaluate.keyword_points import keyword_points
from s3rl_jax.evaluate.scoring import Scorer, stream_scorer
from s3rl_jax.evaluate.stream import build_stream
from s3rl_jax.evaluate.trial import trial_of_stream
from s3rl_jax.export.calibration import calls_for
from s3rl_jax.export.file_format import FileFormat, signatures_of
from s3rl_jax.export.parity import run_file
from s3rl_jax.models.detector import KeywordModel
from s3rl_jax.runs.detector import TrainedDetector

RATE = "0.5"  # false accepts an hour at which the file is compared with the float model
TOLERATED = 0.01  # increase of the false reject rate at RATE above which the user is warned
FRR = "frr_at_fa_per_hour"


def score_file(
    score: Scorer,
    file_format: FileFormat,
    run: TrainedDetector,
    corpus: str,
    split: str,
    agreement: Agreement | None = None,
) -> dict[str, Any]:
    """Scores the file on a split in the condition clean, as `evaluate` scores the run, by the firing of the file's target.

    Args:
      score: function from int16 samples of a stream to the posteriors of the file for the run's labels, after each hop.
      file_format: options of the export.
      run: the run that was exported.
      corpus: one corpus or several, comma-separated.
      split: split of the corpus.
      agreement: where in a stream a second model agrees; None: there is none.

    Returns:
      `corpus`, `split`, `hours` and `too_few_hours_for`; `threshold` and `frr_at_fa_per_hour` of the file at each operating
      point; `keywords`, the result of `keyword_points`; `float_frr_at_fa_per_hour` of the JAX model; and `frr_change`, the
      file's false reject rate at 0.5 false accepts an hour minus the JAX model's. With a second model also `pair`: `keywords`
      and `frr_at_fa_per_hour` of both together.

    Raises:
      UserError: if the corpus or the split does not exist, or has no keyword.
    """
    model, firing = run.model, file_format.firing(run.model)
    stream = build_stream(read_corpus(corpus, split), run.keywords)

    def metrics_of(posteriors: Float[np.ndarray, "hops classes"], agrees=None) -> tuple[dict[str, Any], Curve]:
        together = None if agrees is None else agrees.any(axis=1)
        trial = trial_of_stream(stream, posteriors, model.hop, firing, together)
        curve = det_curve(trial)
        return condition_metrics(trial, stream, curve), curve

    posteriors = score(stream.audio)
    of_file, curve = metrics_of(posteriors)
    of_model, _ = metrics_of(stream_scorer(model, run.params)(stream.audio))
    pair = {}
    if agreement:
        agrees = agreement(stream.audio, posteriors)
        of_pair, curve_of_pair = metrics_of(posteriors, agrees)
        keyword_entries = keyword_points(stream, posteriors, run.keywords, model.hop, firing, agrees, curve_of_pair)
        pair = {"pair": {"keywords": keyword_entries, FRR: of_pair[FRR]}}
    return {
        "corpus": corpus,
        "split": split,
        "hours": round(stream.seconds / 3600, 4),
        "threshold": of_file["threshold"],
        "keywords": keyword_points(stream, posteriors, run.keywords, model.hop, firing, whole=curve),
        FRR: of_file[FRR],
        f"float_{FRR}": of_model[FRR],
        "frr_change": round(of_file[FRR][RATE] - of_model[FRR][RATE], 5),
        "too_few_hours_for": of_file["too_few_hours_for"],
        **pair,
    }


def file_posteriors(
    content: bytes, file_format: FileFormat, model: KeywordModel, params: dict[str, Any], audio: Int16[np.ndarray, "samples"]
) -> Float[np.ndarray, "hops classes"]:
    """Posteriors of the file after each hop; a file without a state scores the window that ends with the hop."""
    signature = signatures_of(file_format, model, params)[-1]
    samples = audio[: len(audio) // model.hop * model.hop].astype(np.float32) / 32768
    if signature.state:
        calls = calls_for(signature, model, samples[None])
    else:
        padded = np.concatenate([np.zeros(model.clip - model.hop, np.float32), samples])
        windows = np.lib.stride_tricks.sliding_window_view(padded, model.clip)[:: model.hop]
        calls = [{"audio": window[None]} for window in windows]
    outputs = run_file(file_format.container, content, signature, calls)
    posteriors = np.concatenate([output["posteriors"] for output in outputs])
    # A file for ESPHome gives the probability of the keyword alone.
    return posteriors if posteriors.shape[1] > 1 else np.concatenate([1 - posteriors, posteriors], axis=1)
