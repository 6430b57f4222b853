"""All devices of all hosts: the batch is split over them, members of a sweep and large states along axes of them."""

import math
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from s3rl_jax.core.errors import UserError

AXES = ("sweep", "data", "fsdp")
SMALLEST = 1 << 14  # elements of an array that is worth dividing
SHARE = 4  # a state up to one of so many parts of a device's memory stands whole on each device


def make_mesh(members: int = 1, state_bytes: int = 0, asked=None) -> Mesh:
    """Axes `sweep`, `data` and `fsdp`.

    Args:
      members: of a sweep; 1 without.
      state_bytes: of parameters and optimiser state.
      asked: `config.mesh`: `sweep`, over how many groups of devices members are divided (0: as many as go), and `fsdp`,
        over how many devices of a group each array of the state is divided (0: as few as its size allows).

    Raises:
      UserError: if members or devices cannot be divided so.
    """
    asked, devices = asked or {}, np.array(jax.devices())
    sweep, fsdp = asked.get("sweep", 0), asked.get("fsdp", 0)
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
    return NamedSharding(mesh, PartitionSpec())


def split(mesh: Mesh, axis: int = 0) -> NamedSharding:
    """Over all devices along the batch, which is the first axis, or another one."""
    return NamedSharding(mesh, PartitionSpec(*[None] * axis, mesh.axis_names))


def stored(mesh: Mesh, shapes: Any, members: bool = False) -> Any:
    """Where parameters and optimiser state stand: each large array in parts along `fsdp` (arXiv 1910.02054), and along
    `sweep` where the first axis is of members; the same on the devices of `data`.

    Args:
      shapes: a tree of what has a shape.
      members: whether the first axis of each is of members of a sweep.
    """
    first, parts = (("sweep",), mesh.shape["fsdp"]) if members else ((), mesh.shape["fsdp"])

    def place(array) -> NamedSharding:
        own = array.shape[len(first) :]
        fitting = [axis for axis, size in enumerate(own) if size % parts == 0]
        if parts == 1 or math.prod(own) < SMALLEST or not fitting:
            return NamedSharding(mesh, PartitionSpec(*first))
        longest = max(fitting, key=lambda axis: own[axis])
        return NamedSharding(mesh, PartitionSpec(*first, *[None] * longest, "fsdp"))

    return jax.tree.map(place, shapes)


def constrain(shared: Any, mesh: Mesh) -> Any:
    """Batches and targets inside a step of a sweep: not along `sweep`, so that each group of members has all of it."""
    sharding = NamedSharding(mesh, PartitionSpec(("data", "fsdp")))
    return jax.tree.map(lambda x: jax.lax.with_sharding_constraint(x, sharding), shared)


def host_rows(batch_size: int) -> range:
    """The rows of the global batch that this host makes.

    Raises:
      UserError: if the batch cannot be divided over the devices.
    """
    if batch_size < 1 or batch_size % jax.device_count():
        raise UserError(f"config.batch_size={batch_size}: expected a multiple of the number of devices, {jax.device_count()}")
    share = batch_size // jax.process_count()
    return range(jax.process_index() * share, (jax.process_index() + 1) * share)


def to_devices(batch: dict[str, np.ndarray], mesh: Mesh, axis: int = 0) -> dict[str, jax.Array]:
    """This host's rows, which are along `axis`, as their part of the global arrays."""
    return {name: jax.make_array_from_process_local_data(split(mesh, axis), rows) for name, rows in batch.items()}


def _parts(state_bytes: int, devices: int) -> int:
    """Over how many devices a state has to be divided; where a device does not say how much memory it has, not at all."""
    memory = (jax.local_devices()[0].memory_stats() or {}).get("bytes_limit", 0)
    selection = math.ceil(SHARE * state_bytes / memory) if memory else 1
    return next(parts for parts in range(1, devices + 1) if devices % parts == 0 and (parts >= selection or parts == devices))
