"""Hard negatives: a detector hears audio in which its keyword is not said, and what it fires on becomes a corpus."""

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from jaxtyping import Int

from s3rl_jax.audio.read import SAMPLE_RATE
from s3rl_jax.core.claim import differences, record
from s3rl_jax.core.durable import durably
from s3rl_jax.core.errors import UserError
from s3rl_jax.core.progress import Progress
from s3rl_jax.corpus.corpus import Clips, read_corpus
from s3rl_jax.corpus.keywords import keyword_labels
from s3rl_jax.corpus.layout import TEXTS, Recording
from s3rl_jax.detect.firing import REFRACTORY_SECONDS, firings, smooth
from s3rl_jax.evaluate.scoring import scorer
from s3rl_jax.models.detector import KeywordModel
from s3rl_jax.prepare.preparation import Options, prepare_shards
from s3rl_jax.prepare.shards import ShardInput
from s3rl_jax.runs.detector import open_detector
from s3rl_jax.runs.digest import digest

GROUP_SECONDS = 300.0  # of audio that is scored, and written down, at a time
GAP_SECONDS = 0.5  # of silence after each recording; until then a firing is the recording's
BEFORE_SECONDS, AFTER_SECONDS = 2.0, 0.5  # of a recording around a firing that are kept
ABOUT, FOUND, MINED = "mining.json", "firings.jsonl", "mined"


@dataclasses.dataclass(frozen=True)
class Cuttings(ShardInput):
    """Stretches of recordings of a corpus."""

    corpus: str
    split: str
    stretches: tuple[tuple[int, int, int], ...]  # row, first sample, one past the last

    def __len__(self) -> int:
        return len(self.stretches)

    @property
    def bytes(self) -> int:
        return sum(2 * (stop - start) for _, start, stop in self.stretches)

    def read(self) -> Iterator[Recording]:
        clips = read_corpus(self.corpus, self.split)
        for row, start, stop in self.stretches:
            audio = clips.audio(row)[start:stop]
            texts = {name: str(clips.columns[name][row]) for name in TEXTS}
            texts |= {"id": f"{texts['id']}@{start / SAMPLE_RATE:g}", "condition": MINED}
            yield Recording(audio=audio, speech_start=0, speech_end=len(audio), **texts)


def mine(workdir: str, corpus: str, split: str, out: str, threshold: float, most: int) -> dict:
    """Scores all recordings without the keyword, and writes a corpus of what fires.

    Recordings that are labelled with the keyword, or with a text of which it is a part, are left out; what is not
    labelled is taken to be without it. Killed, it goes on where it was.

    Args:
      workdir: of a fine-tuned detector.
      corpus: one or several, comma-separated.
      split: of them; not test, on which figures are measured.
      out: the corpus to write; its split is train.
      threshold: of the smoothed score.
      most: firings to keep, those of the highest scores.

    Returns:
      `heard_hours`, `firings`, `kept`, `highest`.

    Raises:
      UserError: for a workdir, a corpus or a split that cannot be, or if nothing fires.
    """
    if split == "test":
        raise UserError("--split=test: a detector that trains on what is mined there cannot be measured on it; expected train")
    if not 0 < threshold < 1 or most < 1:
        raise UserError(f"--threshold={threshold:g}, --most={most}: expected a threshold within 0 and 1, and 1 or more")
    detector = open_detector(workdir, "--workdir")
    keywords, model, params = detector.keywords, detector.model, detector.params
    clips = read_corpus(corpus, split)
    rows = clips.rows((clips.columns["kind"] != "impulse_response") & (keyword_labels(clips, keywords) == 0))
    if not len(rows):
        raise UserError(f"--corpus={corpus}: nothing in split {split} but recordings of {detector.config.keyword}")
    journal = Path(out) / FOUND
    groups = _groups(clips, rows)
    about = {"corpus": corpus, "split": split, "threshold": threshold, "groups": len(groups), "model": digest(params)}
    found = _heard(Path(out), about)
    score = scorer(model, params)
    with Progress(len(rows), "recordings", "mining") as progress, open(journal, "a", encoding="utf-8") as file:
        for number, group in enumerate(groups):
            if number not in found:
                found[number] = _fired(score, model, clips, group, threshold)
                file.write(json.dumps({"group": number, "firings": found[number]}) + "\n")
                file.flush()
            progress.advance(len(group))
    fired = sorted((firing for number in sorted(found) for firing in found[number]), key=lambda firing: -firing[3])
    if not fired:
        raise UserError(f"--threshold={threshold:g}: nothing fires in {clips.hours:.2f} h; expected a lower one")
    stretches = tuple(sorted(tuple(firing[:3]) for firing in fired[:most]))
    prepare_shards({"train": [Cuttings(corpus, split, stretches)]}, out, Options(segment_seconds=60.0))
    heard = float(clips.columns["samples"][rows].sum()) / SAMPLE_RATE / 3600
    return {"heard_hours": round(heard, 4), "firings": len(fired), "kept": len(stretches), "highest": round(fired[0][3], 4)}


def _groups(clips: Clips, rows: Int[np.ndarray, "recordings"]) -> list[Int[np.ndarray, "recordings"]]:
    """Consecutive recordings, GROUP_SECONDS of them together."""
    before = np.cumsum(clips.columns["samples"][rows]) - clips.columns["samples"][rows]
    return np.split(rows, np.flatnonzero(np.diff(before // int(GROUP_SECONDS * SAMPLE_RATE))) + 1)


def _fired(score, model: KeywordModel, clips: Clips, group, threshold: float) -> list[list]:
    """The group as one stream: row, first and last sample of the stretch that is kept, and score of each firing."""
    gap = np.zeros(int(GAP_SECONDS * SAMPLE_RATE), np.int16)
    pieces = [piece for row in group for piece in (clips.audio(row), gap)]
    ends = np.cumsum([len(piece) for piece in pieces])[1::2].tolist()
    scores = smooth(score(np.concatenate(pieces))[:, 1:].sum(axis=1))
    deaf = round(REFRACTORY_SECONDS * SAMPLE_RATE / model.hop)
    found = []
    for hop in firings(scores, threshold, deaf).tolist():
        peak = hop + int(np.argmax(scores[hop : hop + deaf]))
        place = int(np.searchsorted(ends, (peak + 1) * model.hop))
        if place == len(group):
            continue  # beyond the last gap
        row = int(group[place])
        samples = int(clips.columns["samples"][row])
        heard = (peak + 1) * model.hop - (ends[place] - len(gap) - samples)  # samples of the recording until then
        start, stop = max(0, heard - int(BEFORE_SECONDS * SAMPLE_RATE)), min(samples, heard + int(AFTER_SECONDS * SAMPLE_RATE))
        found.append([row, start, stop, float(scores[peak])])
    return found


def _heard(folder: Path, about: dict) -> dict[int, list]:
    """What an earlier call of the same command has found, group by group; begins the folder where there is none."""
    if differences(folder / ABOUT, about):
        raise UserError(f"--out={folder}: begun by another detector, corpus or threshold; name another folder or remove it")
    record(folder / ABOUT, about)
    journal = folder / FOUND
    lines = journal.read_text(encoding="utf-8").splitlines(keepends=True) if journal.is_file() else []
    whole = [line for line in lines if line.endswith("\n")]  # the last one may have been cut off by a kill
    with durably(journal) as file:
        file.writelines(whole)
    return {entry["group"]: entry["firings"] for entry in map(json.loads, whole)}
