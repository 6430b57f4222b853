"""A teacher hears the stretches of a corpus; its answers at their frames are written to files."""

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

BATCH_SAMPLES = 60 * SAMPLE_RATE  # that a device hears at once
# A stretch is padded to one of these lengths, a factor of 1.41 apart: one compilation each, 0.9 s to 30 s.
LENGTHS = tuple(round(STRETCH_SAMPLES / 2 ** (halvings / 2)) for halvings in reversed(range(11)))


def hear(
    teacher: Teacher, selection: TargetSelection, clips: Clips, stretches: Stretches, files: TargetFiles, missing: list[int]
) -> None:
    """Runs the teacher over the stretches of the missing files, and writes one file after the other.

    Args:
      teacher: in the dtype that it computes in.
      selection: the layers, and whether codes are wanted.
      clips: the corpus.
      stretches: of its recordings.
      files: to write to.
      missing: their numbers.
    """
    mesh = Mesh(np.array(jax.local_devices()), ("data",))
    everywhere, divided = NamedSharding(mesh, PartitionSpec()), NamedSharding(mesh, PartitionSpec("data"))
    heard = TargetSelection(selection.layers, frames=bool(selection.layers), codes=selection.codes)
    at_frames = targets_function(teacher, heard)

    def answers(params, audio, length):
        targets = at_frames(params, audio, length)
        return {name: jnp.moveaxis(rows, 1, 2) if name == "hidden" else rows for name, rows in targets.items()}

    compute = jax.jit(answers, in_shardings=(everywhere, divided, divided))
    params = jax.device_put(teacher.params, everywhere)
    seconds = stretches.samples / SAMPLE_RATE
    with Progress(round(seconds[np.isin(stretches.file, missing)].sum()), "audio seconds", "hearing") as progress:
        for file in missing:
            numbers = np.flatnonzero(stretches.file == file)
            frames, arrays = int(stretches.frames[numbers].sum()), {}
            for part, samples, rows in _batches(numbers, stretches.samples[numbers], mesh.size):
                audio = _audio(clips, stretches, np.resize(part, rows), samples)
                length = np.resize(stretches.samples[part], rows).astype(np.int32)
                for name, targets in jax.device_get(compute(params, audio, length)).items():
                    answered = packed(name, targets)
                    array = arrays.setdefault(name, np.zeros((frames, *answered.shape[2:]), answered.dtype))
                    for answer, row, count in zip(answered, stretches.row[part], stretches.frames[part], strict=False):
                        array[row : row + count] = answer[:count]
                progress.advance(seconds[part].sum())
            for name in files.names:
                files.write(file, name, arrays[name])


def _batches(
    numbers: Int[np.ndarray, "stretches"], samples: Int[np.ndarray, "stretches"], devices: int
) -> Iterator[tuple[Int[np.ndarray, "some"], int, int]]:
    """Stretches of like length, the samples that they are padded to, and the rows of their batch, of which some are spare."""
    lengths = np.searchsorted(LENGTHS, samples)
    for place in np.unique(lengths):
        rows = max(1, BATCH_SAMPLES // LENGTHS[place]) * devices
        alike = numbers[lengths == place]
        for first in range(0, len(alike), rows):
            yield alike[first : first + rows], LENGTHS[place], rows


def _audio(
    clips: Clips, stretches: Stretches, numbers: Int[np.ndarray, "rows"], samples: int
) -> Int16[np.ndarray, "rows samples"]:
    audio = np.zeros((len(numbers), samples), np.int16)
    for row, number in zip(audio, numbers.tolist(), strict=True):
        start, count = int(stretches.start[number]), int(stretches.samples[number])
        row[:count] = clips.audio(int(stretches.recording[number]))[start : start + count]
    return audio
