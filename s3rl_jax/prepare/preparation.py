"""Prepares a corpus: divides the recordings of a source into shards, writes the shards in parallel, and writes a summary.

    rows (sources/) -> shard inputs -> shards (shards.py, by workers.py) -> description and summary (completion.py)

In an unfinished corpus only the missing shards are written.
"""

import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from s3rl_jax.audio.read import SAMPLE_RATE
from s3rl_jax.core.claim import differences, write_record
from s3rl_jax.core.errors import UserError
from s3rl_jax.core.lock import locked
from s3rl_jax.core.messages import LOGGER
from s3rl_jax.corpus.layout import INDEX, NAME, SUMMARY, VERSION
from s3rl_jax.prepare.completion import complete
from s3rl_jax.prepare.shards import Rejected, ShardInput, ShardJob
from s3rl_jax.prepare.sources.audio_files import divide_files
from s3rl_jax.prepare.sources.manifest import ManifestRow
from s3rl_jax.prepare.workers import write_with_beam, write_with_processes

PLAN = "plan.json"


@dataclasses.dataclass(frozen=True)
class Options:
    """Settings of a preparation.

    Attributes:
      segment_seconds: longer recordings are cut into segments.
      overlap_seconds: overlap of two segments of a recording.
      workers: number of processes on this machine.
      runner: runner of Apache Beam, instead of processes: DirectRunner, DataflowRunner, FlinkRunner, SparkRunner.
      beam_options: options of the runner, as its documentation writes them.
      min_shard_files: a split with more files than this gets several shards, so that all cores have work.
      min_parallel_bytes: a source with fewer bytes is read in one process, as starting a second one would take longer.
      keywords: words whose recordings the summary counts.
    """

    segment_seconds: float = 20.0
    overlap_seconds: float = 0.0
    workers: int = 1
    runner: str = ""
    beam_options: tuple[str, ...] = ()
    min_shard_files: int = 100
    min_parallel_bytes: int = 32 << 20
    keywords: tuple[str, ...] = ()


def prepare(rows: Sequence[ManifestRow], out: str, options: Options = Options()) -> dict:
    """Reads all files and writes the corpus. An unfinished corpus is continued; a finished one is left as it is.

    Files that cannot be read are skipped, counted, and listed with the reason in `rejected.csv` in the corpus. If several
    rows name the same file, the first one is used.

    Returns:
      The summary, which is also in `summary.json`.

    Raises:
      UserError: if no file at all can be read, `out` holds another corpus, or another process works on it.
    """
    inputs, rejected = divide_files(rows, options.min_shard_files)
    return prepare_shards(inputs, out, options, rejected)


def prepare_shards(
    inputs: Mapping[str, Sequence[ShardInput]], out: str, options: Options, rejected: Sequence[Rejected] = ()
) -> dict:
    """Writes a corpus of recordings that are already divided into shards.

    Args:
      inputs: the shards of each split.
      out: folder of the corpus.
      options: settings.
      rejected: files that were rejected already.

    Returns:
      The summary, which is also in `summary.json`.

    Raises:
      UserError: as `prepare`.
    """
    if not 0 <= options.overlap_seconds < options.segment_seconds:
        raise UserError(
            f"--overlap_seconds={options.overlap_seconds:g}: expected less than --segment_seconds, and no less than 0"
        )
    if "," in out:
        raise UserError(f"--out={out}: a comma separates corpora; expected a folder without one")
    folder = Path(out) / NAME / VERSION
    segment, overlap = (round(seconds * SAMPLE_RATE) for seconds in (options.segment_seconds, options.overlap_seconds))
    jobs = [
        ShardJob(str(folder), split, number, len(shards), recordings, segment, overlap)
        for split, shards in inputs.items()
        for number, recordings in enumerate(shards)
    ]
    with locked(Path(out), "--out"):
        return _claim(folder, jobs, out) or _write(folder, jobs, inputs, options, list(rejected))


def _write(
    folder: Path,
    jobs: list[ShardJob],
    inputs: Mapping[str, Sequence[ShardInput]],
    options: Options,
    rejected: list[Rejected],
) -> dict:
    missing = [job for job in jobs if not job.index.is_file()]
    if options.runner:
        write_with_beam(missing, options.runner, options.beam_options)
    else:
        write_with_processes(missing, options.workers, options.min_parallel_bytes)
    try:
        return complete(folder, {split: len(shards) for split, shards in inputs.items()}, rejected, options.keywords)
    except UserError:  # no file can be read: without the plan, the user may name another source
        (folder / PLAN).unlink()
        raise


def _claim(folder: Path, jobs: list[ShardJob], out: str) -> dict | None:
    """Writes the plan of the corpus, or compares it with the one that is there.

    Returns:
      The summary if the corpus is finished, else None.

    Raises:
      UserError: if the folder holds a corpus with another plan.
    """
    plan = {"shards": len(jobs), "digest": _digest(jobs)}
    same = (folder / PLAN).is_file() and not differences(folder / PLAN, plan)
    if (folder / SUMMARY).is_file():
        if not same:
            raise UserError(f"--out={out}: holds a corpus already; name another folder or remove it")
        LOGGER.info(f"{out} is finished already")
        return json.loads((folder / SUMMARY).read_text(encoding="utf-8"))
    if (folder / PLAN).is_file() and not same:
        raise UserError(f"--out={out}: begun with another source or other segments; name another folder or remove it")
    (folder / INDEX).mkdir(parents=True, exist_ok=True)
    write_record(folder / PLAN, plan)
    return None


def _digest(jobs: list[ShardJob]) -> str:
    digest = hashlib.sha256()
    for job in jobs:
        fields = {field.name: getattr(job, field.name) for field in dataclasses.fields(job)} | {"folder": ""}
        fields["recordings"] = job.recordings.identity()
        digest.update(json.dumps(fields, default=str, sort_keys=True).encode())
    return digest.hexdigest()
