"""kill -9, twenty times in a row, at random moments."""

import json
import os
import random
import subprocess
import sys
import time

import jax
import numpy as np

from s3rl_jax.runs.params import read_params
from tests.conftest import ROOT

STEPS, KILLS = 501, 20


def start(workdir) -> subprocess.Popen:
    command = [sys.executable, "-m", "tests.survival.a_run", str(workdir), str(STEPS)]
    environment = {**os.environ, "XLA_FLAGS": "", "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, cwd=ROOT)


def test_a_run_that_is_killed_twenty_times_ends_bit_for_bit_as_an_undisturbed_one(tmp_path):
    whole = start(tmp_path / "whole")
    _, said = whole.communicate(timeout=300)
    assert whole.returncode == 0, said
    chance, seen = random.Random(0), []
    for kill in range(KILLS):
        process = start(tmp_path / "cut")
        if kill % 5:  # in its steps, or in what it writes meanwhile
            for line in process.stderr:
                if line.startswith("matrix: parameters"):
                    break
            time.sleep(chance.uniform(0, 0.7))
        else:  # while it starts and restores
            time.sleep(chance.uniform(0.5, 3))
        process.kill()
        process.communicate()
        assert process.returncode == -9, "the run ended before it was killed; make it longer"
        seen.append(max((int(p.name) for p in (tmp_path / "cut/checkpoints").glob("*") if p.name.isdigit()), default=0))
    assert seen == sorted(seen), "a checkpoint was lost"
    assert len(set(seen)) > KILLS / 3, "the kills fell on steps"
    last = start(tmp_path / "cut")
    _, said = last.communicate(timeout=300)
    assert last.returncode == 0, said
    jax.tree.map(np.testing.assert_array_equal, *(read_params(tmp_path / name, "--workdir") for name in ("whole", "cut")))
    logs = [
        {row["step"]: row["loss"] for row in map(json.loads, (tmp_path / name / "metrics.jsonl").read_text().splitlines())}
        for name in ("whole", "cut")
    ]
    assert list(logs[0]) == list(logs[1]) == list(range(3, STEPS + 1, 3)), "each logged step stands there once"
