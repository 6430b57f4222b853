"""kill -9, twenty times in a row, at random moments."""

import json
import os
import random
import subprocess
import sys

import jax
import numpy as np

from s3rl_jax.runs.params import read_params
from tests.conftest import CHEAP_PROGRAMS, ROOT

STEPS, KILLS = 501, 20
LINES_OF_START, LINES_OF_STEPS = 1400, 12  # of standard error: an import each; a log of three steps each


def start(workdir, *options: str) -> subprocess.Popen:
    command = [sys.executable, *options, "-m", "tests.survival.a_run", str(workdir), str(STEPS)]
    environment = {**os.environ, "XLA_FLAGS": CHEAP_PROGRAMS, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, cwd=ROOT)


def finish(workdir) -> None:
    process = start(workdir)
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors


def kill_while_it_starts(workdir, chance: random.Random) -> None:
    """While it imports, compiles or restores: after so many of the lines that Python writes of its imports."""
    process = start(workdir, "-X", "importtime")
    for _ in range(chance.randrange(LINES_OF_START)):
        process.stderr.readline()
    kill(process)


def kill_while_it_trains(workdir, chance: random.Random) -> None:
    """In its steps, or while a checkpoint is written beside them: after so many lines of its log."""
    process = start(workdir)
    for line in process.stderr:
        if line.startswith("matrix: parameters"):
            break
    for _ in range(chance.randrange(LINES_OF_STEPS)):
        process.stderr.readline()
    kill(process)


def kill(process: subprocess.Popen) -> None:
    process.kill()
    process.communicate()
    assert process.returncode == -9, "the run ended before it was killed; make it longer"


def test_a_run_that_is_killed_twenty_times_ends_bit_for_bit_as_an_undisturbed_one(tmp_path):
    finish(tmp_path / "whole")
    chance, reached = random.Random(0), []
    for number in range(KILLS):
        kill_at = kill_while_it_trains if number % 5 else kill_while_it_starts
        kill_at(tmp_path / "cut", chance)
        reached.append(max((int(p.name) for p in (tmp_path / "cut/checkpoints").glob("*") if p.name.isdigit()), default=0))
    assert reached == sorted(reached), "a checkpoint was lost"
    assert len(set(reached)) > KILLS / 3, "the kills fell on steps"
    finish(tmp_path / "cut")
    jax.tree.map(np.testing.assert_array_equal, *(read_params(tmp_path / name, "--workdir") for name in ("whole", "cut")))
    logs = [
        {row["step"]: row["loss"] for row in map(json.loads, (tmp_path / name / "metrics.jsonl").read_text().splitlines())}
        for name in ("whole", "cut")
    ]
    assert list(logs[0]) == list(logs[1]) == list(range(3, STEPS + 1, 3)), "each logged step stands there once"
