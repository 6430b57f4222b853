"""What a person and a script see of a run: a progress line, metrics.jsonl, TensorBoard events."""

import json
import math
import re
import sys
import time
from pathlib import Path

from tensorboardX import SummaryWriter

from s3rl_jax.workdir import LOG


class Record:
    """What a script reads: a line of metrics.jsonl and TensorBoard events for each logged step."""

    def __init__(self, workdir: Path, first: int):
        self._jsonl = (workdir / LOG).open("a", encoding="utf-8")
        self._events = SummaryWriter(str(workdir), purge_step=first)

    def write(self, step: int, metrics: dict[str, float], about: dict[str, float] | None = None) -> None:
        """Writes metrics, and to metrics.jsonl alone what is `about` the step: rate and waiting."""
        self._jsonl.write(json.dumps({"step": step, **(about or {}), **metrics}) + "\n")
        self._jsonl.flush()
        for name, value in metrics.items():
            self._events.add_scalar(name, value, step)

    def close(self) -> None:
        self._jsonl.close()
        self._events.close()


class RunLog:
    """Writes each logged step three ways. On a terminal the line is rewritten in place; in a log it is a new line."""

    def __init__(self, workdir: Path, steps: int, first: int, name: str):
        self._steps, self._name = steps, name
        self._last_step, self._last_time = first, time.monotonic()
        self._record = Record(workdir, first)
        self._terminal = sys.stderr.isatty()
        self._warned: set[str] = set()

    def log(self, step: int, metrics: dict[str, float], waited: float) -> None:
        """Logs the metrics of `step`, and, since the last logged one, the rate and the share of `waited` seconds."""
        now = time.monotonic()
        elapsed = max(now - self._last_time, 1e-9)
        rate, input_wait = (step - self._last_step) / elapsed, waited / elapsed
        self._last_step, self._last_time = step, now
        self._record.write(step, metrics, {"steps_per_second": round(rate, 4), "input_wait": round(input_wait, 4)})
        shown = " ".join(f"{name} {value:.4g}" for name, value in metrics.items() if not name.startswith("layer_weight"))
        left = _duration((self._steps - step) / max(rate, 1e-9))
        line = f"{self._name} {step}/{self._steps} {rate:.2f} steps/s, {input_wait:.1%} waiting for input, {left} left: {shown}"
        print(f"\r\x1b[K{line}" if self._terminal else line, end="" if self._terminal else "\n", file=sys.stderr, flush=True)

    def warn(self, step: int, warning: str) -> None:
        """Says what a user should know, once for each kind of it: figures in it may change."""
        kind = re.sub(r"[0-9.]+", "", warning)
        if kind not in self._warned:
            self._warned.add(kind)
            print(f"{chr(10) if self._terminal else ''}warning: step {step}: {warning}", file=sys.stderr, flush=True)

    def close(self) -> None:
        if self._terminal:
            print(file=sys.stderr)
        self._record.close()


def non_finite(metrics: dict[str, float]) -> list[str]:
    """Names of the terms that are NaN or infinite."""
    return [name for name, value in metrics.items() if not math.isfinite(value)]


def _duration(seconds: float) -> str:
    minutes, seconds = divmod(int(seconds), 60)
    return f"{minutes // 60}h{minutes % 60:02}m" if minutes >= 60 else f"{minutes}m{seconds:02}s"
