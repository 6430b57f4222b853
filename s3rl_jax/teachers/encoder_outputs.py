"""Cached outputs of a frozen student: it runs over each recording of a corpus once, in several augmented copies.

A cache is a folder with `outputs.json`, which names student, corpus and augmentation, and .npy files with the outputs in
bfloat16, a row for each frame of 20 ms. It does not depend on keywords, so that heads for any keyword are trained on it.
"""

import dataclasses
import functools
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax.experimental import multihost_utils
from jaxtyping import Float, Int, Int16
from ml_collections import ConfigDict

from s3rl_jax.audio.augmentation import augment
from s3rl_jax.audio.logmel import to_float
from s3rl_jax.audio.read import SAMPLE_RATE
from s3rl_jax.batches.augmentation_banks import noise_bank, response_bank
from s3rl_jax.core.claim import write_record
from s3rl_jax.core.messages import LOGGER
from s3rl_jax.core.progress import Progress
from s3rl_jax.corpus.corpus import Clips
from s3rl_jax.models.detector import FRAME, KeywordModel
from s3rl_jax.models.student.registry import STATISTICS
from s3rl_jax.runs.digest import digest
from s3rl_jax.teachers.identity import corpus_digest
from s3rl_jax.teachers.target_files import TargetFiles, packed

RECORD = "outputs.json"
HIDDEN = "hidden"
FILE_BYTES = 32 << 20  # approximate size of a .npy file; a kill loses no more than the last one
BATCH_SAMPLES = 60 * SAMPLE_RATE
SHORTEST = 64 * FRAME  # samples; recordings are padded to it times a power of two, and each length is compiled once
NOISE_SAMPLES = 1800 * SAMPLE_RATE  # of noise to draw from, for each length
RESPONSE_TAPS = SAMPLE_RATE // 2
SILENCE_SECONDS = 4


@dataclasses.dataclass(frozen=True)
class EncoderOutputs:
    """The outputs of a student at the frames of a corpus.

    Attributes:
      files: the files; those of copy c are numbers c * files_a_copy to (c + 1) * files_a_copy - 1.
      files_a_copy: number of files of a copy.
      copies: number of augmented copies of each recording.
      frames: frames of each recording; 0 for impulse responses.
      file: number of the file of each recording in the first copy.
      row: row of each recording's first frame in its file.
      silence: output in silence.
    """

    files: TargetFiles
    files_a_copy: int
    copies: int
    frames: Int[np.ndarray, "recordings"]
    file: Int[np.ndarray, "recordings"]
    row: Int[np.ndarray, "recordings"]
    silence: Float[np.ndarray, "width"]


