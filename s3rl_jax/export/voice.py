"""The voice of a detector: a linear map of the student's mean output in which recordings of one speaker lie close together.

Linear discriminant analysis of the keyword's recordings finds the map; nothing is trained. The threshold, for the cosine
between a recording and the mean of three others, is the one that 5 % of the recordings of a speaker miss, measured on speakers
that the map was not computed from.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int, Int16
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.metrics import roc_curve
from sklearn.model_selection import GroupKFold

from s3rl_jax.audio.augmentation import augment
from s3rl_jax.audio.logmel import to_float
from s3rl_jax.audio.read import SAMPLE_RATE
from s3rl_jax.batches.augmentation_banks import noise_bank, response_bank
from s3rl_jax.batches.word_bounds import word_bounds
from s3rl_jax.core.errors import UserError
from s3rl_jax.corpus.corpus import Clips
from s3rl_jax.corpus.keywords import speech_classes
from s3rl_jax.detect.voice import VoiceSpace, mean_voice
from s3rl_jax.runs.detector import TrainedDetector

ENROLLED = 3  # recordings of a speaker that the others are compared with
FEWEST_SPEAKERS, FEWEST_RECORDINGS = 10, ENROLLED + 1  # speakers with so many recordings, for the threshold
DIMENSIONS, SHRINKAGE = 16, 0.2
MISSED = 0.05  # share of a speaker's recordings below the threshold
COPIES = 2  # of each recording: as it is, and augmented
SNR_DB = (5.0, 25.0)  # of the augmented copy; the threshold holds for rooms like that, not for any noise
FOLDS, DRAWS = 5, 4
LATEST_SECONDS = 0.3  # of a firing after the end of the word
BATCH = 64
NOISE_PIECES, RESPONSE_SECONDS = 200, 0.5

Means = Float[np.ndarray, "copies recordings width"]
Speakers = Int[np.ndarray, "recordings"]


def voice_field(run: TrainedDetector, clips: Clips) -> dict[str, Any]:
    """The field `voice` of the .json: `mean`, `projection`, `threshold`, and how well speakers are told apart.

    Args:
      run: a detector of one keyword.
      clips: its training split.

    Raises:
      UserError: if too few speakers say the keyword often enough.
    """
    rows, speakers = _recordings(clips, run.keywords)
    means = _means(run, clips, rows)
    own, others = [], []
    for inside, outside in GroupKFold(FOLDS).split(rows, groups=speakers):
        units = voice_space(means[:, inside], speakers[inside]).unit(means[:, outside])
        of_own, of_others = speaker_cosines(units, speakers[outside])
        own += of_own
        others += of_others
    scores, weights = np.concatenate(own), np.concatenate([np.full(len(values), 1 / len(values)) for values in own])
    space = voice_space(means, speakers)
    return {
        "mean": [round(float(value), 6) for value in space.mean],
        "projection": [[round(float(value), 6) for value in row] for row in space.projection],
        "threshold": round(weighted_quantile(scores, weights, MISSED), 4),
        "equal_error_rate": round(equal_error_rate(scores, weights, np.concatenate(others)), 4),
        "speakers": len(set(speakers.tolist())),
    }


def _recordings(clips: Clips, keywords: tuple[str, ...]) -> tuple[Int[np.ndarray, "recordings"], Speakers]:
    """Rows of the keyword's recordings whose speaker is known, and the number of each one's speaker."""
    names = np.array([str(name) for name in clips.columns["speaker"]])
    rows = clips.rows((speech_classes(clips, keywords) == 1) & (names != ""))
    _, speakers, counts = np.unique(names[rows], return_inverse=True, return_counts=True)
    if (enough := int((counts >= FEWEST_RECORDINGS).sum())) < FEWEST_SPEAKERS:
        raise UserError(
            f"--voice: {enough} speakers with {FEWEST_RECORDINGS} recordings of {keywords[0]} in the train split; expected at "
            f"least {FEWEST_SPEAKERS}, to measure how far recordings of one speaker differ"
        )
    return rows, speakers


def _means(run: TrainedDetector, clips: Clips, rows: Int[np.ndarray, "recordings"]) -> Means:
    """The student's mean outputs over windows that end soon after the word: as they are, and augmented."""
    model, settings = run.model, run.config.augment.copy_and_resolve_references()
    settings.snr_db = SNR_DB
    noises = noise_bank(clips, model.clip, NOISE_PIECES)
    responses = response_bank(clips, int(RESPONSE_SECONDS * SAMPLE_RATE))

    @jax.jit
    def compute(params, batch, key, noises, responses):
        sound, length = to_float(batch), np.full(BATCH, model.clip, np.int32)
        copies = sound, augment(key, sound, length, to_float(noises), responses, settings)
        return jnp.stack([model.window_mean(model.encoded(params, copy)) for copy in copies])

    audio, means = _windows(clips, rows, model.clip), []
    for first in range(0, len(audio), BATCH):
        batch = audio[first : first + BATCH]
        padded = np.pad(batch, ((0, BATCH - len(batch)), (0, 0)))  # all calls have one shape
        key = jax.random.fold_in(jax.random.key(0), first)
        means.append(np.asarray(compute(run.params, padded, key, noises, responses))[:, : len(batch)])
    return np.concatenate(means, axis=1)


