"""Cached targets: the teacher hears the whole corpus once, in fixed crops, and what it says is kept on disk.

A folder with `targets.json` (which teacher, layers, corpus and crops made it) and, for each shard of segments, one .npy
file an array. Hidden states are kept in bfloat16, code indices as int16.
"""

import dataclasses
import functools
from pathlib import Path

import jax
import ml_dtypes
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from s3rl_jax.batches.crops import Crops
from s3rl_jax.batches.plan import read_plan
from s3rl_jax.core.claim import differences, write_record
from s3rl_jax.core.durable import durably
from s3rl_jax.core.errors import UserError
from s3rl_jax.core.messages import LOGGER
from s3rl_jax.core.progress import Progress
from s3rl_jax.models.teacher.targets import TargetSelection, Teacher, targets_function
from s3rl_jax.runs.digest import digest
from s3rl_jax.teachers.identity import corpus_digest, teacher_digest

SHARD = 1024  # segments
ABOUT = "targets.json"


@dataclasses.dataclass(frozen=True)
class CachedCrops:
    """Crops with what the teacher says of them: `teacher_means`, `teacher_hidden`, `teacher_index`, as they were wanted."""

    crops: Crops
    folder: Path
    names: tuple[str, ...]

    @property
    def samples(self) -> int:
        return self.crops.samples

    def plan(self, step: int, rows: range) -> dict:
        """What `Crops.plan` gives, and the rows' targets."""
        segments = self.crops.numbers(step, rows)
        return self.crops.grid_plan(segments) | {f"teacher_{name}": self._rows(name, segments) for name in self.names}

    def batch(self, step: int, rows: range) -> dict[str, np.ndarray]:
        """What `Crops.batch` gives, and the rows' targets."""
        return read_plan(self.crops.clips, self.plan(step, rows), self.samples)

    def _rows(self, name: str, segments: np.ndarray) -> np.ndarray:
        rows = np.stack([_open(_shard_path(self.folder, s // SHARD, name))[s % SHARD] for s in segments.tolist()])
        return rows.astype(np.int32) if name == "index" else rows.view(ml_dtypes.bfloat16)


def cached_targets(teacher: Teacher, wanted: TargetSelection, crops: Crops, folder: Path) -> CachedCrops:
    """Computes the targets that are not there yet, and opens them.

    Killed, it goes on with the first shard that was not finished. Each process of a multi-host run makes every n-th
    shard; `folder` must be one that all of them see.

    Raises:
      UserError: if the folder holds targets of another teacher, corpus, layers or crops; says which.
    """
    about = {
        "teacher": teacher_digest(teacher),
        "codebook": digest(teacher.codebook) if wanted.codes and teacher.codebook is not None else "",
        "layers": list(wanted.layers),
        "means": wanted.means,
        "frames": wanted.frames,
        "codes": wanted.codes,
        "corpus": corpus_digest(crops.clips),
        "crop_samples": crops.samples,
        "segments": len(crops),
    }
    _claim(folder, about)
    names = tuple(n for n, asked in (("means", wanted.means), ("hidden", wanted.frames), ("index", wanted.codes)) if asked)
    shards = range(jax.process_index(), -(-len(crops) // SHARD), jax.process_count())
    missing = [s for s in shards if not all(_shard_path(folder, s, name).is_file() for name in names)]
    if missing:
        _compute(teacher, wanted, crops, folder, missing)
    if jax.process_count() > 1:
        multihost_utils.sync_global_devices("cached targets are complete")
    return CachedCrops(crops, folder, names)


def _claim(folder: Path, about: dict) -> None:
    """Takes the folder, or compares with what it was begun with. Process 0 alone writes."""
    if differing := differences(folder / ABOUT, about):
        raise UserError(
            f"config.teacher.cache: {folder} was made by or for another: {'; '.join(differing)}. Name another folder with "
            "config.teacher.cache_dir, or remove it"
        )
    if jax.process_index() == 0:
        write_record(folder / ABOUT, about)
    if jax.process_count() > 1:
        multihost_utils.sync_global_devices("the folder of cached targets is claimed")


def _compute(teacher: Teacher, wanted: TargetSelection, crops: Crops, folder: Path, shards: list[int]) -> None:
    mesh = Mesh(np.array(jax.local_devices()), ("data",))
    listen = jax.jit(
        targets_function(teacher, wanted),
        in_shardings=(NamedSharding(mesh, PartitionSpec()), *[NamedSharding(mesh, PartitionSpec("data"))] * 2),
    )
    params = jax.device_put(teacher.params, NamedSharding(mesh, PartitionSpec()))
    size = -(-crops.batch_size // jax.process_count() // mesh.size) * mesh.size
    LOGGER.info(f"the teacher hears {len(shards) * SHARD} segments: {folder}")
    with Progress(len(shards) * SHARD, "segments", "hearing") as progress:
        for shard in shards:
            segments = np.arange(shard * SHARD, min((shard + 1) * SHARD, len(crops)))
            said = []
            for first in range(0, len(segments), size):
                part = segments[first : first + size]
                batch = crops.grid_batch(np.resize(part, size))  # the last one is filled up: one shape, one compilation
                heard = jax.device_get(listen(params, batch["audio"], batch["length"]))
                said.append({name: _packed(name, rows[: len(part)]) for name, rows in heard.items()})
                progress.advance(len(part))
            for name in said[0]:
                with durably(_shard_path(folder, shard, name), "wb") as file:
                    np.save(file, np.concatenate([part[name] for part in said]), allow_pickle=False)


def _packed(name: str, rows: np.ndarray) -> np.ndarray:
    """bfloat16 as its 16 bits: .npy files know no bfloat16."""
    return rows.astype(np.int16) if name == "index" else rows.astype(ml_dtypes.bfloat16).view(np.uint16)


def _shard_path(folder: Path, shard: int, name: str) -> Path:
    return folder / f"{name}-{shard:06}.npy"


@functools.lru_cache(maxsize=4096)
def _open(path: Path) -> np.ndarray:
    return np.load(path, mmap_mode="r", allow_pickle=False)
