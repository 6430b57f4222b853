"""How commands end: the exit status and the one line."""

import os
import signal
import subprocess
import sys

import pytest

from s3rl_jax.core.commandline import Parser
from s3rl_jax.core.domains import Number, Whole
from s3rl_jax.core.errors import UserError
from tests.conftest import ROOT


def ended(code: str, number: signal.Signals) -> tuple[int, str]:
    """Sends a signal to a process that has printed a line; its exit status and standard error."""
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a shell's background job would ignore it
    )
    process.stdout.readline()
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    return process.returncode, errors


@pytest.mark.parametrize(("number", "status", "line"), [("SIGINT", 130, "interrupted\n"), ("SIGTERM", 143, "terminated\n")])
@pytest.mark.parametrize("block", ["contextlib.nullcontext()", "exit_at_once()"])
def test_a_signal_ends_a_command_in_one_line(number, status, line, block):
    code = f"""
import contextlib, sys
from s3rl_jax.core.commandline import exit_at_once, run
def main():
    with {block}:
        print("here", flush=True)
        sys.stdin.read()
run(main)
"""
    assert ended(code, signal.Signals[number]) == (status, line)


def test_sigterm_removes_temporary_files(tmp_path):
    code = f"""
import sys, tempfile
from s3rl_jax.core.commandline import run
def main():
    with tempfile.TemporaryDirectory(dir={str(tmp_path)!r}):
        print("here", flush=True)
        sys.stdin.read()
run(main)
"""
    assert ended(code, signal.SIGTERM)[0] == 143
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("number", "status", "line"), [("SIGINT", 130, "interrupted"), ("SIGTERM", 143, "terminated")])
@pytest.mark.parametrize("module", ["absl.flags", "ml_collections", "s3rl_jax.train.flags", "jax._src.core", "optax"])
def test_a_signal_while_train_imports_its_modules_ends_it_in_one_line(tmp_path, number, status, line, module):
    command = (
        "-X",
        "importtime",
        "-m",
        "s3rl_jax.train",
        "--config=finetune",
        "--config.runlocal=True",
        f"--workdir={tmp_path}",
    )
    process = subprocess.Popen([sys.executable, *command], stderr=subprocess.PIPE, text=True, cwd=ROOT)
    for row in process.stderr:
        if row.rstrip().endswith(f" {module}"):
            break
    process.send_signal(signal.Signals[number])
    _, errors = process.communicate(timeout=60)
    assert process.returncode == status, errors
    assert [row for row in errors.splitlines() if not row.startswith("import time:")] == [line]


@pytest.mark.parametrize("text", ["nan", "inf", "-inf", "1e400", "-1", "9.1", "", "x", "1,5"])
def test_a_number_outside_its_domain_is_named(text):
    parser = Parser()
    parser.add_number("--minutes", Number(0, 9), 3.0)
    assert (parser.parse_args([]).minutes, parser.parse_args(["--minutes=9"]).minutes) == (3.0, 9.0)
    with pytest.raises(UserError, match=rf"^--minutes={text}: expected a number, 0 to 9$"):
        parser.parse_args([f"--minutes={text}"])


@pytest.mark.parametrize("text", ["1.0", "nan", "0", "4097", "9" * 5000])
def test_a_whole_number_outside_its_domain_is_named(text):
    parser = Parser()
    parser.add_number("--workers", Whole(1, 4096), None)
    assert (parser.parse_args([]).workers, parser.parse_args(["--workers=4"]).workers) == (None, 4)
    with pytest.raises(UserError, match=rf"^--workers={text}: expected a whole number, 1 to 4096$"):
        parser.parse_args([f"--workers={text}"])


def test_a_name_that_is_no_utf_8_is_printed():
    code = 'from s3rl_jax.core.commandline import run; run(lambda: print("a\\udcff: written"))'
    environment = {**os.environ, "PYTHONUTF8": "1"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, env=environment, cwd=ROOT, check=False)
    assert (done.returncode, done.stdout) == (0, b"a\\udcff: written\n")
