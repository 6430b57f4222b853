"""All devices of all hosts: the batch is split over them, and the members of a sweep along one axis of them."""

import math
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from s3rl_jax.errors import UserError


def make_mesh(members: int = 1, asked: int = 0) -> Mesh:
    """Axes `sweep` and `data`; without a sweep, the first is 1 wide.

    Args:
      members: of a sweep.
      asked: `config.mesh.sweep`: over how many groups of devices the members are divided; 0: as many as go.

    Raises:
      UserError: if members or devices cannot be divided so.
    """
    devices = np.array(jax.devices())
    groups = asked or math.gcd(members, len(devices))
    if groups < 1 or members % groups or len(devices) % groups:
        raise UserError(
            f"config.mesh.sweep={asked}: expected a divisor of {members} members and of {len(devices)} devices, or 0"
        )
    return Mesh(devices.reshape(groups, -1), ("sweep", "data"))


def replicated(mesh: Mesh) -> NamedSharding:
    return NamedSharding(mesh, PartitionSpec())


def split(mesh: Mesh, axis: int = 0) -> NamedSharding:
    """Over all devices along the batch, which is the first axis, or another one."""
    return NamedSharding(mesh, PartitionSpec(*[None] * axis, mesh.axis_names))


def along(mesh: Mesh, name: str) -> NamedSharding:
    """The first axis along one axis of the mesh, the same on the devices of the other."""
    return NamedSharding(mesh, PartitionSpec(name))


def constrain(shared: Any, mesh: Mesh) -> Any:
    """Batches and targets inside a step of a sweep: along `data`, so that each group of members has all of it."""
    sharding = along(mesh, "data")
    return jax.tree.map(lambda x: jax.lax.with_sharding_constraint(x, sharding), shared)


def host_rows(batch_size: int, mesh: Mesh) -> range:
    """The rows of the global batch that this host makes.

    Raises:
      UserError: if the batch cannot be divided over the devices.
    """
    if batch_size < 1 or batch_size % mesh.size:
        raise UserError(f"config.batch_size={batch_size}: expected a multiple of the number of devices, {mesh.size}")
    share = batch_size // jax.process_count()
    return range(jax.process_index() * share, (jax.process_index() + 1) * share)


def to_devices(batch: dict[str, np.ndarray], mesh: Mesh, axis: int = 0) -> dict[str, jax.Array]:
    """This host's rows, which are along `axis`, as their part of the global arrays."""
    return {name: jax.make_array_from_process_local_data(split(mesh, axis), rows) for name, rows in batch.items()}
