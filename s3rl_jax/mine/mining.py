"""Mining for hard negatives: a detector scores audio without its keyword, and the stretches in which it fires are a corpus."""

from pathlib import Path
from typing import NamedTuple

from s3rl_jax.audio.read import SAMPLE_RATE
from s3rl_jax.core.errors import UserError
from s3rl_jax.core.lock import locked
from s3rl_jax.core.messages import LOGGER
from s3rl_jax.core.progress import Progress
from s3rl_jax.corpus.corpus import read_corpus
from s3rl_jax.corpus.keywords import keyword_labels, left_out_of
from s3rl_jax.corpus.layout import NAME, SUMMARY, VERSION
from s3rl_jax.evaluate.scoring import stream_scorer
from s3rl_jax.mine.journal import Firing, Journal
from s3rl_jax.mine.stretches import GROUP_SECONDS, MinedStretches, group_firings, groups_of
from s3rl_jax.prepare.preparation import Options, prepare_shards
from s3rl_jax.runs.detector import open_detector
from s3rl_jax.runs.digest import digest

FOLDER = "mined"  # name of the corpus's folder in the detector's workdir


class MiningResult(NamedTuple):
    """Hours of audio that were scored, number of firings, number of firings that were kept, and the highest score."""

    hours: float
    firings: int
    kept: int
    highest: float


def mine(
    workdir: str,
    corpus: str,
    split: str,
    out: str,
    threshold: float,
    most: int,
    group_seconds: float = GROUP_SECONDS,
) -> MiningResult:
    """Scores all recordings without the keyword, and writes a corpus of the stretches in which the detector fires.

    Recordings whose label is or holds the keyword are left out. Recordings without a label count as recordings without the
    keyword. An interrupted search continues.

    Args:
      workdir: workdir of a fine-tuned detector.
      corpus: one corpus or several, comma-separated.
      split: split of the corpus; not test, on which detectors are measured.
      out: folder of the corpus to write; its split is train.
      threshold: lowest smoothed score that fires.
      most: number of firings to keep; those with the highest scores are kept.
      group_seconds: audio of a group, which is scored at once.

    Raises:
      UserError: for a workdir, a corpus or a split that cannot be used, or if nothing fires.
    """
    _check(split, threshold, most)
    detector = open_detector(workdir, "--workdir")
    clips = read_corpus(corpus, split)
    kind, classes = clips.columns["kind"], keyword_labels(clips, detector.keywords)
    left_out_of(classes[kind == "speech"])
    rows = clips.rows((kind != "impulse_response") & (classes == 0))
    if not len(rows):
        raise UserError(f"--corpus={corpus}: nothing in split {split} but recordings of {detector.config.keyword}")
    groups = groups_of(clips, rows, group_seconds)
    with locked(Path(out), "--out"):
        description = {"corpus": corpus, "split": split, "threshold": threshold, "groups": len(groups)}
        journal = Journal(Path(out), {**description, "model": digest(detector.params)})
        score = stream_scorer(detector.model, detector.params)
        with Progress(len(rows), "recordings", "mining") as progress:
            for number, group in enumerate(groups):
                if number not in journal:
                    journal.add(number, group_firings(clips, group, score, detector.model.hop, threshold))
                progress.advance(len(group))
        firings = journal.firings()
        if not firings:
            raise UserError(f"--threshold={threshold:g}: nothing fires in {clips.hours:.2f} h; expected a lower one")
        _write_corpus(corpus, split, firings[:most], out)
        hours = float(clips.columns["samples"][rows].sum()) / SAMPLE_RATE / 3600
        return MiningResult(round(hours, 4), len(firings), min(len(firings), most), round(firings[0].score, 4))


def _check(split: str, threshold: float, most: int) -> None:
    if split == "test":
        raise UserError("--split=test: a detector that trains on stretches of a split cannot be measured on it; expected train")
    if not 0 < threshold < 1 or most < 1:
        raise UserError(f"--threshold={threshold:g}, --most={most}: expected a threshold within 0 and 1, and 1 or more")


def _write_corpus(corpus: str, split: str, firings: list[Firing], out: str) -> None:
    stretches = tuple(sorted((firing.row, firing.start, firing.stop) for firing in firings))
    if (Path(out) / NAME / VERSION / SUMMARY).is_file():
        kept = len(read_corpus(out, "train", "--out"))
        if kept != len(stretches):
            raise UserError(f"--out={out}: holds {kept} firings already; expected --most={kept}, or name another folder")
        LOGGER.info(f"{out} is finished already")
        return
    prepare_shards({"train": [MinedStretches(corpus, split, stretches)]}, out, Options(segment_seconds=60.0))
