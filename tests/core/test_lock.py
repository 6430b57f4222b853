"""Two commands on one folder."""

import os
import subprocess
import sys

import pytest

from s3rl_jax.core.errors import UserError
from s3rl_jax.core.lock import locked
from tests.conftest import ROOT, run_module

HOLD = """
import sys
from pathlib import Path
from s3rl_jax.core.lock import locked
with locked(Path(sys.argv[1]), "--out"):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_folder_is_held_until_the_process_dies_and_the_holder_is_named(tmp_path):
    folder = tmp_path / "new"
    holder = subprocess.Popen([sys.executable, "-c", HOLD, folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT)
    assert holder.stdout.readline() == b"held\n"
    message = rf"--out={folder}: process {holder.pid} on .*, since .* works there; wait"
    with pytest.raises(UserError, match=message), locked(folder, "--out"):
        pass
    holder.kill()
    holder.communicate()
    with locked(folder, "--out"):
        assert f"process {os.getpid()} " in (folder / ".lock").read_text()


@pytest.mark.parametrize(
    ("module", "arguments", "flag"),
    [
        ("train", ["--config=finetune", "--config.runlocal=True"], "--workdir"),
        ("ablate", ["--config=ablation", "--config.data.corpus=fake"], "--workdir"),
        ("prepare", ["--source={source}"], "--out"),
    ],
)
def test_a_second_command_is_told_who_is_there(source, tmp_path, module, arguments, flag):
    with locked(tmp_path, flag):
        done = run_module(module, *(argument.format(source=source) for argument in arguments), f"{flag}={tmp_path}")
    assert done.returncode == 2, done.stderr
    assert done.stderr.splitlines()[-1].startswith(f"error: {flag}={tmp_path}: process {os.getpid()} on ")
    assert [path.name for path in tmp_path.iterdir()] == [".lock"]
