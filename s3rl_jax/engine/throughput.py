"""Peak speed and memory of the machine, and the sizes of a model's parts."""

import functools
import resource
import time
from collections.abc import Mapping
from typing import Any

import flax
import jax
import jax.numpy as jnp

REPEATS = 5
LINES = 20  # the most lines of an overview with two levels of names


@functools.cache
def ceiling() -> float:
    """Measures the floating-point operations a second of a matrix product on all devices, the peak for a run.

    The product is in bfloat16 on accelerators and in float32 on CPUs. CPU devices of one process share its cores.
    """
    on_cpu = jax.default_backend() == "cpu"
    size, dtype = (1024, jnp.float32) if on_cpu else (8192, jnp.bfloat16)
    with jax.default_device(jax.local_devices()[0]):
        x = jnp.ones((size, size), dtype)
        product = jax.jit(jnp.matmul)
        product(x, x).block_until_ready()
        seconds = []
        for _ in range(REPEATS):
            begun = time.perf_counter()
            product(x, x).block_until_ready()
            seconds.append(time.perf_counter() - begun)
    return 2 * size**3 / min(seconds) * (jax.process_count() if on_cpu else jax.device_count())


def peak_memory() -> int:
    """Highest number of bytes that were in use on a device of this process; on a CPU, by the process itself."""
    peaks = [(device.memory_stats() or {}).get("peak_bytes_in_use", 0) for device in jax.local_devices()]
    return max(peaks) or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def overview(params: Mapping[str, Any], members: bool = False) -> list[str]:
    """Formats a line for each part of the model with its number of parameters, and a line for the sum.

    Args:
      params: a tree of arrays.
      members: whether the arrays have a first axis of members; the numbers are then those of one member.
    """
    leaves = flax.traverse_util.flatten_dict(params)
    depth = 2 if len({path[:2] for path in leaves}) <= LINES else 1
    sizes: dict[str, int] = {}
    for path, leaf in leaves.items():
        part = "/".join(path[:depth])
        sizes[part] = sizes.get(part, 0) + leaf.size // (leaf.shape[0] if members else 1)
    sizes["all"] = sum(sizes.values())
    widest = max(map(len, sizes))
    return [f"{part:<{widest}} {size:>12,}" for part, size in sizes.items()]