def _windows(clips: Clips, rows: Int[np.ndarray, "recordings"], samples: int) -> Int16[np.ndarray, "recordings samples"]:
    """Windows that end up to 0.3 s after the word; beyond the recording they are silent."""
    rng, silence = np.random.default_rng(0), np.zeros(samples, np.int16)
    is_chosen = np.isin(np.arange(len(clips)), rows)
    ends = word_bounds(clips, is_chosen, samples)[rows, 1] + (rng.random(len(rows)) * LATEST_SECONDS * SAMPLE_RATE).astype(int)
    padded = (np.concatenate([silence, clips.audio(row), silence]) for row in rows)
    return np.stack([sound[end : end + samples] for sound, end in zip(padded, ends, strict=True)])


def voice_space(means: Means, speakers: Speakers) -> VoiceSpace:
    """The map, from the speakers with several recordings."""
    several = np.bincount(speakers)[speakers] > 1
    examples, labels = means[:, several].reshape(-1, means.shape[2]), np.tile(speakers[several], len(means))
    analysis = LinearDiscriminantAnalysis(solver="eigen", shrinkage=SHRINKAGE).fit(examples, labels)
    dimensions = min(DIMENSIONS, len(analysis.classes_) - 1)
    return VoiceSpace(means.mean(axis=(0, 1)), analysis.scalings_[:, :dimensions])


def speaker_cosines(
    units: Float[np.ndarray, "copies recordings dims"], speakers: Speakers
) -> tuple[list[Float[np.ndarray, "_"]], list[Float[np.ndarray, "_"]]]:
    """Cosines with the mean of three unchanged recordings of a speaker: of its other recordings, and of other speakers'."""
    rng, own, others = np.random.default_rng(0), [], []
    for speaker in np.flatnonzero(np.bincount(speakers) >= FEWEST_RECORDINGS):
        mine = np.flatnonzero(speakers == speaker)
        for _ in range(DRAWS):
            enrolled = rng.choice(mine, ENROLLED, replace=False)
            cosines = units @ mean_voice(units[0, enrolled])
            own.append(cosines[:, np.setdiff1d(mine, enrolled)].ravel())
            others.append(cosines[:, speakers != speaker].ravel())
    return own, others


def weighted_quantile(values: Float[np.ndarray, "n"], weights: Float[np.ndarray, "n"], share: float) -> float:
    """The value with a share of the weights below it."""
    order = np.argsort(values)
    return float(values[order][np.searchsorted(np.cumsum(weights[order]), share * weights.sum())])


def equal_error_rate(own: Float[np.ndarray, "n"], weights: Float[np.ndarray, "n"], others: Float[np.ndarray, "m"]) -> float:
    """The rate at which as large a share of a speaker's recordings is rejected as of others' accepted."""
    truth = np.r_[np.ones(len(own)), np.zeros(len(others))]
    weight = np.r_[weights / weights.sum(), np.full(len(others), 1 / len(others))]
    accepted, passed, _ = roc_curve(truth, np.r_[own, others], sample_weight=weight)
    place = np.argmin(np.abs(1 - passed - accepted))
    return float((1 - passed[place] + accepted[place]) / 2)
