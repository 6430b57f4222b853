"""Cached targets: the teacher runs once over the whole corpus, in fixed crops, and its targets are kept on disk.

A folder with `targets.json` (which teacher, layers, corpus and crops they are of) and, for each shard of crops, one .npy
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
from jaxtyping import Int, Int16, Shaped, UInt16

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

CROPS_A_SHARD = 1024
RECORD = "targets.json"


@dataclasses.dataclass(frozen=True)
class CachedCrops:
    """Crops with the teacher's targets of them: `teacher_means`, `teacher_hidden`, `teacher_index`, as selected."""

    crops: Crops
    shards: "TargetShards"

    @property
    def samples(self) -> int:
        return self.crops.samples

    def plan(self, step: int, rows: range) -> dict:
        """`Crops.plan`, and the rows' targets."""
        numbers = self.crops.numbers(step, rows)
        targets = {f"teacher_{name}": self.shards.rows(name, numbers) for name in self.shards.names}
        return self.crops.grid_plan(numbers) | targets

    def batch(self, step: int, rows: range) -> dict[str, np.ndarray]:
        """`Crops.batch`, and the rows' targets."""
        return read_plan(self.crops.clips, self.plan(step, rows), self.samples)


@dataclasses.dataclass(frozen=True)
class TargetShards:
    """The files of a folder of targets.

    Attributes:
      folder: where they are.
      names: of the arrays: `means`, `hidden`, `index`.
      size: crops in a shard; the last one may have fewer.
    """

    folder: Path
    names: tuple[str, ...]
    size: int

    def path(self, shard: int, name: str) -> Path:
        return self.folder / f"{name}-{shard:06}.npy"

    def complete(self, shard: int) -> bool:
        return all(self.path(shard, name).is_file() for name in self.names)

    def rows(self, name: str, numbers: Int[np.ndarray, "rows"]) -> Shaped[np.ndarray, "rows ..."]:
        """One array's rows for the crops of these numbers."""
        places = (divmod(number, self.size) for number in numbers.tolist())
        rows = np.stack([_memory_map(self.path(shard, name))[row] for shard, row in places])
        return rows.astype(np.int32) if name == "index" else rows.view(ml_dtypes.bfloat16)

    def write(self, shard: int, name: str, rows: Int16[np.ndarray, "rows ..."] | UInt16[np.ndarray, "rows ..."]) -> None:
        with durably(self.path(shard, name), "wb") as file:
            np.save(file, rows, allow_pickle=False)


def cached_targets(
    teacher: Teacher, selection: TargetSelection, crops: Crops, folder: Path, crops_a_shard: int = CROPS_A_SHARD
) -> CachedCrops:
    """Computes the targets that are not there yet, and opens them.

    After a kill it continues with the first shard that is not complete. Each process of a multi-host run computes every n-th
    shard; all of them must see `folder`.

    Raises:
      UserError: if the folder holds targets of another teacher, corpus, layers or crops; says which.
    """
    description = {
        "teacher": teacher_digest(teacher),
        "codebook": digest(teacher.codebook) if selection.codes and teacher.codebook is not None else "",
        "layers": list(selection.layers),
        "means": selection.means,
        "frames": selection.frames,
        "codes": selection.codes,
        "corpus": corpus_digest(crops.clips),
        "crop_samples": crops.samples,
        "segments": len(crops),
    }
    _claim(folder, description)
    selected = {"means": selection.means, "hidden": selection.frames, "index": selection.codes}
    shards = TargetShards(folder, tuple(name for name in selected if selected[name]), crops_a_shard)
    mine = range(jax.process_index(), -(-len(crops) // crops_a_shard), jax.process_count())
    if missing := [shard for shard in mine if not shards.complete(shard)]:
        _compute(teacher, selection, crops, shards, missing)
    if jax.process_count() > 1:
        multihost_utils.sync_global_devices("cached targets are complete")
    return CachedCrops(crops, shards)


def _claim(folder: Path, description: dict) -> None:
    """Takes the folder, or compares with what it was begun with. Process 0 alone writes."""
    if differing := differences(folder / RECORD, description):
        raise UserError(
            f"config.teacher.cache: {folder} was made by or for another: {'; '.join(differing)}. Name another folder with "
            "config.teacher.cache_dir, or remove it"
        )
    if jax.process_index() == 0:
        write_record(folder / RECORD, description)
    if jax.process_count() > 1:
        multihost_utils.sync_global_devices("the folder of cached targets is claimed")


def _compute(teacher: Teacher, selection: TargetSelection, crops: Crops, shards: TargetShards, missing: list[int]) -> None:
    """Runs the teacher over the crops of the missing shards and writes them, one after the other."""
    mesh = Mesh(np.array(jax.local_devices()), ("data",))
    compute = jax.jit(
        targets_function(teacher, selection),
        in_shardings=(NamedSharding(mesh, PartitionSpec()), *[NamedSharding(mesh, PartitionSpec("data"))] * 2),
    )
    params = jax.device_put(teacher.params, NamedSharding(mesh, PartitionSpec()))
    size = -(-crops.batch_size // jax.process_count() // mesh.size) * mesh.size
    count = len(missing) * shards.size
    LOGGER.info(f"the teacher hears {count} segments: {shards.folder}")
    with Progress(count, "segments", "hearing") as progress:
        for shard in missing:
            numbers = np.arange(shard * shards.size, min((shard + 1) * shards.size, len(crops)))
            parts = []
            for first in range(0, len(numbers), size):
                part = numbers[first : first + size]
                batch = crops.grid_batch(np.resize(part, size))  # the last one is filled up: one shape, one compilation
                targets = jax.device_get(compute(params, batch["audio"], batch["length"]))
                parts.append({name: _packed(name, rows[: len(part)]) for name, rows in targets.items()})
                progress.advance(len(part))
            for name in shards.names:
                shards.write(shard, name, np.concatenate([part[name] for part in parts]))


def _packed(name: str, rows: Shaped[np.ndarray, "rows ..."]) -> Int16[np.ndarray, "rows ..."] | UInt16[np.ndarray, "rows ..."]:
    """Code indices as int16, hidden states as the 16 bits of their bfloat16: .npy files have no bfloat16."""
    return rows.astype(np.int16) if name == "index" else rows.astype(ml_dtypes.bfloat16).view(np.uint16)


@functools.lru_cache(maxsize=4096)
def _memory_map(path: Path) -> np.ndarray:
    return np.load(path, mmap_mode="r", allow_pickle=False)
