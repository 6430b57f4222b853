"""Each script's dry run, against a schema or a stand-in for the cluster's own command that says what it was given."""

import json
import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import jsonschema
import pytest
import yaml

from tests.conftest import ROOT

FLAGS = (
    "--config=configs/distill.py",
    "--workdir=/shared/a run",
    "--config.sweep={'seed': [0, 1]}",
    "--config.teacher.layers=0-4,9",
    "--config.data.corpus=/shared/gespräche's «ニ»,$HOME $(id) `id` * \\n",
    "--config.keyword=licht,\nan",
)
SAYS = '#!/usr/bin/env bash\nprintf "%s\\0" "$@" > "$SAID"\n'


def launch(script: str, *arguments: str | bytes, **environment: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [ROOT / "launch" / script, *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        cwd="/",
    )


@pytest.fixture
def elsewhere(tmp_path) -> Path:
    """A folder with a stand-in for python in .venv, which writes its arguments to $SAID."""
    python = tmp_path / ".venv/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text(SAYS)
    python.chmod(0o755)
    shutil.copy(python, python.with_name("srun"))
    shutil.copy(python, python.with_name("scontrol"))
    return tmp_path


def arrived(command: str, folder: Path) -> list[str]:
    """What a shell in `folder` passes on to python."""
    said = folder / "said"
    path = f"{folder / '.venv/bin'}:{os.environ['PATH']}"
    subprocess.run(["bash", "-c", command], cwd=folder, env={"SAID": str(said), "PATH": path}, check=True, timeout=60)
    return said.read_text().split("\0")[:-1]


@pytest.mark.skipif(not shutil.which("shellcheck"), reason="no shellcheck here; .ci/run installs it")
def test_shellcheck_finds_nothing():
    scripts = sorted(str(script.relative_to(ROOT)) for script in (ROOT / "launch").glob("*.sh"))
    assert len(scripts) >= 8
    done = subprocess.run(
        ["shellcheck", "-x", "-S", "warning", *scripts, ".ci/run"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


def test_local_processes(elsewhere):
    done = launch("local_multihost.sh", "--dry_run", "3", *FLAGS, PORT="4000", DEVICES="2", PYTHON=".venv/bin/python")
    lines = done.stdout.splitlines()
    assert len(lines) == 3
    for process, line in enumerate(lines):
        assert "host_platform_device_count=2" in line
        assert arrived(line, elsewhere) == [
            "-m",
            "s3rl_jax.train",
            *FLAGS,
            "--coordinator=127.0.0.1:4000",
            "--processes=3",
            f"--process={process}",
        ]


def test_slurm(elsewhere):
    done = launch("slurm.sh", "--dry_run", *FLAGS, NODES="2", GPUS="4", TIME="1:00:00", SBATCH="--partition=a --account=b")
    assert done.returncode == 0, done.stderr
    options = dict(
        line.removeprefix("#SBATCH --").partition("=")[::2] for line in done.stdout.splitlines() if line.startswith("#SBATCH")
    )
    assert options["nodes"] == "2"
    assert options["ntasks-per-node"] == options["gpus-per-node"] == "4", "JAX takes one device for each of Slurm's tasks"
    assert options["time"] == "1:00:00"
    assert options["signal"] == "TERM@60"
    assert options["partition"] == "a"
    assert options["account"] == "b"
    script = done.stdout.replace(f"cd {ROOT}", "cd .")
    assert arrived(script, elsewhere) == [
        "--kill-on-bad-exit=1",
        ".venv/bin/python",
        "-m",
        "s3rl_jax.train",
        *FLAGS,
        "--coordinator=auto",
        "--preempted_status=75",
    ]
    # Told to stop, it saved: the job queues again.
    (elsewhere / ".venv/bin/srun").write_text("#!/bin/sh\nexit 75\n")
    with pytest.raises(subprocess.CalledProcessError) as ended:
        arrived(f"SLURM_JOB_ID=7\n{script}", elsewhere)
    assert ended.value.returncode == 75
    assert (elsewhere / "said").read_text().split("\0")[:-1] == ["requeue", "7"]


def test_tpu_pod(elsewhere, tmp_path):
    (elsewhere / "s3rl_jax").symlink_to(elsewhere)
    (elsewhere / "gcloud").write_text(SAYS)
    (elsewhere / "gcloud").chmod(0o755)
    environment = {"PATH": f"{elsewhere}:{os.environ['PATH']}", "SAID": str(elsewhere / "gcloud_said")}
    done = launch("tpu_pod.sh", "run", "pod", "us-east1-d", *FLAGS, **environment)
    assert done.returncode == 0, done.stderr
    *where, command = (elsewhere / "gcloud_said").read_text().split("\0")[:-1]
    assert where == ["compute", "tpus", "tpu-vm", "ssh", "pod", "--zone=us-east1-d", "--worker=all"]
    assert arrived(command.removeprefix("--command=") + " wait", elsewhere) == [
        "-m",
        "s3rl_jax.train",
        *FLAGS,
        "--coordinator=auto",
    ]
    dry = {
        name: launch("tpu_pod.sh", "--dry_run", name, "pod", "zone", *rest).stdout
        for name, rest in {"create": ["v5litepod-64"], "setup": [], "log": [], "stop": [], "delete": []}.items()
    }
    assert "--accelerator-type=v5litepod-64" in dry["create"]
    assert len(dry["setup"].splitlines()) == 3, "archive, copy, install"
    assert "--worker=0" in dry["log"]
    assert all("gcloud compute tpus tpu-vm" in said for said in dry.values())


def test_tpu_pod_copies_an_archive_that_nobody_can_foresee(tmp_path):
    (tmp_path / "gcloud").write_text('#!/usr/bin/env bash\n[ "$4" != scp ] || { ls "$5" && echo "$5" >> "$SAID"; }\n')
    (tmp_path / "gcloud").chmod(0o755)
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "SAID": str(tmp_path / "said"), "TMPDIR": str(tmp_path)}
    for _ in range(2):
        done = launch("tpu_pod.sh", "setup", "pod", "zone", **environment)
        assert done.returncode == 0, done.stderr
    first, second = (Path(line) for line in (tmp_path / "said").read_text().splitlines())
    assert first.parent != second.parent, "each in a new folder"
    assert first.parent.parent == second.parent.parent == tmp_path
    assert sorted(path.name for path in tmp_path.iterdir()) == ["gcloud", "said"], "nothing is left"


JOB = {
    "type": "object",
    "required": ["spec"],
    "properties": {
        "spec": {
            "type": "object",
            "required": ["completionMode", "completions", "parallelism", "template"],
            "additionalProperties": False,
            "properties": {
                "completionMode": {"const": "Indexed"},
                "completions": {"type": "integer", "minimum": 1},
                "parallelism": {"type": "integer", "minimum": 1},
                "backoffLimit": {"type": "integer"},
                "template": {
                    "type": "object",
                    "properties": {
                        "spec": {
                            "type": "object",
                            "required": ["containers", "restartPolicy"],
                            "additionalProperties": False,
                            "properties": {
                                "restartPolicy": {"enum": ["Never", "OnFailure"]},
                                "terminationGracePeriodSeconds": {"type": "integer", "minimum": 60},
                                "nodeSelector": {"type": "object", "additionalProperties": {"type": "string"}},
                                "volumes": {"type": "array", "items": {"type": "object", "required": ["name"]}},
                                "containers": {
                                    "type": "array",
                                    "minItems": 1,
                                    "items": {
                                        "type": "object",
                                        "required": ["name", "image", "command", "args", "resources"],
                                        "additionalProperties": False,
                                        "properties": {
                                            "name": {"type": "string"},
                                            "image": {"type": "string"},
                                            "command": {"type": "array", "items": {"type": "string"}},
                                            "args": {"type": "array", "items": {"type": "string"}},
                                            "resources": {"type": "object", "required": ["limits"]},
                                            "volumeMounts": {"type": "array"},
                                        },
                                    },
                                },
                            },
                        }
                    },
                },
            },
        }
    },
}
JOBSET = {
    "type": "object",
    "required": ["apiVersion", "kind", "metadata", "spec"],
    "additionalProperties": False,
    "properties": {
        "apiVersion": {"const": "jobset.x-k8s.io/v1alpha2"},
        "kind": {"const": "JobSet"},
        "metadata": {
            "type": "object",
            "required": ["name"],
            "properties": {"name": {"type": "string", "pattern": "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"}},
        },
        "spec": {
            "type": "object",
            "required": ["replicatedJobs"],
            "additionalProperties": False,
            "properties": {
                "network": {"type": "object", "properties": {"enableDNSHostnames": {"const": True}}},
                "failurePolicy": {"type": "object", "properties": {"maxRestarts": {"type": "integer"}}},
                "replicatedJobs": {
                    "type": "array",
                    "minItems": 1,
                    "items": {
                        "type": "object",
                        "required": ["name", "template"],
                        "additionalProperties": False,
                        "properties": {"name": {"type": "string"}, "replicas": {"type": "integer"}, "template": JOB},
                    },
                },
            },
        },
    },
}


@pytest.mark.parametrize(("kind", "resource"), [("gpu", "nvidia.com/gpu"), ("tpu", "google.com/tpu")])
def test_jobset(elsewhere, kind, resource):
    selector = {"cloud.google.com/gke-tpu-topology": "8x8"}
    environment = {"IMAGE": "registry/s3rl", "CLAIM": "disk", "NODES": "4", "KIND": kind, "SELECTOR": json.dumps(selector)}
    done = launch("jobset.sh", "--dry_run", *FLAGS, **environment)
    assert done.returncode == 0, done.stderr
    manifest = yaml.safe_load(done.stdout)
    jsonschema.validate(manifest, JOBSET)
    name, (workers,) = manifest["metadata"]["name"], manifest["spec"]["replicatedJobs"]
    job = workers["template"]["spec"]
    assert job["completions"] == job["parallelism"] == 4
    pod = job["template"]["spec"]
    (container,) = pod["containers"]
    assert pod["nodeSelector"] == selector
    assert container["resources"]["limits"] == {resource: 8 if kind == "gpu" else 4}
    assert {mount["name"] for mount in container["volumeMounts"]} == {volume["name"] for volume in pod["volumes"]}
    # Kubernetes reads two dollars as one, and expands $(NAME).
    command = [re.sub(r"\$\$|\$\(\w+\)", lambda m: "$" if m[0] == "$$" else "", word) for word in _words(container)]
    assert arrived(f"export JOB_COMPLETION_INDEX=3; {shlex.join(command)}", elsewhere) == [
        "-m",
        "s3rl_jax.train",
        *FLAGS,
        f"--coordinator={name}-{workers['name']}-0-0.{name}:1234",
        "--processes=4",
        "--preempted_status=75",
        "--process=3",
    ]


def _words(container: dict) -> list[str]:
    return [*container["command"], *container["args"]]


@pytest.mark.parametrize(
    ("script", "arguments", "environment", "said"),
    [
        ("local_multihost.sh", ["two"], {}, "two where the number of processes"),
        ("slurm.sh", [], {}, "no flags"),
        ("slurm.sh", ["--a=b"], {"NODES": "many"}, "NODES=many"),
        ("slurm.sh", ["--a=b"], {"TIME": "1:00\n#SBATCH --uid=0"}, "TIME=1:00"),
        ("slurm.sh", ["--a=b"], {"SBATCH": "partition=a"}, "SBATCH=partition=a"),
        ("tpu_pod.sh", ["run", "pod"], {}, "create NAME ZONE TYPE"),
        ("tpu_pod.sh", ["walk", "pod", "zone"], {}, "walk; expected create"),
        ("tpu_pod.sh", ["run", "pod", "zone"], {}, "no flags"),
        ("jobset.sh", ["--a=b"], {"IMAGE": "", "CLAIM": "c"}, "IMAGE is not set"),
        ("jobset.sh", ["--a=b"], {"IMAGE": "i", "CLAIM": "c", "KIND": "npu"}, "KIND=npu"),
        ("jobset.sh", ["--a=b"], {"IMAGE": "i", "CLAIM": "c", "NAME": "Upper"}, "NAME=Upper"),
        ("jobset.sh", ["--a=b"], {"IMAGE": "i", "CLAIM": "c", "SELECTOR": "[1]"}, "SELECTOR=[1]"),
        ("jobset.sh", ["--a=b"], {"IMAGE": "i", "CLAIM": "c", "SELECTOR": "{"}, "SELECTOR={"),
        ("jobset.sh", [b"--a=\xff"], {"IMAGE": "i", "CLAIM": "c"}, "is no UTF-8"),
    ],
)
def test_a_mistake_is_named(script, arguments, environment, said):
    done = launch(script, *arguments, **environment)
    assert done.returncode == 2
    assert said in done.stderr