def encoder_outputs(
    model: KeywordModel,
    params: dict[str, Any],
    clips: Clips,
    settings: ConfigDict,
    copies: int,
    root: Path,
    file_bytes: int = FILE_BYTES,
) -> EncoderOutputs:
    """Computes the outputs that the cache does not hold yet, and opens the cache.

    After a kill, the next call continues with the first file that is missing. Each process of a multi-host run computes every
    n-th file; all of them must see `root`.

    Args:
      model: the detector, for its student.
      params: `student`, and `statistics` for a student with BatchNorm.
      clips: the corpus.
      settings: `config.augment`: rooms, bands, noise and gain. The first copy is augmented too.
      copies: number of copies.
      root: folder of the caches; each student, corpus and augmentation has a folder in it.
      file_bytes: approximate size of a file.
    """
    encoder = {name: params[name] for name in ("student", STATISTICS) if name in params}
    description = {
        "student": repr(model.student),
        "parameters": digest(encoder),
        "corpus": corpus_digest(clips),
        "augment": json.loads(json.dumps(settings.to_dict())),
        "copies": copies,
        "file_bytes": file_bytes,
    }
    folder = root / hashlib.sha256(json.dumps(description, sort_keys=True).encode()).hexdigest()[:16]
    is_sound = clips.columns["kind"] != "impulse_response"
    frames = np.where(is_sound, clips.columns["samples"] // FRAME, 0).astype(np.int64)
    before = np.cumsum(frames) - frames
    file = before // max(file_bytes // (2 * model.student.width), int(frames.max()))
    row = before - before[np.searchsorted(file, file)]
    files, files_a_copy = TargetFiles(folder, (HIDDEN,)), int(file[-1]) + 1
    silence = np.asarray(model.encoded(encoder, np.zeros((1, SILENCE_SECONDS * SAMPLE_RATE), np.float32)))[0, -1]
    outputs = EncoderOutputs(files, files_a_copy, copies, frames, file, row, silence.astype(np.float32))
    if jax.process_index() == 0:
        write_record(folder / RECORD, description)
    share = range(jax.process_index(), copies * files_a_copy, jax.process_count())
    if missing := [number for number in share if not files.complete(number)]:
        gigabytes = copies * int(frames.sum()) * 2 * model.student.width / 1e9
        LOGGER.info(
            f"computing the student's outputs for {clips.hours:.2f} hours, {copies} copies: {gigabytes:.2f} GB in {folder}"
        )
        _compute(model, encoder, clips, settings, outputs, missing)
    if jax.process_count() > 1:
        multihost_utils.sync_global_devices("cached outputs are complete")
    return outputs


def _compute(
    model: KeywordModel,
    params: dict[str, Any],
    clips: Clips,
    settings: ConfigDict,
    outputs: EncoderOutputs,
    missing: list[int],
) -> None:
    """Computes the outputs of the missing files, and writes one file after the other."""
    responses = response_bank(clips, RESPONSE_TAPS)
    noises_of = functools.lru_cache(maxsize=1)(lambda samples: noise_bank(clips, samples, NOISE_SAMPLES // samples))

    @jax.jit
    def compute(params, audio, length, key, noises, responses):
        return model.encoded(params, augment(key, to_float(audio), length, to_float(noises), responses, settings))

    hours = sum(outputs.frames[outputs.file == number % outputs.files_a_copy].sum() for number in missing)
    with Progress(int(hours * FRAME // SAMPLE_RATE), "audio seconds", "computing outputs") as progress:
        for number in missing:
            copy, part = divmod(number, outputs.files_a_copy)
            recordings = np.flatnonzero((outputs.file == part) & (outputs.frames > 0))
            rows = np.zeros((int(outputs.frames[recordings].sum()), model.student.width), np.uint16)
            for group, samples in _batches(recordings, clips.columns["samples"][recordings]):
                audio, length = _audio(clips, group, samples)
                key = jax.random.fold_in(jax.random.fold_in(jax.random.key(copy), number), int(group[0]))
                hidden = packed(HIDDEN, np.asarray(compute(params, audio, length, key, noises_of(samples), responses)))
                for each, recording in zip(hidden, group, strict=False):
                    first, count = outputs.row[recording], outputs.frames[recording]
                    rows[first : first + count] = each[:count]
                progress.advance(outputs.frames[group].sum() * FRAME / SAMPLE_RATE)
            outputs.files.write(number, HIDDEN, rows)


def _batches(
    recordings: Int[np.ndarray, "recordings"], samples: Int[np.ndarray, "recordings"]
) -> Iterator[tuple[Int[np.ndarray, "some"], int]]:
    """Groups recordings of similar length; yields each group, and the samples that its recordings are padded to."""
    doublings = np.ceil(np.log2(np.maximum(samples, SHORTEST) / SHORTEST)).astype(int)
    for doubling in np.unique(doublings):
        padded = SHORTEST << int(doubling)
        group, rows = recordings[doublings == doubling], max(1, BATCH_SAMPLES // padded)
        for first in range(0, len(group), rows):
            yield group[first : first + rows], padded


def _audio(
    clips: Clips, group: Int[np.ndarray, "some"], samples: int
) -> tuple[Int16[np.ndarray, "rows {samples}"], Int[np.ndarray, "rows"]]:
    """Audio of a group, and its lengths; as many rows as the largest group of that length has, so that they share a program."""
    rows = max(1, BATCH_SAMPLES // samples)
    audio, length = np.zeros((rows, samples), np.int16), np.full(rows, samples, np.int32)
    for row, recording in enumerate(group.tolist()):
        sound = clips.audio(recording)
        audio[row, : len(sound)], length[row] = sound, len(sound)
    return audio, length
