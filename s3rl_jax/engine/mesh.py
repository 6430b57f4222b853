"""The mesh of all devices of all hosts, and the division of batches, states and members of a sweep over it."""

import math
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from ml_collections import ConfigDict

from s3rl_jax.core.errors import UserError

AXES = ("sweep", "data", "fsdp")
SMALLEST = 1 << 14  # elements below which an array is not divided
SHARE = 4  # a state of at most a quarter of a device's memory is not divided


def make_mesh(members: int = 1, state_bytes: int = 0, settings: ConfigDict | Mapping[str, int] | None = None) -> Mesh:
    """Creates a mesh with the axes `sweep`, `data` and `fsdp`.

    Args:
      members: members of a sweep; 1 without a sweep.
      state_bytes: bytes of parameters and optimiser state.
      settings: `config.mesh`: `sweep`, the number of groups of devices over which members are divided (0: as many as
        possible), and `fsdp`, the number of devices of a group over which each array of the state is divided (0: as few as
        its size allows).

    Raises:
      UserError: if the members or the devices cannot be divided into these numbers.
    """
    settings, devices = settings or {}, np.array(jax.devices())
    sweep, fsdp = settings.get("sweep", 0), settings.get("fsdp", 0)
    groups = (sweep or math.gcd(members, len(devices))) if members > 1 else 1
    if groups < 1 or members % groups or len(devices) % groups:
        raise UserError(
            f"config.mesh.sweep={sweep}: expected a divisor of {members} members and of {len(devices)} devices, or 0"
        )
    each = len(devices) // groups
    parts = fsdp or _parts(state_bytes // groups, each)
    if parts < 1 or each % parts:
        raise UserError(f"config.mesh.fsdp={fsdp}: expected a divisor of {each}, the devices of a group, or 0")
    return Mesh(devices.reshape(groups, -1, parts), AXES)


def replicated(mesh: Mesh) -> NamedSharding:
    """The sharding of an array that every device holds as a whole."""
    return NamedSharding(mesh, PartitionSpec())


def split(mesh: Mesh, axis: int = 0) -> NamedSharding:
    """The sharding of an array whose axis `axis`, the batch, is divided over all devices."""
    return NamedSharding(mesh, PartitionSpec(*[None] * axis, mesh.axis_names))


def stored(mesh: Mesh, shapes: Any, members: bool = False) -> Any:
    """Shardings of parameters and optimiser state: each large array is divided along `fsdp` (ZeRO, arXiv 1910.02054).

    An array is divided along its longest axis whose size is a multiple of `fsdp`. Devices along `data` hold copies.

    Args:
      mesh: mesh of all devices.
      shapes: a tree whose leaves have a shape.
      members: whether the first axis of each leaf is the members of a sweep, which is divided along `sweep`.

    Returns:
      The same tree with a sharding for each leaf.
    """
    first, parts = (("sweep",), mesh.shape["fsdp"]) if members else ((), mesh.shape["fsdp"])

    def place(array: Any) -> NamedSharding:
        shape = array.shape[len(first) :]
        divisible = [axis for axis, size in enumerate(shape) if size % parts == 0]
        if parts == 1 or math.prod(shape) < SMALLEST or not divisible:
            return NamedSharding(mesh, PartitionSpec(*first))
        longest = max(divisible, key=lambda axis: shape[axis])
        return NamedSharding(mesh, PartitionSpec(*first, *[None] * longest, "fsdp"))

    return jax.tree.map(place, shapes)


def constrain(shared: Any, mesh: Mesh) -> Any:
    """Copies batches and targets of a sweep's step to each group of members: they are not divided along `sweep`."""
    sharding = NamedSharding(mesh, PartitionSpec(("data", "fsdp")))
    return jax.tree.map(lambda x: jax.lax.with_sharding_constraint(x, sharding), shared)


def host_rows(batch_size: int) -> range:
    """Rows of the global batch that this host prepares.

    Raises:
      UserError: if the batch cannot be divided over the devices.
    """
    if batch_size < 1 or batch_size % jax.device_count():
        raise UserError(f"config.batch_size={batch_size}: expected a multiple of the number of devices, {jax.device_count()}")
    share = batch_size // jax.process_count()
    return range(jax.process_index() * share, (jax.process_index() + 1) * share)


def to_devices(batch: dict[str, np.ndarray], mesh: Mesh, axis: int = 0) -> dict[str, jax.Array]:
    """Creates global arrays, divided along `axis`, from the rows of each host."""
    return {name: jax.make_array_from_process_local_data(split(mesh, axis), rows) for name, rows in batch.items()}


def _parts(state_bytes: int, devices: int) -> int:
    """Number of devices over which a state must be divided to fit; 1 where the memory of a device is unknown."""
    memory = (jax.local_devices()[0].memory_stats() or {}).get("bytes_limit", 0)
    least = math.ceil(SHARE * state_bytes / memory) if memory else 1
    return next(parts for parts in range(1, devices + 1) if devices % parts == 0 and (parts >= least or parts == devices))
