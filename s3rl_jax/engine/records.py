"""The logs of a run for scripts: metrics.jsonl and TensorBoard events, a row for each logged step."""

import contextlib
import json
import math
import sys
from pathlib import Path

import jax

from s3rl_jax.core.durable import durably
from s3rl_jax.runs.workdir import LOG, read_log

# Where PyTorch is installed, tensorboardX imports it, which takes more than a second, for tensors that are not logged here.
with contextlib.ExitStack() as hidden:
    if "torch" not in sys.modules:
        sys.modules["torch"] = None  # `import torch` raises ImportError
        hidden.callback(sys.modules.pop, "torch")
    from tensorboardX import SummaryWriter


class Record:
    """The open files of one workdir. Process 0 writes them; other processes write nothing.

    Args:
      workdir: workdir of the run.
      first: step from which the run continues. Later rows, which a killed run wrote, are removed.
    """

    def __init__(self, workdir: Path, first: int):
        self._jsonl = self._events = None
        if jax.process_index() == 0:
            rows = [row for row in read_log(workdir) if row["step"] <= first]
            with durably(workdir / LOG) as file:
                file.writelines(json.dumps(row) + "\n" for row in rows)
            self._jsonl = (workdir / LOG).open("a", encoding="utf-8")
            self._events = SummaryWriter(str(workdir), purge_step=first)

    def write(self, step: int, metrics: dict[str, float], rates: dict[str, float] | None = None) -> None:
        """Writes the metrics of a step. Rates (steps a second, waiting, memory) go to metrics.jsonl alone."""
        if self._jsonl:
            self._jsonl.write(json.dumps({"step": step, **(rates or {}), **metrics}) + "\n")
            self._jsonl.flush()
            for name, value in metrics.items():
                self._events.add_scalar(name, value, step)

    def close(self) -> None:
        """Closes both files."""
        if self._jsonl:
            self._jsonl.close()
            self._events.close()


def non_finite(metrics: dict[str, float]) -> list[str]:
    """Names of the metrics that are NaN or infinite."""
    return [name for name, value in metrics.items() if not math.isfinite(value)]
