"""How commands end: one line on standard error and a status, whatever went wrong."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

CALL = "from s3rl_jax.core.commandline import run\nfrom s3rl_jax.core.errors import UserError\n"
ENDINGS = {
    "def main(): raise UserError('--a=1:\\n expected 2')": (
        2,
        "error: --a=1: expected 2",
    ),
    "def main(): raise OSError(28, 'No space left on device', 'report/det.csv')": (
        1,
        "error: report/det.csv: No space left on device",
    ),
    "def main(): open('/proc/version/x', 'w')": (1, "error: /proc/version/x: Not a directory"),
    "def main(): raise KeyboardInterrupt": (130, "interrupted"),
    "def main(): raise BrokenPipeError": (0, ""),
}


@pytest.mark.parametrize("code", ENDINGS)
def test_an_ending_is_one_line_and_a_status(code):
    done = subprocess.run(
        [sys.executable, "-c", f"{CALL}{code}\nrun(main)"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr.strip()) == ENDINGS[code]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
@pytest.mark.parametrize("code", ["def main(): print('a')", "def main(): print('a', flush=True)"])
def test_a_full_standard_output_is_one_line_and_status_one(code):
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-c", f"{CALL}{code}\nrun(main)"],
            cwd=ROOT,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            env={**os.environ, "PYTHONUNBUFFERED": ""},
        )
    assert done.returncode == 1
    assert done.stderr.splitlines() == ["error: output: No space left on device"]
