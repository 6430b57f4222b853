"""A disk that is full or has lost something."""

import os
import resource
import shutil
import subprocess
import sys

import jax
import numpy as np
import pytest

from s3rl_jax.core.errors import NotSaved, UserError
from s3rl_jax.engine.job import Inputs, Job
from s3rl_jax.engine.loop import train
from s3rl_jax.runs.params import read_params
from s3rl_jax.runs.workdir import saved_steps
from tests.conftest import CHEAP_PROGRAMS, ROOT
from tests.survival.a_run import batches, config, matrix

FULL = """
import sys, subprocess
from pathlib import Path
from tests.survival.a_run import *
from s3rl_jax.core.errors import NotSaved
try:
    train(Job(matrix(), Inputs(batches), config(8), "matrix"), Path(sys.argv[1]))
except NotSaved as error:
    print(error)
    sys.exit(1)
"""


def run(workdir, steps):
    return train(Job(matrix(), Inputs(batches), config(steps), "matrix"), workdir)


@pytest.fixture(scope="module")
def four_steps(tmp_path_factory):
    workdir = tmp_path_factory.mktemp("four")
    run(workdir, 4)
    return workdir


def test_a_file_that_cannot_grow_ends_the_run_and_leaves_the_last_checkpoint(tmp_path):
    """By a limit on the size of files, which any user can set; a full disk is the same to a program."""
    command = [sys.executable, "-c", FULL, str(tmp_path)]
    environment = {**os.environ, "XLA_FLAGS": CHEAP_PROGRAMS, "PYTHONPATH": str(ROOT)}
    small = subprocess.run(
        command,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, 150_000)),
    )
    assert small.returncode == 1, small.stderr
    assert "File too large; there is no checkpoint yet. Solve that, for example make room" in small.stdout


def test_a_full_disk_ends_the_run_and_leaves_the_last_checkpoint(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    # A mount of the process's own; where that is not allowed, the limit above stands for it.
    mount = f"mount -t tmpfs -o size=1300k tmpfs {disk}"
    script = (
        f"{mount} && {sys.executable} -c '{FULL}' {disk}/run; echo $? > {tmp_path}/status; cp -r {disk}/run {tmp_path}/kept"
    )
    allowed = subprocess.run(["unshare", "-rm", "mount", "-t", "tmpfs", "tmpfs", disk], check=False, capture_output=True)
    if allowed.returncode:
        pytest.skip("no mount of one's own here")
    environment = {**os.environ, "XLA_FLAGS": CHEAP_PROGRAMS, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        ["unshare", "-rm", "sh", "-c", script], env=environment, capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert (tmp_path / "status").read_text().strip() == "1", done.stderr
    assert "No space left on device; the checkpoint of step 2 is whole" in done.stdout
    assert saved_steps(tmp_path / "kept") == [2]
    # That was one device, here are eight.
    ended = (run(tmp_path / "kept", 8), run(tmp_path / "undisturbed", 8))
    jax.tree.map(lambda resumed, whole: np.testing.assert_allclose(resumed, whole, rtol=1e-4, atol=1e-4), *ended)


def damage(step_folder, how):
    largest = max((p for p in step_folder.rglob("*") if p.is_file()), key=lambda p: p.stat().st_size)
    data = bytearray(largest.read_bytes())
    if how == "cut":
        largest.write_bytes(data[: len(data) // 2])
    elif how == "empty":
        largest.write_bytes(b"")
    elif how == "a bit":
        data[len(data) // 2] ^= 16
        largest.write_bytes(data)
    elif how == "gone":
        largest.unlink()
    else:
        shutil.rmtree(step_folder / "default")


@pytest.mark.parametrize("how", ["cut", "empty", "a bit", "gone", "all gone"])
def test_a_broken_newest_checkpoint_is_said_and_the_one_before_goes_on(four_steps, tmp_path, capsys, how):
    workdir = tmp_path / "run"
    shutil.copytree(four_steps, workdir)
    assert saved_steps(workdir) == [2, 4]
    damage(workdir / "checkpoints/4", how)
    read_params(workdir, "--workdir")
    assert "the checkpoint of step 4 cannot be read" in capsys.readouterr().err
    ended = run(workdir, 6)
    warning = next(line for line in capsys.readouterr().err.splitlines() if line.startswith("warning"))
    assert "the checkpoint of step 4 cannot be read" in warning
    assert warning.endswith("going on from that of step 2")
    assert (workdir / "checkpoints-unreadable/4").is_dir(), "nothing is thrown away"
    assert saved_steps(workdir) == [4, 6]
    jax.tree.map(np.testing.assert_array_equal, ended, read_params(workdir, "--workdir"))
    # Warm-up and decay depend on the number of steps, so the whole run is one of six.
    shutil.copytree(four_steps, tmp_path / "well")
    jax.tree.map(np.testing.assert_array_equal, ended, _from_step_2(tmp_path / "well"))


def test_a_process_that_finds_a_broken_checkpoint_says_so_and_ends_well(four_steps, tmp_path):
    workdir = tmp_path / "run"
    shutil.copytree(four_steps, workdir)
    damage(workdir / "checkpoints/4", "cut")
    command = [sys.executable, "-m", "tests.survival.a_run", workdir, "6"]
    environment = {**os.environ, "XLA_FLAGS": CHEAP_PROGRAMS, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert "the checkpoint of step 4 cannot be read" in done.stderr
    assert saved_steps(workdir) == [4, 6]


def _from_step_2(workdir):
    shutil.rmtree(workdir / "checkpoints/4")
    return run(workdir, 6)


def test_when_no_checkpoint_can_be_read_nothing_is_begun(four_steps, tmp_path):
    workdir = tmp_path / "run"
    shutil.copytree(four_steps, workdir)
    for step in (2, 4):
        damage(workdir / f"checkpoints/{step}", "cut")
    with pytest.raises(UserError, match="no checkpoint in checkpoints/ can be read"):
        read_params(workdir, "config.init")
    with pytest.raises(UserError, match="no checkpoint can be read; they are in checkpoints-unreadable"):
        run(workdir, 6)


def test_a_checkpoint_of_another_model_is_left_where_it_is(four_steps, tmp_path):
    workdir = tmp_path / "run"
    shutil.copytree(four_steps, workdir)
    other = matrix()._replace(init=lambda rng, batch: {"w": jax.numpy.zeros((256, 256)), "b": jax.numpy.zeros(3)})
    with pytest.raises(UserError, match="step 4 is of another model"):
        train(Job(other, Inputs(batches), config(6), "matrix"), workdir)
    assert saved_steps(workdir) == [2, 4]


def test_a_log_that_cannot_be_written_is_said(tmp_path, monkeypatch):
    def full(*arguments, **keywords):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("s3rl_jax.engine.records.Record.write", full)
    with pytest.raises(NotSaved, match=r"No space left on device; (the checkpoint of step 2|there is no)"):
        run(tmp_path, 4)
