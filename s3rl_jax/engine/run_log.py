"""The log of a run: a progress line, metrics.jsonl and TensorBoard events, Weights & Biases."""

import hashlib
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np
from ml_collections import ConfigDict

from s3rl_jax.core.errors import UserError
from s3rl_jax.core.messages import LOGGER, close_status, show_status
from s3rl_jax.engine.job import Job
from s3rl_jax.engine.records import Record, non_finite
from s3rl_jax.engine.since_log import not_finite
from s3rl_jax.engine.sweep import MemberRecords
from s3rl_jax.engine.throughput import ceiling, peak_memory


class RunLog:
    """Writes each logged step of a job; a context manager.

    Args:
      job: the job.
      flops: floating-point operations of one step.
      workdir: workdir of the run.
      first: step from which the run continues.
    """

    def __init__(self, job: Job, flops: float, workdir: Path, first: int):
        self.workdir = workdir
        self._job, self._flops = job, flops
        self._record, self._wandb = Record(workdir, first), _weights_and_biases(workdir, job.config)
        self._members = MemberRecords(job.sweep, workdir, first) if job.sweep else None
        self._warnings: set[str] = set()
        self._ceiling = ceiling()
        self._last_step, self._last_time = first, time.monotonic()

    def write(self, step: int, values: Mapping[str, np.ndarray | float], waited: float) -> None:
        """Logs a step.

        Args:
          step: number of the step.
          values: metrics; of a sweep, each with an axis of members.
          waited: seconds, since the last logged step, in which the devices waited for their inputs.

        Raises:
          NonFiniteLoss: for a metric that is not finite.
        """
        metrics = self._members.log(step, values) if self._members else {name: float(v) for name, v in values.items()}
        rates = self._rates(step, waited)
        self._record.write(step, metrics, rates)
        if self._wandb:
            self._wandb.log({**metrics, **rates}, step=step)
        show_status(self._line(step, metrics, rates))
        for warning in self._job.task.watch(metrics, step / self._job.config.steps):
            self._warn_once(step, warning)
        if names := non_finite(metrics):
            raise not_finite(step, names, self.workdir)

    def __enter__(self) -> "RunLog":
        return self

    def __exit__(self, *error) -> None:
        close_status()
        self._record.close()
        if self._members:
            self._members.close()
        if self._wandb:
            self._wandb.finish()

    def _rates(self, step: int, waited: float) -> dict[str, float]:
        now, unit = time.monotonic(), self._job.unit
        elapsed = max(now - self._last_time, 1e-9)
        rate = (step - self._last_step) / elapsed
        self._last_step, self._last_time = step, now
        return {
            "steps_per_second": round(rate, 4),
            f"{unit.name}_per_second": round(rate * unit.per_step, 2),
            "flops_utilisation": round(rate * self._flops / self._ceiling, 4),
            "input_wait": round(waited / elapsed, 4),
            "peak_memory_bytes": peak_memory(),
        }

    def _line(self, step: int, metrics: dict[str, float], rates: dict[str, float]) -> str:
        unit, steps = self._job.unit, self._job.config.steps
        rate = rates["steps_per_second"]
        shown = {name: value for name, value in metrics.items() if not name.startswith(self._job.task.details)}
        return (
            f"{self._job.name} {step}/{steps} {rate:.2f} steps/s, {rates[f'{unit.name}_per_second']:.0f} {unit.label}/s, "
            f"{rates['flops_utilisation']:.1%} of peak flops, {rates['input_wait']:.1%} waiting for input, "
            f"{rates['peak_memory_bytes'] / 2**30:.2f} GiB, {duration((steps - step) / max(rate, 1e-9))} left: "
            + " ".join(f"{name} {value:.4g}" for name, value in shown.items())
        )

    def _warn_once(self, step: int, warning: str) -> None:
        """Shows a warning, unless the same text with other figures was shown before."""
        kind = re.sub(r"[0-9.]+", "", warning)
        if kind not in self._warnings:
            self._warnings.add(kind)
            LOGGER.warning(f"step {step}: {warning}")


def duration(seconds: float) -> str:
    """Formats seconds as 3h07m or 7m03s."""
    minutes, seconds = divmod(int(seconds), 60)
    return f"{minutes // 60}h{minutes % 60:02}m" if minutes >= 60 else f"{minutes}m{seconds:02}s"


def _weights_and_biases(workdir: Path, config: ConfigDict) -> Any:
    """Opens a run of the project `config.wandb`, or continues it after an interruption; None if the field is empty."""
    project = config.get("wandb", "")
    if not project or jax.process_index() != 0:
        return None
    try:
        import wandb
    except ImportError as error:
        raise UserError(
            f"config.wandb={project}: Weights & Biases is not installed; pip install wandb, or leave it empty"
        ) from error
    identity = hashlib.sha256(str(workdir.resolve()).encode()).hexdigest()[:16]
    options = {"name": workdir.name, "id": identity, "dir": str(workdir), "config": config.to_dict()}
    return wandb.init(project=project, resume="allow", **options)
