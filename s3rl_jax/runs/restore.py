"""Reads one checkpoint, or returns the reason why it cannot be read."""

import contextlib
import gc
import sys
from collections.abc import Iterator
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp
from jax.experimental import multihost_utils

from s3rl_jax.runs.checksum import checksum
from s3rl_jax.runs.state import TrainState


def stored(state: TrainState) -> dict[str, Any]:
    """The tree that a checkpoint holds: the fields of the state, without an empty average, and their checksum."""
    fields = state._asdict()
    if not state.average:
        del fields["average"]
    return {**fields, "checksum": checksum(state)}


def stored_shapes(manager: ocp.CheckpointManager, step: int) -> list[tuple[tuple[int, ...], str]] | None:
    """Shapes and dtypes of the arrays in a checkpoint, sorted; None where its metadata cannot be read."""
    try:
        return sorted((tuple(leaf.shape), str(leaf.dtype)) for leaf in jax.tree.leaves(manager.item_metadata(step).tree))
    except Exception:  # `read_state` fails with the same error, and reports it
        return None


def read_state(manager: ocp.CheckpointManager, step: int, target: Any) -> tuple[TrainState | None, str]:
    """Reads the state in a checkpoint.

    Args:
      manager: manager of the folder of checkpoints.
      step: step of the checkpoint.
      target: a tree of shapes and shardings, or one sharding for all arrays.

    Returns:
      The state and an empty text; or None and the reason why the checkpoint cannot be read. If one process of several
      cannot read it, all return None.
    """
    tree, reason = None, ""
    with _silent_finalizers():
        try:
            tree = manager.restore(step, args=ocp.args.StandardRestore(_target_tree(manager, step, target)))
        except Exception as error:  # Orbax and TensorStore raise errors of many types for a broken file
            reason = " ".join(f"{type(error).__name__}: {error}".split(". See full")[0].split())[:160]
        if reason:
            gc.collect()  # finalizes the coroutines now; not after each reading, because it takes a third of a second
    if jax.process_count() > 1 and not np.all(multihost_utils.process_allgather(np.array(not reason))):
        reason = reason or "another process could not"
    if reason:
        return None, reason
    state = TrainState(**{name: tree[name] for name in TrainState._fields if name in tree})
    if (checksum(state) != tree["checksum"]).any():
        return None, "its checksum differs"
    return state, ""


def _target_tree(manager: ocp.CheckpointManager, step: int, target: Any) -> Any:
    if not isinstance(target, jax.sharding.Sharding):
        return target
    arrays = manager.item_metadata(step).tree
    return jax.tree.map(lambda array: jax.ShapeDtypeStruct(array.shape, array.dtype, sharding=target), arrays)


@contextlib.contextmanager
def _silent_finalizers() -> Iterator[None]:
    """Suppresses most messages about coroutines that Orbax abandons when reading fails."""
    hook, sys.unraisablehook = sys.unraisablehook, lambda _: None
    try:
        yield
    finally:
        sys.unraisablehook = hook
