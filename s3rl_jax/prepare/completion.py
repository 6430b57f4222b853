"""Completes a corpus whose shards are written: writes TFDS's description, the rejected files, and last the summary."""

import contextlib
import csv
import dataclasses
import json
from pathlib import Path

from s3rl_jax.core.durable import durably, errors_naming
from s3rl_jax.core.errors import UserError
from s3rl_jax.corpus.layout import NAME, SUMMARY, index_files, shard_name
from s3rl_jax.prepare.shards import Rejected, tfds_features
from s3rl_jax.prepare.summary import summarise

REJECTED = "rejected.csv"


def complete(folder: Path, shard_counts: dict[str, int], rejected: list[Rejected], keywords: tuple[str, ...] = ()) -> dict:
    """Writes the files that describe the whole corpus. The summary is the last one: a corpus with a summary is finished.

    Args:
      folder: folder of the corpus's files.
      shard_counts: number of shards of each split.
      rejected: files that were rejected before any shard was written.
      keywords: words whose recordings the summary counts.

    Returns:
      The summary.

    Raises:
      UserError: if no file at all could be read.
    """
    indices = {split: _indices(folder, split, count) for split, count in shard_counts.items()}
    rejected = [*rejected, *(Rejected(*row) for parts in indices.values() for index in parts for row in index["rejected"])]
    if not any(index["samples"] for parts in indices.values() for index in parts):
        path, reason = rejected[0]
        raise UserError(f"none of the {len(rejected)} files can be read; the first is {path}: {reason}")
    _write_tfds_description(folder, indices)
    with durably(folder / REJECTED) as file:
        csv.writer(file).writerows([("path", "reason"), *rejected])
    summary = summarise(indices, rejected, keywords)
    with durably(folder / SUMMARY) as file:
        json.dump(summary, file, indent=2)
    return summary


def _indices(folder: Path, split: str, shards: int) -> list[dict]:
    """Reads the indices of a split. If the split has no recordings, its shards are removed: TFDS has no empty splits."""
    files = index_files(folder, split)
    indices = [json.loads(file.read_text(encoding="utf-8")) for file in files]
    if not any(index["samples"] for index in indices):
        for number, file in enumerate(files):
            (folder / shard_name(split, number, shards)).unlink(missing_ok=True)
            file.unlink()
    return indices


def _write_tfds_description(folder: Path, indices: dict[str, list[dict]]) -> None:
    import tensorflow_datasets as tfds

    infos = []
    template = tfds.core.ShardedFileTemplate(data_dir=folder, dataset_name=NAME, filetype_suffix="array_record")
    for split, parts in indices.items():
        lengths = [len(index["samples"]) for index in parts]
        if sum(lengths):
            size = 2 * sum(sum(index["samples"]) for index in parts)
            infos.append(tfds.core.SplitInfo(split, lengths, size, dataclasses.replace(template, split=split)))
    with contextlib.redirect_stdout(None), errors_naming(folder):
        tfds.folder_dataset.write_metadata(
            data_dir=folder,
            features=tfds_features(),
            split_infos=infos,
            filename_template=template,
            check_data=False,
            description="16 kHz mono int16 recordings, prepared by s3rl_jax.",
            disable_shuffling=True,  # the index is in the order of the records
        )
