"""A run of several processes, by launch/local_multihost.sh, is the run of one: numbers, signals, and a process that dies."""

import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import jax
import numpy as np
import pytest

from s3rl_jax.runs.params import read_params
from s3rl_jax.runs.workdir import saved_steps
from tests.conftest import CHEAP_PROGRAMS, ROOT

RUN = (
    "--config=configs/finetune.py",
    "--config.student.size=toy",
    "--config.preflight=False",
    "--config.batch_size=8",
    "--config.log_every=2",
)


def start(processes: int, devices: int, workdir, *arguments: str) -> subprocess.Popen:
    environment = {**os.environ, "XLA_FLAGS": CHEAP_PROGRAMS, "DEVICES": str(devices), "LOGS": str(workdir) + "-logs"}
    command = [ROOT / "launch/local_multihost.sh", str(processes), *RUN, f"--workdir={workdir}", *arguments]
    return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)


def finish(process: subprocess.Popen) -> str:
    _, said = process.communicate(timeout=300)
    assert process.returncode == 0, said
    return said


def losses(workdir) -> dict[int, float]:
    rows = [json.loads(row) for row in (workdir / "metrics.jsonl").read_text().splitlines()]
    assert len({row["step"] for row in rows}) == len(rows), "each step stands there once"
    return {row["step"]: row["loss"] for row in rows}


def twenty_steps(corpus: str, memory_gib: int) -> tuple[str, ...]:
    return ("--config.steps=20", f"--config.data.corpus={corpus}", f"--config.data.memory_gib={memory_gib}")


@pytest.fixture(scope="module")
def one_process(corpus, tmp_path_factory) -> Path:
    """The workdir of a run of one process with two devices, which hold the corpus."""
    workdir = tmp_path_factory.mktemp("one") / "run"
    finish(start(1, 2, workdir, *twenty_steps(corpus, 4)))
    return workdir


@pytest.mark.parametrize("memory_gib", [4, 0], ids=["held on the devices", "read from disk"])
def test_two_processes_equal_one(one_process, corpus, tmp_path, memory_gib):
    """Twenty steps: losses, and parameters, which Adam makes of gradients whatever their size."""
    finish(start(2, 1, tmp_path / "two", *twenty_steps(corpus, memory_gib)))
    one, two = losses(one_process), losses(tmp_path / "two")
    assert list(one) == list(two) == list(range(2, 21, 2))
    np.testing.assert_allclose(list(two.values()), list(one.values()), rtol=1e-5)
    ended = (read_params(workdir, "--workdir") for workdir in (one_process, tmp_path / "two"))
    jax.tree.map(lambda one, two: np.testing.assert_allclose(two, one, rtol=1e-4, atol=1e-5), *ended)


LONG = ("--config.steps=100000", "--config.checkpoint_every=10", "--config.data.corpus=fake")


def wait_for(workdir, step: int) -> None:
    deadline = time.monotonic() + 200
    while max(saved_steps(workdir), default=0) < step:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def children_of(process: subprocess.Popen) -> list[int]:
    """The training processes that the script started, in order."""
    (threads,) = os.listdir(f"/proc/{process.pid}/task")
    with open(f"/proc/{process.pid}/task/{threads}/children") as file:
        return sorted(map(int, file.read().split()))


@pytest.mark.parametrize("victim", [0, 1])
def test_when_one_process_dies_the_other_says_so_within_a_minute(tmp_path, victim):
    running = start(2, 1, tmp_path / "run", *LONG)
    wait_for(tmp_path / "run", 20)
    os.kill(children_of(running)[victim], signal.SIGKILL)
    _, said = running.communicate(timeout=60)
    assert running.returncode != 0
    said += (tmp_path / "run-logs/process-1.log").read_text()
    assert "another process of this run died or cannot be reached" in said or "another task died" in said
    if victim == 1:
        told_to_stop_both_do(tmp_path / "run")


def told_to_stop_both_do(workdir):
    """At one step, though one alone is told; and they had gone on from where they were."""
    reached = saved_steps(workdir)[-1]
    again = start(2, 1, workdir, *LONG)
    wait_for(workdir, reached + 10)
    os.kill(children_of(again)[1], signal.SIGTERM)
    said = finish(again)
    line = f"stopped by SIGTERM: the checkpoint of step {saved_steps(workdir)[-1]} is saved; resume with:"
    assert line in said
    assert line in Path(f"{workdir}-logs/process-1.log").read_text()


def test_a_sweep_over_two_processes_equals_one_of_one(tmp_path):
    sweep = ("--config.sweep={'seed': [0, 1]}", "--config.data.corpus=fake", "--config.steps=4")
    for processes in (1, 2):
        finish(start(processes, 2 // processes, tmp_path / str(processes), *sweep))
    for member in ("seed=0", "seed=1"):
        ended = (read_params(tmp_path / str(processes) / "members" / member, "--workdir") for processes in (1, 2))
        jax.tree.map(lambda one, two: np.testing.assert_allclose(two, one, rtol=1e-4, atol=1e-5), *ended)


def test_a_run_of_two_processes_goes_on_with_one(tmp_path):
    """Onto another mesh, with parameters and optimiser state in parts at first."""
    fake = ("--config.data.corpus=fake", "--config.student.size=tiny", "--config.data.window_seconds=0.64")
    run = (*fake, "--config.checkpoint_every=2", "--config.steps=6", "--allow_changed_config")
    ended = []
    for fsdp, processes in ((2, 2), (1, 1)):
        said = finish(start(processes, 1, tmp_path / "run", *run, f"--config.mesh.fsdp={fsdp}"))
        assert f"fsdp {fsdp})" in said
        ended.append(read_params(tmp_path / "run", "--workdir"))
        shutil.rmtree(tmp_path / "run/checkpoints/6")
    assert "goes on although config.mesh.fsdp was 2, is 1" in said
    jax.tree.map(lambda two, one: np.testing.assert_allclose(one, two, rtol=1e-4, atol=1e-5), *ended)
