"""Commands that use a trained detector import nothing of training."""

import subprocess
import sys

import pytest

from tests.conftest import ROOT

TRAINING = ("s3rl_jax.train", "s3rl_jax.engine", "s3rl_jax.tasks", "s3rl_jax.teachers", "s3rl_jax.batches", "s3rl_jax.losses")
COMMANDS = {"evaluate": "s3rl_jax.evaluate.evaluation", "mine": "s3rl_jax.mine.mining"}


@pytest.mark.parametrize("command", COMMANDS)
def test_nothing_of_training_is_imported(command):
    code = f"import sys, s3rl_jax.{command}.__main__, {COMMANDS[command]}; print(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert not [name for name in done.stdout.split() if name.startswith(TRAINING)]


@pytest.mark.parametrize("module", ["s3rl_jax.train.run", "s3rl_jax.evaluate.evaluation"])
def test_nobody_waits_for_libraries_of_other_commands(module):
    code = f"import sys, {module}; print(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert not {"torch", "tensorflow", "librosa", "numba"} & set(done.stdout.split())
