import os
import subprocess
import sys

import pytest

from tests.conftest import ROOT, run_module


@pytest.mark.parametrize(
    ("module", "arguments", "named"),
    [
        ("prepare", ["--out=x"], "--source or --synthesize"),
        ("prepare", ["--source=nowhere", "--out={tmp}/x"], "--source=nowhere"),
        ("prepare", ["--source=nowhere"], "--out"),
        ("prepare", ["--synthesize=,", "--out={tmp}/x"], "--synthesize"),
        ("prepare", ["--synthesize=alexa", "--minutes=0", "--out={tmp}/x"], "--minutes"),
        ("evaluate", ["--workdir=nowhere", "--corpus={corpus}", "--out={tmp}/x"], "--workdir=nowhere"),
        ("evaluate", ["--workdir={detector}", "--corpus=nowhere", "--out={tmp}/x"], "--corpus=nowhere"),
        ("evaluate", ["--workdir={detector}", "--corpus={corpus}", "--split=dev", "--out={tmp}/x"], "'dev'"),
        ("evaluate", ["--workdir={detector}", "--korpus=x"], "--corpus"),
        ("detect", ["nowhere.tflite", "a.wav"], "nowhere.tflite"),
        ("detect", ["{model.tflite}"], "--microphone"),
        ("detect", ["{model.tflite}", "a.wav", "--fa_per_hour=3"], "3 false accepts"),
    ],
)
def test_a_users_mistake_is_one_line_and_status_two(chain, tmp_path, module, arguments, named):
    fill = {**chain, "tmp": tmp_path}
    filled = []
    for argument in arguments:
        for name, value in fill.items():
            argument = argument.replace("{" + name + "}", str(value))
        filled.append(argument)
    done = run_module(module, *filled)
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.splitlines()[-1].startswith("error: ")
    assert named in done.stderr.splitlines()[-1]


def test_importing_the_package_brings_nothing_heavy():
    code = "import sys, s3rl_jax; sys.exit(len({'jax', 'tensorflow', 'numpy'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_launch_scripts_are_sound():
    for name in os.listdir(ROOT / "launch"):
        assert subprocess.run(["bash", "-n", ROOT / "launch" / name], check=False).returncode == 0, name
