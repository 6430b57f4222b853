"""Runs a teacher over the stretches of a corpus, and writes its targets at every frame to files."""

from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jaxtyping import Int, Int16

from s3rl_jax.audio.read import SAMPLE_RATE
from s3rl_jax.core.progress import Progress
from s3rl_jax.corpus.corpus import Clips
from s3rl_jax.models.teacher.targets import TargetSelection, Teacher, targets_function
from s3rl_jax.teachers.stretches import STRETCH_SAMPLES, Stretches
from s3rl_jax.teachers.target_files import TargetFiles, packed

BATCH_SAMPLES = 60 * SAMPLE_RATE  # samples of a batch on each device
# A stretch is padded to one of these lengths, 0.9 s to 30 s, a factor of 1.41 apart. Each is compiled once.
LENGTHS = tuple(round(STRETCH_SAMPLES / 2 ** (halvings / 2)) for halvings in reversed(range(11)))


def compute_targets(
    teacher: Teacher, selection: TargetSelection, clips: Clips, stretches: Stretches, files: TargetFiles, missing: list[int]
) -> None:
    """Runs the teacher over the stretches of the missing files, and writes one file after the other.

    Args:
      teacher: the teacher.
      selection: layers and codes to compute.
      clips: the corpus.
      stretches: stretches of its recordings.
      files: the files of the cache.
      missing: numbers of the files to write.
    """
    mesh = Mesh(np.array(jax.local_devices()), ("data",))
    everywhere, divided = NamedSharding(mesh, PartitionSpec()), NamedSharding(mesh, PartitionSpec("data"))
    at_frames = targets_function(
        teacher, TargetSelection(selection.layers, frames=bool(selection.layers), codes=selection.codes)
    )

    def frame_rows(params, audio, length):
        targets = at_frames(params, audio, length)
        return {name: jnp.moveaxis(rows, 1, 2) if name == "hidden" else rows for name, rows in targets.items()}

    compute = jax.jit(frame_rows, in_shardings=(everywhere, divided, divided))
    params = jax.device_put(teacher.params, everywhere)
    seconds = stretches.samples / SAMPLE_RATE
    with Progress(round(seconds[np.isin(stretches.file, missing)].sum()), "audio seconds", "computing targets") as progress:
        for file in missing:
            numbers = np.flatnonzero(stretches.file == file)
            frames, arrays = int(stretches.frames[numbers].sum()), {}
            for part, samples, rows in _batches(numbers, stretches.samples[numbers], mesh.size):
                audio = _audio(clips, stretches, np.resize(part, rows), samples)
                length = np.resize(stretches.samples[part], rows).astype(np.int32)
                for name, targets in jax.device_get(compute(params, audio, length)).items():
                    stored = packed(name, targets)
                    array = arrays.setdefault(name, np.zeros((frames, *stored.shape[2:]), stored.dtype))
                    for stretch, row, count in zip(stored, stretches.row[part], stretches.frames[part], strict=False):
                        array[row : row + count] = stretch[:count]
                progress.advance(seconds[part].sum())
            for name in files.names:
                files.write(file, name, arrays[name])


def _batches(
    numbers: Int[np.ndarray, "stretches"], samples: Int[np.ndarray, "stretches"], devices: int
) -> Iterator[tuple[Int[np.ndarray, "some"], int, int]]:
    """Groups stretches of similar length into batches.

    Yields:
      Numbers of the stretches, the samples that they are padded to, and the rows of the batch, at least as many as stretches.
    """
    lengths = np.searchsorted(LENGTHS, samples)
    for place in np.unique(lengths):
        rows = max(1, BATCH_SAMPLES // LENGTHS[place]) * devices
        group = numbers[lengths == place]
        for first in range(0, len(group), rows):
            yield group[first : first + rows], LENGTHS[place], rows


def _audio(
    clips: Clips, stretches: Stretches, numbers: Int[np.ndarray, "rows"], samples: int
) -> Int16[np.ndarray, "rows samples"]:
    audio = np.zeros((len(numbers), samples), np.int16)
    for row, number in zip(audio, numbers.tolist(), strict=True):
        start, count = int(stretches.start[number]), int(stretches.samples[number])
        row[:count] = clips.audio(int(stretches.recording[number]))[start : start + count]
    return audio
