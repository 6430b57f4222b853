import json
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest

from s3rl_jax.runs.params import read_params
from tests.conftest import ROOT, TOY_DISTILL, TOY_FINETUNE, run_module
from tests.models.teacher.published_models import save


def test_the_chain_leaves_what_it_promises(chain):
    distilled, detector = Path(chain["distilled"]), Path(chain["detector"])
    assert "pre-training a toy teacher" in chain["distill said"]
    for workdir in (distilled, distilled / "teacher", detector):
        assert json.loads((workdir / "config.json").read_text())
        assert (workdir / "checkpoints").is_dir()
        assert (workdir / "metrics.jsonl").read_text()
        assert list(workdir.glob("events.out.tfevents.*"))
    kept = read_params(distilled, "--workdir")
    assert set(kept) == {"student", "projection", "layer_logits", "code_projection"}, "the teacher is not in the checkpoint"
    assert json.loads((detector / "config.json").read_text())["student"]["size"] == "toy", "taken over from init"
    assert "steps/s" in chain["finetune said"]
    assert "left" in chain["finetune said"]


def test_training_from_memory_and_the_package_leave_tensorflow_alone(chain, tmp_path):
    arguments = [*TOY_FINETUNE, f"--config.data.corpus={chain['corpus']}", "--config.steps=2", f"--workdir={tmp_path}"]
    code = (
        "import sys, s3rl_jax\n"
        "assert 'jax' not in sys.modules\n"
        "from s3rl_jax.train import __main__ as train; train.main()\n"
        "sys.exit('tensorflow was imported' if 'tensorflow' in sys.modules else 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        env={"PATH": "/usr/bin:/bin", "JAX_PLATFORMS": "cpu", "HOME": str(tmp_path)},
    )
    assert done.returncode == 0, done.stderr


def test_what_cannot_be_exported_is_not_trained(chain, tmp_path):
    corpus = f"--config.data.corpus={chain['corpus']}"
    asked = ("--config.preflight=True", "--config.export.target=tflm")
    done = run_module("train", *TOY_FINETUNE, corpus, *asked, f"--workdir={tmp_path}/run")
    assert done.returncode == 2
    assert "config.export: cannot be exported" in done.stderr.splitlines()[-1]
    assert "RFFT2D" in done.stderr.splitlines()[-1]
    assert not (tmp_path / "run" / "checkpoints").exists()


def test_the_student_itself_can_be_pretrained_and_finetuned(chain, tmp_path):
    done = run_module(
        "train",
        "--config=configs/pretrain.py:student",
        "--config.student.size=toy",
        "--config.steps=2",
        "--config.batch_size=4",
        "--config.data.crop_seconds=0.8",
        "--config.distractors=5",
        f"--config.data.corpus={chain['corpus']}",
        f"--workdir={tmp_path}/self",
    )
    assert done.returncode == 0, done.stderr
    done = run_module(
        "train",
        *TOY_FINETUNE,
        "--config.steps=2",
        "--config.encoder=frozen",
        f"--config.init={tmp_path}/self",
        f"--config.data.corpus={chain['corpus']}",
        f"--workdir={tmp_path}/frozen",
    )
    assert done.returncode == 0, done.stderr
    before, after = read_params(tmp_path / "self", "--workdir"), read_params(tmp_path / "frozen", "--workdir")
    jax.tree.map(np.testing.assert_array_equal, before["student"], after["student"])


def test_a_public_teacher_is_distilled_by_k_means_from_cached_targets(chain, tmp_path):
    save("hubert-base", tmp_path / "hubert")
    command = (
        *TOY_DISTILL,
        f"--config.teacher.source={tmp_path}/hubert",
        f"--config.data.corpus={chain['corpus']}",
        "--config.codebook.clusters=8",
        "--config.codebook.batches=8",
        "--config.loss.code_classes=1.0",
        "--config.teacher.cache=True",
        "--config.teacher.layers=1-2",
        f"--config.teacher.cache_dir={tmp_path}/targets",
    )
    done = run_module("train", *command, f"--workdir={tmp_path}/one")
    assert done.returncode == 0, done.stderr
    assert "fitting 8 clusters to layer 2" in done.stderr
    assert "computing targets of" in done.stderr
    drawn = (tmp_path / "one/report/layer_weights.svg").read_text()
    assert "<svg" in drawn
    metrics = json.loads((tmp_path / "one/metrics.jsonl").read_text().splitlines()[-1])
    assert {"layer_weight_1", "layer_weight_2", "class_accuracy", "codebook"} <= set(metrics)
    # Another run with the same teacher and crops neither fits nor listens again.
    done = run_module("train", *command, "--config.optimizer.learning_rate=1e-3", f"--workdir={tmp_path}/two")
    assert done.returncode == 0, done.stderr
    assert "fitting" not in done.stderr
    assert "computing targets of" not in done.stderr
    done = run_module("train", *command, "--config.teacher.layers=0", f"--workdir={tmp_path}/three")
    assert done.returncode == 2
    assert "layers was [1, 2], is [0]" in done.stderr.splitlines()[-1]


FINETUNE = ("--config=configs/finetune.py", "--workdir={tmp}/w", "--config.data.corpus={corpus}")
DISTILL = ("--config=configs/distill.py", *FINETUNE[1:], "--config.preflight=False")


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ((), "--config is missing"),
        (("--config=configs/finetune.py",), "--workdir is missing"),
        (("--config=configs/nothing.py", "--workdir={tmp}/w"), "configs/nothing.py"),
        ((*FINETUNE, "--config.stepz=3"), "stepz"),
        ((*FINETUNE, "--config.steps=0"), "config.steps=0"),
        ((*FINETUNE, "--config.batch_size=0"), "config.batch_size=0"),
        ((*FINETUNE, "--config.seed=-1"), "config.seed=-1"),
        ((*FINETUNE, "--config.keyword=zorro"), "config.keyword=zorro"),
        ((*FINETUNE, "--config.student.size=huge"), "config.student.size"),
        ((*FINETUNE, "--config.init={tmp}"), "config.init={tmp}"),
        ((*FINETUNE, "--config.init={detector}", "--config.keyword=banana"), "{detector} detects alexa"),
        ((*FINETUNE, "--config.init={distilled}", "--config.student.size=small"), "has a toy student"),
        ((*FINETUNE, "--config.data.window_seconds=0.1"), "window_seconds=0.1: expected a number, 0.2 to 60, or 0"),
        ((*FINETUNE[:2], "--config.data.corpus={tmp}"), "config.data.corpus={tmp}"),
        ((*FINETUNE[:2],), "config.data.corpus is empty"),
        ((*DISTILL, "--config.teacher.source={distilled}"), "config.teacher.source"),
        (
            ("--config=configs/finetune.py", "--workdir={detector}", "--config.data.corpus={corpus}"),
            "config.steps was 150, is 1000",
        ),
    ],
)
def test_a_users_mistake_is_one_line_and_status_two(chain, tmp_path, arguments, named):
    fill = {**chain, "tmp": tmp_path}
    done = run_module("train", *(argument.format(**fill) for argument in arguments))
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.splitlines()[-1].startswith("error: ")
    assert named.format(**fill) in done.stderr.splitlines()[-1]


def test_distilling_again_finds_the_teacher_that_is_there(chain):
    done = run_module("train", *TOY_DISTILL, f"--workdir={chain['distilled']}", f"--config.data.corpus={chain['corpus']}")
    assert done.returncode == 0, done.stderr
    assert "6/6" not in done.stderr, "a finished run is not trained again"
