"""A model and its .json belong together: the digest in the .json is checked when the model is opened."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s3rl_jax.core.errors import UserError
from s3rl_jax.detect.detector import Detector
from tests.export.test_build import STREAMED, built, write_untrained


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """An untrained model with its .json, as export writes them."""
    folder = tmp_path_factory.mktemp("model")
    write_untrained(folder / "m.tflite", STREAMED[0])
    Detector(str(folder / "m.tflite"))
    return folder / "m.tflite"


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_a_changed_byte_is_refused(model, tmp_path_factory, data):
    content = bytearray(model.read_bytes())
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] ^= data.draw(st.integers(1, 255))
    changed = tmp_path_factory.mktemp("changed") / "m.tflite"
    changed.write_bytes(content)
    changed.with_suffix(".json").write_bytes(model.with_suffix(".json").read_bytes())
    with pytest.raises(UserError, match="SHA-256 differs"):
        Detector(str(changed))


def test_a_cut_model_and_a_model_of_another_export_are_refused(model, tmp_path):
    fields = model.with_suffix(".json").read_text()
    (tmp_path / "m.json").write_text(fields)
    for content in (model.read_bytes()[:-1], b"", built("conv_toy", STREAMED[1]).content):
        (tmp_path / "m.tflite").write_bytes(content)
        with pytest.raises(UserError, match="SHA-256 differs"):
            Detector(str(tmp_path / "m.tflite"))


def test_the_json_of_an_older_version_has_no_digest_and_loads(model, tmp_path):
    fields = json.loads(model.with_suffix(".json").read_text())
    del fields["sha256"]
    (tmp_path / "m.json").write_text(json.dumps(fields))
    (tmp_path / "m.tflite").write_bytes(model.read_bytes())
    assert Detector(str(tmp_path / "m.tflite")).labels == ["", "alexa"]
