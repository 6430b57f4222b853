import sys

import jax.numpy as jnp
import numpy as np
import pytest
from jax import tree

from s3rl_jax.core.errors import UserError
from s3rl_jax.teachers.load import load_teacher
from tests.models.teacher.published_models import save


def test_a_public_folder_is_a_teacher_in_the_dtype_asked_for(tmp_path, capsys):
    save("wav2vec2-ctc", tmp_path)
    teacher = load_teacher(tmp_path, "bfloat16")
    assert {leaf.dtype for leaf in tree.leaves(teacher.params)} == {jnp.dtype("bfloat16")}
    assert not teacher.config.quantizer
    assert "ignored: lm_head.bias, lm_head.weight" in capsys.readouterr().err


def test_a_run_of_ours_is_a_teacher(chain):
    teacher = load_teacher(f"{chain['distilled']}/teacher", "float32")
    assert teacher.config.quantizer
    assert all(np.isfinite(leaf).all() for leaf in tree.leaves(teacher.params))


@pytest.mark.parametrize(
    ("source", "named"),
    [
        ("{tmp}", "config.json"),
        ("{tmp}/nothing", "no such folder, and not a hub id"),
        ("../etc/x", "no such folder, and not a hub id"),
    ],
)
def test_what_is_no_teacher_is_named(tmp_path, source, named):
    with pytest.raises(UserError, match=r"config\.teacher\.source=.*" + named):
        load_teacher(source.format(tmp=tmp_path), "float32")


def test_a_dtype_that_is_none_is_named(tmp_path):
    with pytest.raises(UserError, match=r"config\.teacher\.dtype='int8'"):
        load_teacher(tmp_path, "int8")


def test_a_hub_id_without_the_extra_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(UserError, match=r"s3rl_jax\[hub\]"):
        load_teacher("facebook/wav2vec2-base", "float32")


def test_a_hub_id_without_a_network_says_what_to_download_and_where_to_put_it(monkeypatch, tmp_path):
    hub = pytest.importorskip("huggingface_hub")
    monkeypatch.setattr(hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(hub.constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(UserError, match=r"download config\.json.*model\*\.safetensors.*into one folder"):
        load_teacher("facebook/wav2vec2-base", "float32")


def test_the_revision_is_that_of_the_hub(monkeypatch, tmp_path):
    hub = pytest.importorskip("huggingface_hub")
    save("wav2vec2-ctc", tmp_path)
    calls = []
    monkeypatch.setattr(hub, "snapshot_download", lambda source, **options: calls.append((source, options)) or str(tmp_path))
    for revision in ("", "v1"):
        load_teacher("facebook/wav2vec2-base", "float32", revision)
    assert [(source, options["revision"]) for source, options in calls] == [
        ("facebook/wav2vec2-base", None),
        ("facebook/wav2vec2-base", "v1"),
    ]


def test_a_revision_of_a_folder_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"config\.teacher\.revision=v1"):
        load_teacher(tmp_path, "float32", "v1")
