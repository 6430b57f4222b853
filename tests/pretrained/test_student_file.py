import json

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load, save_file

import s3rl_jax.pretrained
from s3rl_jax.core.errors import UserError
from s3rl_jax.models.student.registry import build_student, initialise
from s3rl_jax.pretrained.student_file import NAMES, Pretrained, read, write
from tests.conftest import run_module, student_settings


@pytest.fixture(params=["toy", "conv_toy"])
def student(request) -> Pretrained:
    settings = student_settings(request.param)
    return Pretrained(initialise(build_student(settings), jax.random.key(0)), {"student": settings.to_dict()})


def test_a_student_is_read_as_it_was_written_but_for_float16(student, tmp_path):
    write(tmp_path / "a.safetensors", student)
    again = read(str(tmp_path / "a.safetensors"))
    assert again.card == student.card
    assert jax.tree.structure(again.params) == jax.tree.structure(student.params)
    for before, after in zip(jax.tree.leaves(student.params), jax.tree.leaves(again.params), strict=True):
        assert after.dtype == np.float32
        np.testing.assert_array_equal(after, np.asarray(before, np.float16))


@pytest.mark.parametrize("name", NAMES)
def test_the_students_that_come_with_the_package_fit_their_models(name):
    student = s3rl_jax.pretrained.load(name)
    settings = student_settings(**student.card["student"])
    expected = initialise(build_student(settings), jax.random.key(0))
    shapes = [jax.tree.map(np.shape, params) for params in (student.params, expected)]
    assert shapes[0] == shapes[1]
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(student.params))
    assert {"teacher", "hours", "licences", "steps", "command", "commit"} <= set(student.card)
    file = s3rl_jax.pretrained.student_file.FOLDER / f"{name}.safetensors"
    assert file.stat().st_size < (4e6 if name == "small" else 1e6)
    assert file.with_suffix(".md").is_file()


def test_an_unknown_name_is_an_error_that_lists_the_known_ones():
    with pytest.raises(UserError, match=r"pretrained:huge: expected one of "):
        read("pretrained:huge")


@given(st.binary(max_size=200))
def test_any_other_file_is_an_error_that_names_it(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("files") / "b.safetensors"
    path.write_bytes(content)
    with pytest.raises(UserError, match="not a student"):
        read(str(path))


def test_a_file_of_other_tensors_is_an_error_that_names_it(tmp_path):
    save_file({"a": np.zeros(3, np.float32)}, tmp_path / "c.safetensors")
    with pytest.raises(UserError, match="not a student"):
        read(str(tmp_path / "c.safetensors"))


def test_a_distilled_student_is_packed_and_finetuned(chain, tmp_path):
    done = run_module("pretrained", f"--workdir={chain['distilled']}", f"--out={tmp_path}/toy", "--teacher=a toy")
    assert done.returncode == 0, done.stderr
    card = read(f"{tmp_path}/toy.safetensors").card
    assert (card["teacher"], card["steps"], card["licences"]) == ("a toy", 6, {"": 0.0, "CC0": card["licences"]["CC0"]})
    assert len(load((tmp_path / "toy.safetensors").read_bytes())) > 5
    assert "--config.student.size=toy" in card["command"]
    assert card["command"] in (tmp_path / "toy.md").read_text()
    arguments = (
        "--config=configs/finetune.py",
        f"--workdir={tmp_path}/detector",
        f"--config.data.corpus={chain['corpus']}",
        f"--config.init={tmp_path}/toy.safetensors",
        *("--config.steps=2", "--config.batch_size=8", "--config.preflight=False", "--config.data.window_seconds=1.2"),
    )
    done = run_module("train", *arguments)
    assert done.returncode == 0, done.stderr
    config = json.loads((tmp_path / "detector/config.json").read_text())
    assert config["student"]["size"] == "toy"
    wrong = run_module("train", *arguments, "--config.student.size=conv_toy")
    assert wrong.returncode == 2
    assert wrong.stderr.strip().splitlines()[-1].startswith("error: config.student.size=conv_toy")


def test_a_run_without_a_student_is_not_packed(chain, tmp_path):
    done = run_module("pretrained", f"--workdir={chain['distilled']}/teacher", f"--out={tmp_path}/toy")
    assert done.returncode == 2
    assert "trains no student" in done.stderr
