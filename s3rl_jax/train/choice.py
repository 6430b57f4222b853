"""The score by which fine-tuning chooses its checkpoint: misses on a stream of the validation split, with and without noise."""

import time
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jaxtyping import Float, Int
from ml_collections import ConfigDict

from s3rl_jax.audio.read import SAMPLE_RATE
from s3rl_jax.core.errors import UserError
from s3rl_jax.core.messages import LOGGER
from s3rl_jax.corpus.corpus import Clips, corpus_paths, has_speech, read_corpus
from s3rl_jax.corpus.fake import is_fake
from s3rl_jax.corpus.keywords import keyword_labels, parse_keywords
from s3rl_jax.evaluate.conditions import CLEAN
from s3rl_jax.evaluate.curves import det_curve, highest_point, operating_point
from s3rl_jax.evaluate.degradations import with_noise
from s3rl_jax.evaluate.scoring import stream_posteriors
from s3rl_jax.evaluate.stream import GAP_SECONDS, PLAYBACK, SEED, Stream, build_stream
from s3rl_jax.evaluate.trial import Trial, trial_of_stream
from s3rl_jax.models.detector import KeywordModel, keyword_model
from s3rl_jax.runs.choice import FALSE_ACCEPTS, MISSES, chooses
from s3rl_jax.runs.detector import CLIPS

SPLIT = "validation"
# The most of the stream that is of keywords, and of noise alone. A false accept does not count for some 4 s around a keyword,
# so that more keywords would leave little time for false accepts.
KEYWORD_SHARE, NOISE_SHARE = 1 / 8, 1 / 8


def choice_of(config: ConfigDict, is_sweep: bool) -> Callable[[Any], dict[str, float]] | None:
    """Returns the score of a detector's parameters, for `s3rl_jax.engine.job.Job`; None: the run takes its last step.

    Args:
      config: configuration of a run; `config.choice` is off where it lacks the field.
      is_sweep: whether the run is a sweep.

    Raises:
      UserError: for a run that classifies clips.
    """
    if not chooses(config):
        return None
    settings = config.choice
    if config.get("measure", "stream") == CLIPS:
        raise UserError(f"config.choice.every={settings.every}: expected 0 with config.measure={CLIPS}, which has no stream")
    if is_sweep:
        LOGGER.info("config.choice: the members of a sweep take their last step")
        return None
    keywords = parse_keywords(config.keyword)
    clips = stream_clips(config.data.corpus, keywords, settings.hours)
    if clips is None:
        LOGGER.info(
            f"config.choice: no {SPLIT} split with recordings of {config.keyword} and other speech; the last step is taken"
        )
        return None
    clean = build_stream(clips, keywords)
    streams = {CLEAN: clean}
    if (clips.columns["kind"] == "noise").any():
        streams[f"snr_{settings.snr_db:g}"] = with_noise(clean, clips, settings.snr_db, SEED)
    LOGGER.info(
        f"config.choice: {clean.seconds / 3600:.2f} h of the {SPLIT} split with {len(clean.words)} keywords are scored every "
        f"{settings.every} steps, in {' and '.join(streams)}"
    )
    if clean.seconds / 3600 * settings.rate < 1:
        LOGGER.warning(f"config.choice.rate={settings.rate:g}: the stream is too short to tell that rate from 0 an hour")
    return score_on(streams, keyword_model(config, len(keywords) + 1), settings.rate)


def stream_clips(corpus: str, keywords: tuple[str, ...], hours: float) -> Clips | None:
    """Recordings of the validation split for a stream of at most `hours` hours, always the same ones.

    Corpora without speech in that split are left out. None if there is nothing to measure misses, or false accepts, with.
    """
    if is_fake(corpus):
        return None
    paths = [str(path) for path in corpus_paths(corpus) if has_speech(str(path), SPLIT)]
    if not paths:
        return None
    clips = read_corpus(",".join(paths), SPLIT, "config.data.corpus")
    kind = clips.columns["kind"]
    classes = keyword_labels(clips, keywords)
    seconds = clips.columns["samples"] / SAMPLE_RATE + float(np.mean(GAP_SECONDS))
    usable = np.random.default_rng((SEED, 3)).permutation(clips.rows(clips.columns["condition"] != PLAYBACK))
    is_speech, most = kind[usable] == "speech", hours * 3600
    words = _first_that_fit(usable[is_speech & (classes[usable] > 0)], seconds, KEYWORD_SHARE * most)
    noises = _first_that_fit(usable[kind[usable] == "noise"], seconds, NOISE_SHARE * most)
    rest = most - seconds[words].sum() - seconds[noises].sum()
    others = _first_that_fit(usable[is_speech & (classes[usable] == 0)], seconds, float(rest))
    return clips.subset(np.concatenate([words, noises, others])) if len(words) and len(others) else None


def score_on(streams: dict[str, Stream], model: KeywordModel, rate: float) -> Callable[[Any], dict[str, float]]:
    """Compiles a function from the parameters of a detector to its score on streams.

    Args:
      streams: a stream for each condition.
      model: the detector.
      rate: false accepts an hour at which misses are counted.

    Returns:
      A function that returns, over all conditions and for each (`choice/misses_clean`), the number of keywords missed, and
      that of false accepts at the highest threshold that misses no more.
    """
    posteriors_of = stream_posteriors(model)

    def score(params: Any) -> dict[str, float]:
        begun, on_device = time.monotonic(), jax.device_put(params)
        posteriors = {name: posteriors_of(on_device, stream.audio) for name, stream in streams.items()}
        trials = {name: trial_of_stream(stream, posteriors[name], model.hop, model.firing) for name, stream in streams.items()}
        counts = {name: misses_and_false_accepts(trial, rate) for name, trial in trials.items()}
        misses = ", ".join(f"{count} of {len(trials[name].zones)} in {name}" for name, (count, _) in counts.items())
        LOGGER.info(f"misses at {rate:g} false accepts an hour: {misses} (scored in {time.monotonic() - begun:.0f} s)")
        totals = np.sum(list(counts.values()), axis=0)
        named = {"": totals} | {f"_{name}": each for name, each in counts.items()}
        return {
            metric + suffix: float(each[place])
            for place, metric in enumerate((MISSES, FALSE_ACCEPTS))
            for suffix, each in named.items()
        }

    return score


def misses_and_false_accepts(trial: Trial, rate: float) -> tuple[int, int]:
    """Keywords missed at `rate` false accepts an hour, and false accepts at the highest threshold with as many misses."""
    curve = det_curve(trial)
    misses = round(operating_point(curve, rate).frr * curve.words)
    return misses, int(curve.false_accepts[highest_point(curve, misses)])


def _first_that_fit(
    rows: Int[np.ndarray, "rows"], seconds: Float[np.ndarray, "recordings"], most: float
) -> Int[np.ndarray, "_"]:
    """Takes rows in their order, except those that would make the sum of their seconds exceed `most`."""
    total, taken = 0.0, []
    for row in rows:
        if total + seconds[row] <= most:
            total += float(seconds[row])
            taken.append(row)
    return np.array(taken, np.int64)
