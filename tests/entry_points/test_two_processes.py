"""A run of two processes, each with one device, is the run of one process with two: batches, losses and parameters."""

import json
import os
import socket
import subprocess
import sys

import jax
import numpy as np
import pytest

from s3rl_jax.training.checkpoint import read_params
from tests.conftest import ROOT

RUN = """
import sys, jax
from pathlib import Path
process, count, port, corpus, gib, workdir = sys.argv[1:]
if int(count) > 1:
    jax.distributed.initialize(f"localhost:{port}", int(count), int(process))
from configs.finetune import get_config
from s3rl_jax.experiment import run
config = get_config()
config.student.size, config.preflight, config.batch_size = "toy", False, 8
config.steps, config.log_every, config.checkpoint_every = 6, 2, 6
config.data.corpus, config.data.memory_gib = corpus, float(gib)
run(config, Path(workdir))
"""


def start(process: int, count: int, port: int, *arguments: str) -> subprocess.Popen:
    devices = f"--xla_force_host_platform_device_count={2 // count}"
    environment = {**os.environ, "XLA_FLAGS": devices, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", RUN, str(process), str(count), str(port), *arguments]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


@pytest.mark.parametrize("memory_gib", ["4", "0"], ids=["held on the devices", "read from disk"])
def test_two_processes_equal_one(corpus, tmp_path, memory_gib):
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    for count, workdir in ((1, tmp_path / "one"), (2, tmp_path / "two")):
        running = [start(process, count, port, corpus, memory_gib, str(workdir)) for process in range(count)]
        for process in running:
            said, _ = process.communicate(timeout=300)
            assert process.returncode == 0, said
    losses = {}
    for name in ("one", "two"):
        rows = [json.loads(row) for row in (tmp_path / name / "metrics.jsonl").read_text().splitlines()]
        losses[name] = {row["step"]: row["loss"] for row in rows}
    assert losses["one"].keys() == losses["two"].keys() == {2, 4, 6}
    np.testing.assert_allclose(list(losses["two"].values()), list(losses["one"].values()), rtol=1e-5)
    ended = (read_params(tmp_path / name, "--workdir") for name in ("one", "two"))
    jax.tree.map(lambda one, two: np.testing.assert_allclose(two, one, rtol=1e-4, atol=1e-6), *ended)
