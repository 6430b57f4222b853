"""What an exported file is worth: its false rejects and accepts on the evaluation stream, beside those of the JAX model."""

from typing import Any

import numpy as np

from s3rl_jax.corpus.corpus import read_corpus
from s3rl_jax.corpus.keywords import parse_keywords
from s3rl_jax.evaluate.conditions import SEED
from s3rl_jax.evaluate.evaluation import figures, trial_of
from s3rl_jax.evaluate.scoring import scorer
from s3rl_jax.evaluate.stream import build_stream
from s3rl_jax.export.calibration import calls_of
from s3rl_jax.export.conversion import run_signature
from s3rl_jax.export.file_form import Form, signatures_of
from s3rl_jax.models.detector import KeywordModel

RATE = "0.5"  # false accepts an hour at which a file is compared with the float model
TOLERATED = 0.01  # more false rejects there, absolute, are warned of


def measure(
    file: bytes, form: Form, model: KeywordModel, params: dict[str, Any], keyword: str, corpus: str, split: str
) -> dict:
    """Plays the split to the file, in clean, as `evaluate` plays it to the model.

    Args:
      file: in `form`, of `model` and `params`.
      keyword: `config.keyword`.
      corpus: and `split`, what is played.

    Returns:
      The file's `threshold` and `frr_at_fa_per_hour` at each operating point, those of the float model in JAX, and
      `frr_change`, the file's false rejects at 0.5 false accepts an hour less the float model's.

    Raises:
      UserError: if there is no such corpus or split, or no keyword in it.
    """
    stream = build_stream(read_corpus(corpus, split), parse_keywords(keyword), SEED)
    ours = figures(trial_of(stream, _posteriors(file, form, model, params, stream.audio), model.hop), stream)[0]
    theirs = figures(trial_of(stream, scorer(model, params)(stream.audio), model.hop), stream)[0]
    frr = "frr_at_fa_per_hour"
    return {
        "corpus": corpus,
        "split": split,
        "hours": round(stream.seconds / 3600, 4),
        "threshold": ours["threshold"],
        frr: ours[frr],
        f"float_{frr}": theirs[frr],
        "frr_change": round(ours[frr][RATE] - theirs[frr][RATE], 5),
        "too_few_hours_for": ours["too_few_hours_for"],
    }


def _posteriors(file, form, model, params, audio):
    """After each hop; of a file that cannot be stepped, of the clip that ends with it."""
    entry = signatures_of(form, model, params)[-1]
    samples = audio[: len(audio) // model.hop * model.hop].astype(np.float32) / 32768
    if entry.state:
        calls = calls_of(entry, model, samples[None])
    else:
        padded = np.concatenate([np.zeros(model.clip - model.hop, np.float32), samples])
        calls = [{"audio": clip[None]} for clip in np.lib.stride_tricks.sliding_window_view(padded, model.clip)[:: model.hop]]
    return np.concatenate([answer["posteriors"] for answer in run_signature(file, entry, calls)])
