"""Platforms without wheels are refused in one line; requirements name one TensorFlow for each of the others."""

import configparser
import subprocess
import sys

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement

from s3rl_jax.core.platforms import missing_wheels
from tests.conftest import ROOT

SUPPORTED = [("Linux", "x86_64", "2.28"), ("Linux", "aarch64", "2.41"), ("Darwin", "arm64", "14.5")]


@pytest.mark.parametrize("place", SUPPORTED)
@pytest.mark.parametrize("python", [(3, 11), (3, 12), (3, 13)])
def test_where_there_are_wheels_nothing_is_refused(python, place):
    assert missing_wheels(python, *place) == ""


@pytest.mark.parametrize(
    ("python", "place", "reason"),
    [
        ((3, 10), SUPPORTED[0], "Python 3.10 on Linux x86_64"),
        ((3, 14), SUPPORTED[0], "expected Python 3.11 to 3.13"),
        ((3, 11), ("Linux", "armv7l", "2.36"), "Linux armv7l"),
        ((3, 11), ("Linux", "x86_64", ""), "(glibc unknown)"),
        ((3, 11), ("Linux", "x86_64", "2.17"), "glibc 2.17"),
        ((3, 12), ("Darwin", "x86_64", "15.1"), "Darwin x86_64"),
        ((3, 12), ("Darwin", "arm64", "13.6.1"), "release 13.6.1"),
        ((3, 12), ("Windows", "AMD64", ""), "train in WSL 2"),
        ((3, 12), ("FreeBSD", "amd64", ""), "FreeBSD"),
    ],
)
def test_other_platforms_are_refused_in_one_line(python, place, reason):
    message = missing_wheels(python, *place)
    assert reason in message
    assert "expected Python 3.11 to 3.13" in message
    assert "\n" not in message


def test_the_script_ends_with_status_two_where_something_is_missing():
    script = ROOT / "s3rl_jax/core/platforms.py"
    code = f"import runpy, sys; sys.version_info = (3, 9, 1); runpy.run_path({str(script)!r}, run_name='__main__')"
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("error: Python 3.9 on ")
    assert len(done.stderr.splitlines()) == 1
    assert subprocess.run([sys.executable, "-I", script], check=False).returncode == 0, "where the tests run"


def requirements():
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    export = setup["options.extras_require"]["export"].strip().splitlines()
    pinned = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    return {"setup.cfg": export, "requirements.txt": [line for line in pinned if not line.startswith("#")]}


@pytest.mark.parametrize("file", ["setup.cfg", "requirements.txt"])
@pytest.mark.parametrize(
    ("platform", "machine", "name"),
    [
        ("linux", "x86_64", "tensorflow-cpu"),
        ("linux", "aarch64", "tensorflow"),
        ("darwin", "arm64", "tensorflow"),
        ("win32", "AMD64", "tensorflow-cpu"),
    ],
)
def test_each_platform_gets_the_tensorflow_that_has_a_wheel_for_it(file, platform, machine, name):
    environment = {**default_environment(), "sys_platform": platform, "platform_machine": machine}
    parsed = [Requirement(line) for line in requirements()[file]]
    chosen = [
        r.name for r in parsed if r.name.startswith("tensorflow") and (r.marker is None or r.marker.evaluate(environment))
    ]
    assert [each for each in chosen if each in ("tensorflow", "tensorflow-cpu")] == [name]
