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


def test_no_file_reaches_above_its_floor():
    """The floors of the architecture: a file imports only from floors below its own, or from its own folder."""
    import ast

    floors = {
        "audio": 1,
        "losses": 1,
        "models": 2,
        "tasks": 3,
        "data": 3,
        "training": 4,
        "evaluation": 4,
        "deploy": 5,
        "teachers": 4,
    }
    for path in (ROOT / "s3rl_jax").rglob("*.py"):
        folder = path.relative_to(ROOT / "s3rl_jax").parts[0]
        for node in ast.walk(ast.parse(path.read_text())):
            names = []
            if isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module]
            elif isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            for name in names:
                parts = name.split(".")
                if parts[0] == "tensorflow":
                    assert folder in ("data", "deploy"), path
                if folder in floors and parts[0] == "s3rl_jax" and len(parts) > 1 and parts[1] in floors and parts[1] != folder:
                    assert floors[parts[1]] < floors[folder] or (folder, parts[1]) in SIDEWAYS, (path, name)


# Reading a finished run's parameters is what evaluation and deployment begin with.
SIDEWAYS = {("evaluation", "training"), ("teachers", "training")}
