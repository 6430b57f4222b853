"""Cached targets: the teacher runs over the whole corpus once, and its targets at every frame are stored on disk.

A cache is a folder with `targets.json`, which names teacher, layers and corpus, and .npy files with a row for each frame:
`hidden`, the selected layers in bfloat16, and `index`, the codes as int16. Crops may begin at any frame.
"""

import dataclasses
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax.experimental import multihost_utils

from s3rl_jax.audio.logmel import STACKED_HOP
from s3rl_jax.audio.read import SAMPLE_RATE
from s3rl_jax.batches.crops import Crops
from s3rl_jax.batches.plan import read_plan
from s3rl_jax.core.claim import differences, read_record, write_record
from s3rl_jax.core.errors import UserError
from s3rl_jax.core.messages import LOGGER
from s3rl_jax.models.teacher.targets import TargetSelection, Teacher, common_frame_count
from s3rl_jax.runs.digest import digest
from s3rl_jax.teachers.identity import corpus_digest, teacher_digest
from s3rl_jax.teachers.stretches import Stretches
from s3rl_jax.teachers.target_computation import compute_targets
from s3rl_jax.teachers.target_files import TargetFiles

FILE_BYTES = 256 << 20  # approximate size of a .npy file
FRAMES_A_SECOND = SAMPLE_RATE // STACKED_HOP
RECORD = "targets.json"


@dataclasses.dataclass(frozen=True)
class CachedCrops:
    """Crops with the teacher's targets at their frames: `teacher_hidden` and `teacher_index`, as selected.

    Attributes:
      crops: the crops; each is then moved to begin at a frame.
      stretches: parts of the recordings that the teacher ran over.
      files: files of the targets.
      places: indices of the selected layers among the layers in the files.
      frames: frames of a crop.
    """

    crops: Crops
    stretches: Stretches
    files: TargetFiles
    places: tuple[int, ...]
    frames: int

    @property
    def samples(self) -> int:
        return self.crops.samples

    def plan(self, step: int, rows: range) -> dict:
        """Plans rows of a step's batch: `pieces` and `length` as in `Crops.plan`, and the targets that were selected,
        `teacher_hidden` [rows, time, layers, dim] and `teacher_index` [rows, time, groups]."""
        pieces, stretch, frame = self.stretches.snapped(self.crops.plan(step, rows)["pieces"], self.samples)
        count = np.minimum(self.stretches.frames[stretch] - frame, self.frames)
        at = self.stretches.file[stretch], self.stretches.row[stretch] + frame, count
        targets = {f"teacher_{name}": self.files.rows(name, *at, self.frames) for name in self.files.names}
        if "teacher_hidden" in targets:
            targets["teacher_hidden"] = targets["teacher_hidden"][:, :, list(self.places)]
        return {"pieces": pieces, "length": pieces.count[:, 0].astype(np.int32)} | targets

    def batch(self, step: int, rows: range) -> dict[str, np.ndarray]:
        """Reads rows of a step's batch as `Crops.batch` does, and their targets."""
        return read_plan(self.crops.clips, self.plan(step, rows), self.samples)


def cached_targets(
    teacher: Teacher, selection: TargetSelection, crops: Crops, folder: Path, file_bytes: int = FILE_BYTES
) -> CachedCrops:
    """Computes the targets that the cache does not hold yet, and opens the cache.

    After a kill, the next call continues with the first file that is missing. Each process of a multi-host run computes every
    n-th file; all of them must see `folder`. A cache also serves runs that need fewer layers, or no codes.

    Args:
      teacher: the teacher.
      selection: the targets that the run needs.
      crops: crops of the corpus.
      folder: folder of the cache.
      file_bytes: approximate size of a file.

    Raises:
      UserError: if the folder holds targets of another teacher, corpus, layers or stretches; says which.
    """
    recorded = read_record(folder / RECORD) if (folder / RECORD).is_file() else {}
    kept = _cached_selection(recorded, selection)
    frame_bytes = 2 * max(1, len(kept.layers) * teacher.config.hidden_size)
    length = crops.clips.columns["samples"]
    stretches = Stretches.of(length, crops.index.recordings, teacher.config, file_bytes // frame_bytes)
    codebook = digest(teacher.codebook) if selection.codes and teacher.codebook is not None else ""
    description = {
        "teacher": teacher_digest(teacher),
        "codebook": codebook if selection.codes or not kept.codes else recorded["codebook"],
        "layers": list(kept.layers),
        "codes": kept.codes,
        "corpus": corpus_digest(crops.clips),
        "stretches": len(stretches.recording),
        "files": stretches.files,
    }
    _claim(folder, description)
    files = TargetFiles(folder, ("hidden",) * bool(kept.layers) + ("index",) * kept.codes)
    share = range(jax.process_index(), stretches.files, jax.process_count())
    if missing := [file for file in share if not files.complete(file)]:
        if kept.codes and not selection.codes:
            raise UserError(f"config.teacher.cache: {folder} is not complete; a run that uses its codes has to complete it")
        hours = stretches.samples.sum() / SAMPLE_RATE / 3600
        megabytes = frame_bytes * FRAMES_A_SECOND * 3600 / 1e6
        LOGGER.info(f"computing targets of {hours:.2f} hours: {megabytes:.0f} MB an hour in {folder}")
        compute_targets(teacher, kept, crops.clips, stretches, files, missing)
    if jax.process_count() > 1:
        multihost_utils.sync_global_devices("cached targets are complete")
    places = tuple(kept.layers.index(layer) for layer in selection.layers)
    return CachedCrops(crops, stretches, files, places, common_frame_count(teacher.config, crops.samples))


def _cached_selection(recorded: dict[str, Any], selection: TargetSelection) -> TargetSelection:
    """The targets that a cache with this record holds, if they include the selected ones; else the selected ones."""
    layers, codes = tuple(recorded.get("layers", ())), bool(recorded.get("codes"))
    if set(selection.layers) <= set(layers) and codes >= selection.codes:
        return TargetSelection(layers, codes=codes)
    return TargetSelection(selection.layers, codes=selection.codes)


def _claim(folder: Path, description: dict) -> None:
    """Compares the description with the record of the folder, or writes the record; process 0 alone writes."""
    if differing := differences(folder / RECORD, description):
        raise UserError(
            f"config.teacher.cache: {folder} holds other targets: {'; '.join(differing)}. Name another folder with "
            "config.teacher.cache_dir, or remove it"
        )
    if jax.process_index() == 0:
        write_record(folder / RECORD, description)
    if jax.process_count() > 1:
        multihost_utils.sync_global_devices("the folder of cached targets is claimed")
