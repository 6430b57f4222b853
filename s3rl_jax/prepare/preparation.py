"""A source -> a corpus: divided into shards, which are written side by side, resumed, and summed up."""

import concurrent.futures
import contextlib
import csv
import dataclasses
import hashlib
import itertools
import json
import multiprocessing
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from s3rl_jax.audio.read import SAMPLE_RATE, UnreadableAudio, read_audio
from s3rl_jax.core.claim import differences, record
from s3rl_jax.core.durable import durably
from s3rl_jax.core.errors import UserError
from s3rl_jax.core.progress import Progress
from s3rl_jax.corpus.layout import INDEX, NAME, SUMMARY, VERSION, Recording, index_files, shard_name
from s3rl_jax.prepare.shards import Portion, Rejected, Shard, speech_bounds, tfds_features, write_shard
from s3rl_jax.prepare.sources.manifest import SPLITS, Clip
from s3rl_jax.prepare.summary import summarise

PLAN, REJECTED = "plan.json", "rejected.csv"
SHARD_BYTES = 256 << 20  # of the source, at most
LEAST_SHARDS, LEAST_FILES = 16, 100  # as many, so that all cores have one, of at least as many files
SMALL_BYTES = 32 << 20  # what one process reads before another one has started


@dataclasses.dataclass(frozen=True)
class Files(Portion):
    """Audio files."""

    clips: tuple[Clip, ...]
    root: Path
    bytes: int

    def __len__(self) -> int:
        return len(self.clips)

    def read(self) -> Iterator[Recording | Rejected]:
        for clip in self.clips:
            try:
                yield read_clip(clip, self.root)
            except UnreadableAudio as reason:
                yield Rejected(str(clip.path), str(reason))


@dataclasses.dataclass(frozen=True)
class How:
    """How a corpus is prepared.

    Attributes:
      segment_seconds: longer recordings are cut into segments.
      overlap_seconds: of two segments of a recording.
      workers: processes on this machine.
      runner: of Apache Beam, instead of them: DirectRunner, DataflowRunner, FlinkRunner, SparkRunner.
      beam_options: of the runner, as its documentation writes them.
    """

    segment_seconds: float = 20.0
    overlap_seconds: float = 0.0
    workers: int = 1
    runner: str = ""
    beam_options: tuple[str, ...] = ()


def prepare(clips: list[Clip], out: str, how: How = How()) -> dict:
    """Reads every clip and writes the corpus; goes on with one that was begun.

    Files that cannot be read are skipped, counted, and listed with the reason in `rejected.csv` in the corpus. Of files
    named twice the first is taken.

    Returns:
      The summary that is also in `summary.json`.

    Raises:
      UserError: if not a single file can be read, or `out` holds another corpus.
    """
    first: dict[Path, Clip] = {}
    for clip in clips:
        first.setdefault(clip.path, clip)
    twice = [Rejected(str(clip.path), "named twice; the first is taken") for clip in clips if first[clip.path] is not clip]
    root = Path(os.path.commonpath([path.parent for path in first]))
    portions = {split: _files([c for c in first.values() if c.split == split], root) for split in SPLITS}
    return prepare_portions(portions, out, how, twice)


def prepare_portions(portions: dict[str, list[Portion]], out: str, how: How, rejected: list[Rejected] = ()) -> dict:
    """As `prepare`, of each split's recordings divided into one portion a shard."""
    if not 0 <= how.overlap_seconds < how.segment_seconds:
        raise UserError(f"--overlap_seconds={how.overlap_seconds:g}: expected less than --segment_seconds, and no less than 0")
    folder = Path(out) / NAME / VERSION
    segment, overlap = (round(seconds * SAMPLE_RATE) for seconds in (how.segment_seconds, how.overlap_seconds))
    shards = [
        Shard(str(folder), split, number, len(parts), portion, segment, overlap)
        for split, parts in portions.items()
        for number, portion in enumerate(parts)
    ]
    _claim(folder, shards, out)
    missing = [shard for shard in shards if not shard.index.is_file()]
    if how.runner:
        _with_beam(missing, how.runner, how.beam_options)
    else:
        _with_processes(missing, how.workers)
    return _finish(folder, portions, rejected)


def read_clip(clip: Clip, root: Path) -> Recording:
    """Reads one recording and finds its speech where the manifest does not say."""
    audio = read_audio(clip.path, channel=0 if clip.kind == "impulse_response" else None)
    return record_of(clip, clip.path.relative_to(root).as_posix(), audio)


def record_of(clip: Clip, name: str, audio) -> Recording:
    if clip.kind == "impulse_response":
        audio = audio[int(np.abs(audio.astype(np.int32)).argmax()) :]  # from the direct sound on
    start, end = clip.speech_start_s, clip.speech_end_s
    if clip.kind == "speech" and not 0 <= start < end:
        begin, stop = speech_bounds(audio)
    else:
        begin = min(max(int(start * SAMPLE_RATE), 0), len(audio))
        stop = min(int(end * SAMPLE_RATE), len(audio)) if end > start else len(audio)
    text = {f.name: getattr(clip, f.name) for f in dataclasses.fields(clip) if f.name in Recording.__annotations__}
    return Recording(id=name, audio=audio, speech_start=begin, speech_end=stop, **text)


