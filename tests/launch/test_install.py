"""The installation, on a machine for which there are no wheels."""

import os
import shutil
import subprocess

from tests.conftest import ROOT


def test_a_platform_without_wheels_is_refused_before_anything_is_installed(tmp_path):
    (tmp_path / "launch").mkdir()
    shutil.copy(ROOT / "launch/install.sh", tmp_path / "launch")
    python = tmp_path / "old_python"
    python.write_text('#!/bin/sh\n[ "$*" = "-I s3rl_jax/core/platforms.py" ] && echo "error: too old" >&2\nexit 2\n')
    python.chmod(0o755)
    for name, reason in {str(python): "error: too old", "no_such_python": "error: no program no_such_python"}.items():
        done = subprocess.run(
            ["bash", "-c", "source launch/install.sh; install_all"],
            cwd=tmp_path,
            env={**os.environ, "PYTHON": name},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 2
        (line,) = done.stderr.splitlines()
        assert line.startswith(reason)
    assert not (tmp_path / ".venv").exists()
