"""An enrolled voice: what it costs the person, and how many false accepts it spares, on recordings of people and other speech.

    python -m benchmarks.enrolment --model=alexa.tflite --corpus=HELD [--conditions=clean,snr_10] [--enrolled=3] [--draws=5]

MODEL is a file of `s3rl_jax.export --voice`; its training must not have heard the people of HELD. Each person in the test split
with more recordings than are enrolled is enrolled with a few of them, DRAWS times, as s3rl_jax.enrol does. On the evaluation
stream then count: misses of the person's other recordings, false accepts, and the keyword by other people, each with and
without the check, at the threshold that gives 1 or 10 false accepts an hour without it. `raised`: false accepts at a threshold
that is raised until as many recordings are missed, instead of the check. Prints JSON; intervals (95 %) are a bootstrap over
the people.
"""

import argparse
import dataclasses
import json
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from benchmarks.measuring import about
from s3rl_jax.audio.logmel import to_float
from s3rl_jax.corpus.corpus import Clips, read_corpus
from s3rl_jax.detect.detector import Detector
from s3rl_jax.detect.voice import VoiceModel, mean_voice
from s3rl_jax.enrol.enrolment import unit_of
from s3rl_jax.evaluate.conditions import open_conditions
from s3rl_jax.evaluate.curves import det_curve, operating_point
from s3rl_jax.evaluate.scored_detector import of_file
from s3rl_jax.evaluate.stream import Stream
from s3rl_jax.evaluate.trial import Trial

RATES = (1.0, 10.0)  # false accepts an hour without the check
RESAMPLINGS = 2000


class Scored(NamedTuple):
    """A stream with its trial, and the voice at each hop at which the detector might fire."""

    stream: Stream
    trial: Trial
    units: Float[np.ndarray, "hops dims"]  # not finite where it was not computed

    def checked(self, centre: Float[np.ndarray, "dims"], threshold: float) -> Trial:
        """The trial of the detector that hears this voice alone."""
        return dataclasses.replace(self.trial, agrees=self.units @ centre >= threshold)


def main() -> None:
    parser = argparse.ArgumentParser(description="Misses and false accepts of an enrolled voice.")
    parser.add_argument("--model", required=True)
    parser.add_argument("--corpus", required=True, help="a corpus with recordings of the keyword in its test split")
    parser.add_argument("--conditions", default="clean,snr_10")
    parser.add_argument("--enrolled", type=int, default=3, help="recordings that a person is enrolled with")
    parser.add_argument("--draws", type=int, default=5)
    arguments = parser.parse_args()
    clips, voice, detector = read_corpus(arguments.corpus, "test"), VoiceModel(arguments.model), Detector(arguments.model)
    keywords, conditions = tuple(detector.labels[1:]), tuple(arguments.conditions.split(","))
    streams, _ = open_conditions(clips, keywords, conditions)
    results = {}
    for condition, make_stream in streams.items():
        scored = scored_stream(arguments.model, voice, make_stream())
        people = people_of(scored.stream, clips, detector, voice, arguments.enrolled)
        results[condition] = {f"{rate:g}": measured(scored, people, voice, rate, arguments) for rate in RATES}
        print(json.dumps({condition: results[condition]}), flush=True)
    print(json.dumps({**about(), "model": arguments.model, "enrolled": arguments.enrolled, "conditions": results}))


def scored_stream(path: str, voice: VoiceModel, stream: Stream) -> Scored:
    """Scores a stream, and computes the voice where the detector might fire."""
    detector = of_file(path)
    trial = detector.trial(stream)
    hop = detector.hop
    padded = np.concatenate([np.zeros(voice.window, np.int16), stream.audio])
    units = np.full((len(trial.scores), voice.size), np.nan)
    lowest = operating_point(det_curve(trial), max(RATES)).threshold
    for place in np.flatnonzero(trial.held >= lowest):
        end = (int(place) + 1) * hop
        units[place] = voice.unit(np.asarray(to_float(padded[end : end + voice.window])))
    return Scored(stream, trial, units)


def people_of(
    stream: Stream, clips: Clips, detector: Detector, voice: VoiceModel, enrolled: int
) -> dict[str, dict[int, Float[np.ndarray, "dims"]]]:
    """Person -> place of each recording among the words of the stream -> its voice, as s3rl_jax.enrol computes it."""
    rows = {str(name): row for row, name in enumerate(clips.columns["id"])}
    people: dict[str, dict] = {}
    for place, word in enumerate(stream.words):
        unit = unit_of(detector, voice, np.asarray(to_float(clips.audio(rows[word.id]))))
        if unit is not None:
            people.setdefault(word.speaker, {})[place] = unit
    return {name: units for name, units in people.items() if len(units) > enrolled}


def measured(scored: Scored, people: dict, voice: VoiceModel, rate: float, arguments: argparse.Namespace) -> dict:
    """The figures at one threshold."""
    rng, trial = np.random.default_rng(0), scored.trial
    threshold = operating_point(det_curve(trial), rate).threshold
    speakers = np.array([word.speaker for word in scored.stream.words])
    heard, false_accepts = trial.peaks >= threshold, len(trial.false_accepts(threshold))
    rows = []
    for person, units in people.items():
        for _ in range(arguments.draws):
            chosen = rng.choice(list(units), arguments.enrolled, replace=False)
            checked = scored.checked(mean_voice(np.stack([units[place] for place in chosen])), voice.threshold)
            mine = np.setdiff1d(np.flatnonzero(speakers == person), chosen)
            passed, missed = checked.peaks >= threshold, np.sort(trial.peaks[mine])
            raised = missed[min(int((~passed[mine]).sum()), len(missed) - 1)]  # misses as many of the recordings
            rows.append(
                {
                    "person": person,
                    "missed without": 1 - heard[mine].mean(),
                    "missed with": 1 - passed[mine].mean(),
                    "false accepts without": false_accepts / trial.negative_hours,
                    "false accepts with": len(checked.false_accepts(threshold)) / trial.negative_hours,
                    "false accepts raised": len(trial.false_accepts(max(raised, threshold))) / trial.negative_hours,
                    "others without": heard[speakers != person].mean(),
                    "others with": passed[speakers != person].mean(),
                }
            )
    names = [name for name in rows[0] if name != "person"]
    by_person = np.array([[np.mean([row[n] for row in rows if row["person"] == p]) for n in names] for p in people])
    samples = by_person[rng.integers(0, len(by_person), (RESAMPLINGS, len(by_person)))].mean(axis=1)
    low, high = np.quantile(samples, (0.025, 0.975), axis=0)
    figures = {n: [round(float(v), 3) for v in ends] for n, *ends in zip(names, by_person.mean(axis=0), low, high, strict=True)}
    return {"people": len(people), "hours": round(trial.negative_hours, 2), "threshold": round(float(threshold), 4), **figures}


if __name__ == "__main__":
    main()
