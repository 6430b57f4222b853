"""`--profile`: writes a trace of some dispatches to WORKDIR/profile, for TensorBoard's profiler or Perfetto."""

import contextlib
from pathlib import Path
from typing import Any

import jax

from s3rl_jax.core.messages import LOGGER

PROFILE = "profile"  # name of the folder in the workdir
SKIPPED, TRACED = 2, 5  # numbers of dispatches before the trace, and in it


class Trace:
    """Traces dispatches after the first ones; a context manager, which ends the trace if the run ends earlier."""

    def __init__(self, workdir: Path):
        self._folder, self._dispatches = workdir / PROFILE, 0

    def dispatched(self, state: Any) -> None:
        """Counts a dispatch, whose result is `state`."""
        self._dispatches += 1
        if self._dispatches == SKIPPED:
            jax.block_until_ready(state)
            jax.profiler.start_trace(self._folder, create_perfetto_trace=True)
        if self._dispatches == SKIPPED + TRACED:
            jax.block_until_ready(state)
            self._stop(TRACED)

    def __enter__(self) -> "Trace":
        return self

    def __exit__(self, *error) -> None:
        if SKIPPED <= self._dispatches < SKIPPED + TRACED:
            self._stop(self._dispatches - SKIPPED)

    def _stop(self, dispatches: int) -> None:
        jax.profiler.stop_trace()
        LOGGER.info(f"trace of {dispatches} dispatches: {self._folder}")


def trace_of(workdir: Path, profile: bool) -> contextlib.AbstractContextManager[Trace | None]:
    """A context manager that gives a `Trace`, or None if `profile` is False."""
    return Trace(workdir) if profile else contextlib.nullcontext()
