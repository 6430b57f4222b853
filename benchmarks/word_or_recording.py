"""Tests whether a detector has learned the word, or properties of its recordings, by two transplants.

    python -m benchmarks.word_or_recording --workdir=runs/alexa --corpus=corpus

Recordings of a keyword differ from others in length, format and silence. `recording`: in the keyword's recordings, another word
of the same loudness replaces the keyword; the detector must not fire. `word`: in other words' recordings, the keyword replaces
the word; the detector must fire as often as in `home`, the keyword's unchanged recordings. Prints JSON: the share of recordings
in which it fires, at the clean threshold of each operating point of the report.
"""

import argparse
import json
from pathlib import Path

import numpy as np

from s3rl_jax.audio.read import SAMPLE_RATE, to_int16
from s3rl_jax.corpus.corpus import read_corpus
from s3rl_jax.corpus.keywords import parse_keywords, speech_classes
from s3rl_jax.detect.firing import keyword_scores
from s3rl_jax.evaluate.scoring import stream_scorer
from s3rl_jax.models.detector import keyword_model
from s3rl_jax.runs.params import read_params
from s3rl_jax.runs.workdir import read_config


def transplant(host: np.ndarray, place: tuple[int, int], word: np.ndarray, loudness: float) -> np.ndarray:
    """Replaces the samples of `host` from place[0] to place[1] by `word`, scaled to the root mean square `loudness`."""
    scaled = word.astype(np.float64) * loudness / max(rms(word), 1.0)
    return np.concatenate([host[: place[0]], to_int16(scaled / 32768), host[place[1] :]])


def rms(audio: np.ndarray) -> float:
    return float(np.sqrt(np.square(audio.astype(np.float64)).mean())) if len(audio) else 0.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workdir", required=True)
    parser.add_argument("--corpus", required=True)
    parser.add_argument("--split", default="test")
    parser.add_argument("--report", help="default: report/ in the workdir")
    args = parser.parse_args()

    config = read_config(args.workdir, "--workdir", "finetune")
    keywords = parse_keywords(config.keyword)
    clips = read_corpus(args.corpus, args.split)
    measured = json.loads((Path(args.report or f"{args.workdir}/report") / "metrics.json").read_text())
    thresholds = measured["conditions"]["clean"]["threshold"]
    model = keyword_model(config, len(keywords) + 1)
    score, window, hop = stream_scorer(model, read_params(args.workdir, "--workdir")), model.clip, model.hop

    columns = clips.columns
    bounds = np.stack([columns["speech_start"], columns["speech_end"]], axis=1)
    classes = speech_classes(clips, keywords, others=-1)
    short = (np.diff(bounds)[:, 0] < window) & (np.diff(bounds)[:, 0] > 0.2 * SAMPLE_RATE)
    positives = np.flatnonzero((classes > 0) & short)
    others = np.random.default_rng(0).permutation(np.flatnonzero((classes == 0) & short & (columns["label"] != "")))

    def word(row):
        start, stop = bounds[row]
        return clips.audio(row)[start:stop]

    variants = {"home": [], "recording": [], "word": []}
    for positive, other in zip(positives, others, strict=False):
        keyword, other_word = word(positive), word(other)
        variants["home"].append(clips.audio(positive))
        variants["recording"].append(transplant(clips.audio(positive), bounds[positive], other_word, rms(keyword)))
        variants["word"].append(transplant(clips.audio(other), bounds[other], keyword, rms(other_word)))

    def peaks_of(recordings):
        # One stream, with a window of silence between two recordings, so that no window contains two of them.
        silence = np.zeros(window + -window % hop, np.int16)
        padded = [np.concatenate([silence, r, np.zeros(-len(r) % hop, np.int16)]) for r in recordings]
        posteriors = keyword_scores(score(np.concatenate([*padded, silence])))
        ends = np.cumsum([len(r) for r in padded]) // hop
        tail = len(silence) // hop - 1
        return np.array([posteriors[end - len(r) // hop : end + tail].max() for end, r in zip(ends, padded, strict=True)])

    peaks = {name: peaks_of(recordings) for name, recordings in variants.items()}
    fired = {
        name: {rate: round(float((values >= threshold).mean()), 4) for rate, threshold in thresholds.items()}
        for name, values in peaks.items()
    }
    print(json.dumps({"workdir": args.workdir, "recordings": len(positives), "fires": fired}))


if __name__ == "__main__":
    main()
