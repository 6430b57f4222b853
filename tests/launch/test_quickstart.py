"""quickstart.sh with stand-ins for the installation and for the commands."""

import shlex
import shutil
import subprocess
import sys

import pytest

from tests.conftest import ROOT


@pytest.fixture
def quickstart(tmp_path):
    """Calls quickstart.sh with stand-ins for the installation and for the commands; returns their command lines."""
    (tmp_path / "launch").mkdir()
    shutil.copy(ROOT / "launch/quickstart.sh", tmp_path / "launch")
    (tmp_path / "launch/install.sh").write_text('cd "$(dirname "${BASH_SOURCE[0]}")/.."\ninstall_all() { :; }\n')
    python = tmp_path / ".venv/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text(
        "#!/usr/bin/env bash\n"
        f'case $1 in -c) PYTHONPATH={shlex.quote(str(ROOT))} exec {shlex.quote(sys.executable)} "$@" ;; -) exit ;; esac\n'
        'printf "%s\\0" "$@" $\'\\n\' >> said\n'
    )
    python.chmod(0o755)

    def call(*arguments: str) -> dict[str, list[str]]:
        (tmp_path / "said").unlink(missing_ok=True)
        done = subprocess.run(
            ["launch/quickstart.sh", *arguments], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60
        )
        assert done.returncode == 0, done.stderr
        lines = [line.split("\0")[1:-1] for line in (tmp_path / "said").read_text().split("\n\0")[:-1]]
        return {line[0]: line[1:] for line in lines}

    return call


def test_the_quickstart_gives_each_command_its_flags(quickstart):
    said = quickstart(
        "--config.keyword=guten morgen",
        "--language=de",
        "--pronounce=guten morgen=gu:tn",
        "--confusions=a b.txt",
        "--config.steps=3",
    )
    assert said["s3rl_jax.prepare"] == [
        "--synthesize=guten morgen",
        "--language=de",
        "--minutes=16",
        "--count=300",
        "--out=quickstart/guten_morgen-de/corpus",
        "--pronounce=guten morgen=gu:tn",
        "--confusions=a b.txt",
    ]
    assert {"--config.keyword=guten morgen", "--config.steps=3"} <= set(said["s3rl_jax.train"])
    assert "--workdir=quickstart/guten_morgen-de/detector" in said["s3rl_jax.train"]


def test_the_quickstart_has_a_folder_for_each_word_and_language(quickstart):
    calls = [
        ("--config.keyword=hey jarvis",),
        ("--config.keyword=hey-jarvis",),
        ("--config.keyword=你好",),
        ("--config.keyword=小爱",),
        ("--config.keyword=小爱", "--language=cmn"),
        ("--config.keyword=小爱", "--language=yue"),
        ("--config.keyword=alexa", "--from-scratch"),
        ("--config.keyword=alexa from scratch",),
        ("--config.keyword=alexa", "--language=../../x"),
    ]
    folders = [next(flag for flag in quickstart(*call)["s3rl_jax.prepare"] if flag.startswith("--out=")) for call in calls]
    assert len(set(folders)) == len(calls)
    assert not any(".." in folder for folder in folders)
    assert "--out=quickstart/alexa/corpus" in quickstart("--config.keyword=Alexa")["s3rl_jax.prepare"]
