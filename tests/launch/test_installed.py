"""The package as pip installs it: training starts in an empty folder, from the configs and students that come with it."""

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

from tests.conftest import ROOT

SOURCES = ("setup.py", "setup.cfg", "pyproject.toml", "README.md", "LICENSE", "s3rl_jax", "configs")
TRAIN = ("-m", "s3rl_jax.train", "--config=distill", "--workdir=w", "--config.runlocal=True")


def run(*command, cwd: Path, **environment: str) -> str:
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "XLA_FLAGS")}
    done = subprocess.run(command, cwd=cwd, env=kept | environment, capture_output=True, text=True, check=False, timeout=500)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def sources(tmp_path) -> Path:
    """A copy of what the package is built from, because a build leaves files beside it."""
    folder = tmp_path / "sources"
    folder.mkdir()
    for name in SOURCES:
        path = ROOT / name
        if path.is_dir():
            shutil.copytree(path, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(path, folder / name)
    return folder


@pytest.fixture
def empty(tmp_path) -> Path:
    folder = tmp_path / "empty"
    folder.mkdir()
    return folder


def check_configs(python: Path, environment: Path, empty: Path) -> None:
    code = "import s3rl_jax.configs.finetune as c; print(c.get_config('mined').steps, c.__file__)"
    steps, file = run(python, "-c", code, cwd=empty).split()
    assert steps == "400"
    assert Path(file).is_relative_to(environment)


def test_a_wheel_holds_all_files_and_the_configs(sources, tmp_path, empty):
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet")
    run(*pip, "wheel", "--no-deps", "--no-build-isolation", "--no-index", f"--wheel-dir={tmp_path}", ".", cwd=sources)
    (wheel,) = tmp_path.glob("*.whl")
    packed = set(zipfile.ZipFile(wheel).namelist())
    files = {str(file.relative_to(sources)) for file in (sources / "s3rl_jax").rglob("*") if file.is_file()}
    assert files <= packed, "setup.cfg: a file is missing in package_data"
    environment = tmp_path / "environment"
    venv.create(environment, with_pip=False)
    (packages,) = environment.glob("lib/python*/site-packages")
    run(*pip, "install", "--no-deps", "--no-index", f"--target={packages}", str(wheel), cwd=tmp_path)
    # The libraries are those of this environment; its own s3rl_jax is not, because the .pth files in it are not read.
    (packages / "libraries.pth").write_text(sysconfig.get_path("purelib"), encoding="utf-8")
    check_configs(environment / "bin/python", environment, empty)


@pytest.mark.install
def test_the_extras_alone_are_enough_to_train(sources, tmp_path, empty):
    """Without requirements.txt: setup.cfg's bounds choose the versions. Takes minutes and needs a package index.

    Training there uses XLA's usual level of optimisation, as a user's does.
    """
    environment = tmp_path / "environment"
    venv.create(environment, with_pip=True)
    python = environment / "bin/python"
    run(
        python, "-m", "pip", "--disable-pip-version-check", "--quiet", "install", "--no-compile", ".[train,export]", cwd=sources
    )
    check_configs(python, environment, empty)
    run(python, *TRAIN, cwd=empty)
    assert (empty / "w/checkpoints/4").is_dir()
