"""All devices of all hosts as one axis: the batch is split along it, everything else is on every device."""

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from s3rl_jax.errors import UserError


def data_mesh() -> Mesh:
    return Mesh(np.array(jax.devices()), ("data",))


def replicated(mesh: Mesh) -> NamedSharding:
    return NamedSharding(mesh, PartitionSpec())


def split(mesh: Mesh, axis: int = 0) -> NamedSharding:
    """Along the batch, which is the first axis, or another one."""
    return NamedSharding(mesh, PartitionSpec(*[None] * axis, "data"))


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
