"""The machine's speed and memory, by which the rate of a run is judged, and the sizes of a model's parts."""

import functools
import resource
import time
from collections.abc import Mapping
from typing import Any

import flax
import jax
import jax.numpy as jnp

REPEATS = 5
LINES = 20  # at most, in an overview that names the parts of parts


@functools.cache
def ceiling() -> float:
    """Flops a second that a matrix product reaches on all devices.

    In bfloat16 on accelerators; in float32 on CPUs, whose devices share the cores of their process.
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
    """The most bytes that were in use on a device of this process; on a CPU, by the process itself."""
    peaks = [(device.memory_stats() or {}).get("peak_bytes_in_use", 0) for device in jax.local_devices()]
    return max(peaks) or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def overview(params: Mapping[str, Any], members: bool = False) -> list[str]:
    """A line for each part of the model with the number of its parameters, and one for all of them.

    Args:
      params: a tree of arrays.
      members: whether their first axis is of the members of a sweep, which is not counted.
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
