"""The runtime in an environment of its own, as on a device: what `pip install s3rl_jax[runtime]` brings is enough."""

import json
import shutil
import subprocess
import sys
import venv

import pytest
import soundfile

from tests.conftest import ROOT, tone_word


@pytest.fixture(scope="module")
def python(tmp_path_factory):
    root = tmp_path_factory.mktemp("device")
    for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, root)
    shutil.copytree(ROOT / "s3rl_jax", root / "s3rl_jax", ignore=shutil.ignore_patterns("__pycache__"))
    venv.create(root / "venv", with_pip=True)
    interpreter = root / "venv" / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    pip = [interpreter, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    done = subprocess.run([*pip, f"{root}[runtime]"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return interpreter


def test_it_detects_without_jax_and_tensorflow(chain, python, tmp_path, rng):
    audio = 0.003 * rng.standard_normal(6 * 16_000)
    audio[3 * 16_000 :][:9600] += tone_word(rng, "alexa")
    soundfile.write(tmp_path / "kitchen.wav", audio, 16_000, subtype="PCM_16")
    names = ("jax", "tensorflow", "flax", "scipy", "soundfile", "librosa", "ai_edge_quantizer")
    probe = f"import importlib.util; print([n for n in {names} if importlib.util.find_spec(n)])"
    assert subprocess.run([python, "-c", probe], capture_output=True, text=True, check=True).stdout.strip() == "[]"
    for file in ("model.tflite", "stream.tflite", "int8.tflite"):
        done = subprocess.run(
            [python, "-m", "s3rl_jax.detect", chain[file], tmp_path / "kitchen.wav"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        detections = [json.loads(line) for line in done.stdout.splitlines()]
        assert [line["keyword"] for line in detections] == ["alexa"], (file, detections)
        assert 3.0 < detections[0]["time"] < 5.2
