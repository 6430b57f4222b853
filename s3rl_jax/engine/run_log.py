"""What a person and a script see of a run: a progress line, metrics.jsonl, TensorBoard events, Weights & Biases."""

import hashlib
import json
import math
import re
import time
from pathlib import Path
from typing import Any

import jax
from tensorboardX import SummaryWriter

from s3rl_jax.core.durable import durably
from s3rl_jax.core.errors import UserError
from s3rl_jax.core.messages import LOGGER, close_status, show_status
from s3rl_jax.engine.throughput import Cost, ceiling, peak_memory
from s3rl_jax.runs.workdir import LOG, logged

PROFILE = "profile"  # where a trace goes
SKIPPED, TRACED = 2, 5  # dispatches before a trace, and in it


class Record:
    """What a script reads: a line of metrics.jsonl and TensorBoard events for each logged step. Process 0 writes."""

    def __init__(self, workdir: Path, first: int):
        self._jsonl = self._events = None
        if jax.process_index() == 0:
            # A run that was killed had logged steps after the checkpoint from which it goes on.
            kept = [row for row in logged(workdir) if row["step"] <= first]
            with durably(workdir / LOG) as file:
                file.writelines(json.dumps(row) + "\n" for row in kept)
            self._jsonl = (workdir / LOG).open("a", encoding="utf-8")
            self._events = SummaryWriter(str(workdir), purge_step=first)

    def write(self, step: int, metrics: dict[str, float], about: dict[str, float] | None = None) -> None:
        """Writes metrics, and to metrics.jsonl alone what is `about` the step: rate and waiting."""
        if self._jsonl:
            self._jsonl.write(json.dumps({"step": step, **(about or {}), **metrics}) + "\n")
            self._jsonl.flush()
            for name, value in metrics.items():
                self._events.add_scalar(name, value, step)

    def close(self) -> None:
        if self._jsonl:
            self._jsonl.close()
            self._events.close()


class RunLog:
    """Writes each logged step. On a terminal the line is rewritten in place; in a log it is a new line."""

    def __init__(self, workdir: Path, config, first: int, name: str, cost: Cost):
        self._steps, self._name, self._cost = config.steps, name, cost
        self._record, self._watched = Record(workdir, first), _weights_and_biases(workdir, config)
        self._warned: set[str] = set()
        self._ceiling = ceiling()
        self._last_step, self._last_time = first, time.monotonic()

    def log(self, step: int, metrics: dict[str, float], waited: float) -> None:
        """Logs the metrics of `step`, and, since the last logged one, the rate and the share of `waited` seconds."""
        now = time.monotonic()
        elapsed = max(now - self._last_time, 1e-9)
        rate = (step - self._last_step) / elapsed
        self._last_step, self._last_time = step, now
        about = {
            "steps_per_second": round(rate, 4),
            "audio_seconds_per_second": round(rate * self._cost.audio_seconds, 2),
            "flops_utilisation": round(rate * self._cost.flops / self._ceiling, 4),
            "input_wait": round(waited / elapsed, 4),
            "peak_memory_bytes": peak_memory(),
        }
        self._record.write(step, metrics, about)
        if self._watched:
            self._watched.log({**metrics, **about}, step=step)
        shown = " ".join(f"{name} {value:.4g}" for name, value in metrics.items() if not name.startswith("layer_weight"))
        line = (
            f"{self._name} {step}/{self._steps} {rate:.2f} steps/s, {about['audio_seconds_per_second']:.0f} audio s/s, "
            f"{about['flops_utilisation']:.1%} of peak flops, {about['input_wait']:.1%} waiting for input, "
            f"{about['peak_memory_bytes'] / 2**30:.2f} GiB, {duration((self._steps - step) / max(rate, 1e-9))} left: {shown}"
        )
        show_status(line)

    def warn(self, step: int, warning: str) -> None:
        """Says what a user should know, once for each kind of it: figures in it may change."""
        kind = re.sub(r"[0-9.]+", "", warning)
        if kind not in self._warned:
            self._warned.add(kind)
            LOGGER.warning(f"step {step}: {warning}")

    def close(self) -> None:
        close_status()
        self._record.close()
        if self._watched:
            self._watched.finish()


class Trace:
    """`--profile`: a trace of some dispatches in WORKDIR/profile, for TensorBoard's profiler or Perfetto."""

    def __init__(self, workdir: Path):
        self._folder, self._done = workdir / PROFILE, 0

    def dispatched(self, state: Any) -> None:
        """To be called after each dispatch."""
        self._done += 1
        if self._done == SKIPPED:
            jax.block_until_ready(state)
            jax.profiler.start_trace(self._folder, create_perfetto_trace=True)
        if self._done == SKIPPED + TRACED:
            jax.block_until_ready(state)
            jax.profiler.stop_trace()
            LOGGER.info(f"trace of {TRACED} dispatches: {self._folder}")

    def close(self) -> None:
        """Ends a trace of a run that had no more dispatches."""
        if SKIPPED <= self._done < SKIPPED + TRACED:
            jax.profiler.stop_trace()
            LOGGER.info(f"trace of {self._done - SKIPPED} dispatches: {self._folder}")


def non_finite(metrics: dict[str, float]) -> list[str]:
    """Names of the terms that are NaN or infinite."""
    return [name for name, value in metrics.items() if not math.isfinite(value)]


def duration(seconds: float) -> str:
    minutes, seconds = divmod(int(seconds), 60)
    return f"{minutes // 60}h{minutes % 60:02}m" if minutes >= 60 else f"{minutes}m{seconds:02}s"


def _weights_and_biases(workdir: Path, config):
    """A run of the project `config.wandb`, which a resumed run goes on with; None where it is empty."""
    project = config.get("wandb", "")
    if not project or jax.process_index() != 0:
        return None
    try:
        import wandb
    except ImportError as error:
        raise UserError(
            f"config.wandb={project}: Weights & Biases is not installed; pip install wandb, or leave it empty"
        ) from error
    known = hashlib.sha256(str(workdir.resolve()).encode()).hexdigest()[:16]
    about = {"name": workdir.name, "id": known, "dir": str(workdir), "config": config.to_dict()}
    return wandb.init(project=project, resume="allow", **about)
