"""A run of several processes: joining them, recognising that one of them died, leaving."""

import os
import sys
from typing import NoReturn

import jax

from s3rl_jax.core.errors import UserError, one_line
from s3rl_jax.core.messages import show_errors_only

SILENCE = 30  # seconds without a heartbeat after which a process counts as dead
# Texts in the errors of XLA's collectives, its coordination service and Gloo when another process has died.
SIGNS = ("Gloo", "coordination service", "Connection closed by peer", "Connection reset", "heartbeat", "UNAVAILABLE", "NCCL")


def join(coordinator: str, processes: int, process: int) -> None:
    """Joins the other processes of the run.

    Args:
      coordinator: ADDRESS:PORT of process 0; `auto` where Slurm, Open MPI or a TPU pod provides all values; empty: there is one
        process.
      processes: number of processes.
      process: index of this process, from 0.

    Raises:
      UserError: if a flag is missing or out of range, or the other processes cannot be reached.
    """
    if not coordinator:
        return
    if coordinator != "auto" and not (":" in coordinator and 0 <= process < processes):
        raise UserError(
            f"--coordinator={coordinator} --processes={processes} --process={process}: expected ADDRESS:PORT, how many "
            "processes there are, and which one this is, from 0; or --coordinator=auto"
        )
    options = {}
    if coordinator != "auto":
        options = {"num_processes": processes, "process_id": process, "coordinator_address": coordinator}
    try:
        jax.distributed.initialize(
            **options, heartbeat_timeout_seconds=SILENCE, shutdown_timeout_seconds=SILENCE, initialization_timeout=300
        )
    except (RuntimeError, ValueError, TypeError) as error:
        raise UserError(f"--coordinator={coordinator}: {one_line(error)[:300]}") from error
    if jax.process_index():
        show_errors_only()


def lost(error: BaseException) -> bool:
    """Whether an error of a step means that another process died."""
    return jax.process_count() > 1 and any(sign in str(error) for sign in SIGNS)


def leave(message: str) -> NoReturn:
    """Ends this process at once. A normal exit would wait for the other processes in JAX's shutdown."""
    print(message, file=sys.stderr, flush=True)
    os._exit(1)
