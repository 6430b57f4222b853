"""SIGTERM, and going on with other code or another configuration: the command as a user starts it."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys

import jax
import numpy as np
import pytest

from s3rl_jax.runs.params import read_params
from s3rl_jax.runs.workdir import saved_steps
from tests.conftest import CHEAP_PROGRAMS, ROOT, run_module

TOY = (
    "--config=configs/finetune.py",
    "--config.student.size=toy",
    "--config.preflight=False",
    "--config.data.corpus=fake",
    "--config.batch_size=8",
    "--config.data.window_seconds=1.2",
    "--config.log_every=5",
    "--config.checkpoint_every=1000",
)
STEPS = 250


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    """A run of 250 steps that was told to stop after some of them, and its last line."""
    workdir = tmp_path_factory.mktemp("stopped")
    process = subprocess.Popen(
        [sys.executable, "-m", "s3rl_jax.train", *TOY, f"--config.steps={STEPS}", f"--workdir={workdir}"],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "XLA_FLAGS": CHEAP_PROGRAMS},
    )
    for line in process.stderr:
        if f"/{STEPS} " in line:  # the first line of its progress
            break
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    return workdir, errors.splitlines()[-1]


def test_sigterm_saves_and_the_line_that_it_prints_goes_on_bit_for_bit(stopped, tmp_path):
    workdir, last_line = stopped
    (reached,) = saved_steps(workdir)
    assert 0 < reached < STEPS, "checkpoints are every 1000 steps: it was the signal's"
    begun, command = last_line.split("; resume with: python -m s3rl_jax.")
    assert begun == f"stopped by SIGTERM: the checkpoint of step {reached} is saved"
    again = run_module(*shlex.split(command))
    assert again.returncode == 0, again.stderr
    whole = run_module("train", *TOY, f"--config.steps={STEPS}", f"--workdir={tmp_path}")
    assert whole.returncode == 0, whole.stderr
    jax.tree.map(np.testing.assert_array_equal, *(read_params(folder, "--workdir") for folder in (workdir, tmp_path)))


def test_a_loss_that_is_not_finite_ends_with_status_1_and_is_in_no_checkpoint(tmp_path):
    flags = ("--config.steps=100", "--config.checkpoint_every=1", "--config.log_every=50", f"--workdir={tmp_path}")
    done = run_module("train", *TOY, *flags, "--config.optimizer.learning_rate=1e30", "--config.optimizer.clip=1e30")
    assert done.returncode == 1, done.stderr
    (message,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    step, terms = re.fullmatch(
        r"error: step (\d+): (.*) not finite; stopped\. Checkpoints in .* are from before", message
    ).groups()
    assert "loss" in terms or "gradient_norm" in terms
    assert saved_steps(tmp_path)[-1] == int(step) - 1, "no log was due, but each step was saved"
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(read_params(tmp_path, "--workdir")))


def test_other_code_or_another_configuration_is_listed_and_goes_on_only_when_told(stopped, tmp_path):
    workdir = tmp_path / "run"
    begin = run_module("train", *TOY, "--config.steps=4", "--config.checkpoint_every=2", f"--workdir={workdir}")
    assert begin.returncode == 0, begin.stderr
    code = json.loads((workdir / "code.json").read_text())
    assert {"losses/classification.py", "engine/step.py", "jax"} < set(code)
    code["losses/classification.py"] = "before"
    (workdir / "code.json").write_text(json.dumps(code))
    longer = ("train", *TOY, "--config.steps=6", "--config.checkpoint_every=2", f"--workdir={workdir}")
    refused = run_module(*longer)
    assert refused.returncode == 2
    assert "config.steps was 4, is 6" in refused.stderr
    assert "code.losses/classification.py was 'before'" in refused.stderr
    assert saved_steps(workdir) == [2, 4]
    allowed = run_module(*longer, "--allow_changed_config")
    assert allowed.returncode == 0, allowed.stderr
    assert "goes on although" in allowed.stderr
    assert saved_steps(workdir) == [4, 6]
    assert json.loads((workdir / "code.json").read_text())["losses/classification.py"] != "before"
    # A run that has ended is not continued: what other code would do does not matter.
    (workdir / "code.json").write_text(json.dumps(code))
    assert run_module(*longer).returncode == 0
