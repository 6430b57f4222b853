"""The attack notices each fault, and its tries are functions of the seed."""

import os
import random
import signal
import sys
import types
from pathlib import Path

import pytest

from benchmarks.attack.damage import damaged
from benchmarks.attack.kinds import KINDS
from benchmarks.attack.process import Try, judge, run_forked
from benchmarks.attack.table import summary, text
from benchmarks.toy import Toy
from s3rl_jax.core.errors import UserError

MEBIBYTE = 1 << 20


def fail():
    raise ValueError("in a command")


def refuse():
    raise UserError("--flag=x: expected y")


COMMANDS = {
    "accepted": lambda: print("done"),
    "refused": refuse,
    "traceback": fail,
    "crash": lambda: os.kill(os.getpid(), signal.SIGKILL),  # pytest prints a trace for SIGSEGV
    "hang": lambda: sys.stdin.buffer.read() and signal.pause(),
    "memory": lambda: len(b"x" * (150 * MEBIBYTE)),
    "no message": lambda: sys.exit(2),
}


@pytest.mark.parametrize("verdict", COMMANDS)
def test_each_ending_has_its_verdict(tmp_path, monkeypatch, verdict):
    monkeypatch.setitem(sys.modules, "s3rl_jax.command.__main__", types.SimpleNamespace(main=COMMANDS[verdict]))
    monkeypatch.setattr("benchmarks.attack.process.MOST_MEGABYTES", 100.0)
    tried = Try(("command", "--flag=x"), stdin=b"some")
    ending = run_forked(tried, tmp_path, deadline=0.4 if verdict == "hang" else 60.0)
    assert judge(ending, tried)[0] == verdict, ending


def test_what_must_not_be_accepted_is_nonsense(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "s3rl_jax.command.__main__", types.SimpleNamespace(main=COMMANDS["accepted"]))
    tried = Try(("command",), lambda ending: f"taken with status {ending.status}: {ending.output.strip()}")
    assert judge(run_forked(tried, tmp_path), tried) == ("nonsense", "taken with status 0: done")


@pytest.fixture(scope="module")
def toy(chain) -> Toy:
    source = Path(chain["corpus"]).parent
    names = ("corpus", "distilled", "detector", "report", "stream.tflite")
    return Toy(source, *(Path(chain[name]) for name in names))


@pytest.mark.parametrize("kind", KINDS)
def test_a_seed_gives_the_same_try(toy, tmp_path, kind):
    tries = []
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        tried = KINDS[kind].create(random.Random(7), tmp_path / name, toy)
        paths = [path for path in (tmp_path / name).rglob("*") if path.is_file() and not path.is_symlink()]
        files = {path.name: path.read_bytes() for path in paths}
        tries.append((tried.command, tried.stdin, files))
    assert tries[0] == tries[1]


@pytest.mark.parametrize("content", [b"", b"x", bytes(range(256)) * 4])
def test_damage_is_a_function_of_the_seed(content):
    results = [damaged(random.Random(seed), content) for seed in (1, 1, 2, 3)]
    assert results[0] == results[1]
    assert len(set(results)) > 1


def test_the_table_counts_by_kind():
    record = {"kind": "manifest", "verdict": "refused", "whole": False, "seconds": 1.0, "megabytes": 5}
    figures = summary([record, record | {"verdict": "crash", "whole": True, "megabytes": 9}])
    row = figures["kinds"]["manifest"]
    assert (row["tries"], row["refused"], row["crash"], row["hang"], row["whole_commands"]) == (2, 1, 1, 0, 1)
    assert text(figures).splitlines()[-1] == "| all | 2 | 0 | 1 | 0 | 0 | 1 | 0 | 0 | 0 | 9 |"