def _files(clips: list[Clip], root: Path) -> list[Files]:
    """Consecutive files, in portions of about equal bytes. The same files always make the same portions."""
    if not clips:
        return []
    sizes = np.array([clip.path.stat().st_size if clip.path.is_file() else 0 for clip in clips], np.int64)
    count = max(-(-int(sizes.sum()) // SHARD_BYTES), min(LEAST_SHARDS, -(-len(clips) // LEAST_FILES)))
    before = np.cumsum(sizes) - sizes  # a file goes where its first byte falls
    portion = np.minimum(before * count // max(int(sizes.sum()), 1), count - 1)
    starts = [*np.flatnonzero(np.diff(portion, prepend=-1)).tolist(), len(clips)]
    return [Files(tuple(clips[a:b]), root, int(sizes[a:b].sum())) for a, b in itertools.pairwise(starts)]


def _claim(folder: Path, shards: list[Shard], out: str) -> None:
    """Takes the folder, or finds that it was begun with the same plan."""
    if (folder / SUMMARY).is_file():
        raise UserError(f"--out={out}: holds a corpus already; name another folder or remove it")
    plan = {"shards": len(shards), "digest": hashlib.sha256(repr(shards).encode()).hexdigest()}
    if differences(folder / PLAN, plan):
        raise UserError(f"--out={out}: begun with another source or other segments; name another folder or remove it")
    (folder / INDEX).mkdir(parents=True, exist_ok=True)
    record(folder / PLAN, plan)


def _with_processes(shards: list[Shard], workers: int) -> None:
    with Progress(sum(len(shard.portion) for shard in shards), "recordings", "preparing") as progress:
        if min(workers, len(shards)) < 2 or sum(shard.portion.bytes for shard in shards) < SMALL_BYTES:
            for shard in shards:
                write_shard(shard)
                progress.advance(len(shard.portion))
            return
        # Forked processes would inherit the threads of libraries; fresh ones do not.
        context = multiprocessing.get_context("spawn")
        with concurrent.futures.ProcessPoolExecutor(min(workers, len(shards)), mp_context=context) as pool:
            pending = {pool.submit(write_shard, shard): shard for shard in shards}
            try:
                for done in concurrent.futures.as_completed(pending):
                    done.result()
                    progress.advance(len(pending[done].portion))
            finally:
                pool.shutdown(cancel_futures=True)


def _with_beam(shards: list[Shard], runner: str, options: tuple[str, ...]) -> None:
    try:
        import apache_beam as beam
        from apache_beam.options.pipeline_options import PipelineOptions
    except ImportError as error:
        raise UserError(f"--runner={runner}: Apache Beam is not installed; pip install 's3rl_jax[beam]'") from error
    try:
        pipeline = beam.Pipeline(runner=runner, options=PipelineOptions(list(options)))
    except ValueError as error:
        raise UserError(f"--runner={runner}, --beam_options: {' '.join(str(error).split())}") from error
    with pipeline:
        # Each shard is a task of its own, on any worker.
        _ = pipeline | beam.Create(shards) | beam.Reshuffle() | beam.Map(write_shard)


def _finish(folder: Path, portions: dict[str, list[Portion]], rejected: list[Rejected]) -> dict:
    """Writes what TFDS wants to know of the shards, the rejected files, and last the summary: it says that all is there."""
    import tensorflow_datasets as tfds

    infos, indices = [], {}
    template = tfds.core.ShardedFileTemplate(data_dir=folder, dataset_name=NAME, filetype_suffix="array_record")
    for split, parts in portions.items():
        indices[split] = [json.loads(file.read_text(encoding="utf-8")) for file in index_files(folder, split)]
        lengths = [len(index["samples"]) for index in indices[split]]
        if sum(lengths):
            size = 2 * sum(sum(index["samples"]) for index in indices[split])
            infos.append(tfds.core.SplitInfo(split, lengths, size, dataclasses.replace(template, split=split)))
            continue
        for number, file in enumerate(index_files(folder, split)):  # TFDS knows no split without records
            (folder / shard_name(split, number, len(parts))).unlink(missing_ok=True)
            file.unlink()
    rejected = [*rejected, *(Rejected(*row) for parts in indices.values() for index in parts for row in index["rejected"])]
    if not infos:
        path, reason = rejected[0]
        (folder / PLAN).unlink()
        raise UserError(f"none of the {len(rejected)} files can be read; the first is {path}: {reason}")
    with contextlib.redirect_stdout(None):
        tfds.folder_dataset.write_metadata(
            data_dir=folder,
            features=tfds_features(),
            split_infos=infos,
            filename_template=template,
            check_data=False,
            description="16 kHz mono int16 recordings, prepared by s3rl_jax.",
            disable_shuffling=True,  # the index is in the order of the records
        )
    with open(folder / REJECTED, "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("path", "reason"), *rejected])
    summary = summarise(indices, rejected)
    with durably(folder / SUMMARY) as file:
        json.dump(summary, file, indent=2)
    return summary
