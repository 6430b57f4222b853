"""Published models, randomly initialised by PyTorch transformers and saved as safetensors, against ours."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
import transformers
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file

from s3rl_jax.models.teacher.family import UnsupportedCheckpoint
from s3rl_jax.models.teacher.published import read_published
from s3rl_jax.models.teacher.wav2vec2 import Wav2Vec2, normalise
from s3rl_jax.models.teacher.wav2vec2_family import read_config
from tests.models.teacher.published_models import VARIANTS, save


@pytest.fixture(scope="module", params=VARIANTS)
def pair(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    return save(request.param, folder), read_published(folder)


@pytest.mark.parametrize("samples", [[8000], [16_001], [9000, 12_321]])
def test_hidden_states_and_codes_equal_transformers(pair, rng, samples):
    theirs, published = pair
    ours = Wav2Vec2(published.config)
    audio = np.zeros((len(samples), max(samples)), np.float32)
    for row, count in zip(audio, samples, strict=True):
        row[:count] = rng.standard_normal(count)
    attention = torch.tensor(np.arange(audio.shape[1]) < np.array(samples)[:, None]).long() if len(samples) > 1 else None
    with torch.no_grad():
        outputs = theirs(torch.tensor(audio), attention_mask=attention, output_hidden_states=True)
    audio, frames = jnp.asarray(audio), published.config.frame_count(np.array(samples))
    valid = jnp.arange(published.config.frame_count(audio.shape[1])) < frames[:, None]
    real = np.asarray(valid)
    variables = {"params": jax.tree.map(jnp.asarray, published.params)}
    apply = jax.jit(ours.apply, static_argnames="method")
    latents = apply(variables, audio, method="latents")
    hidden = apply(variables, latents, valid, method="hidden")
    assert len(hidden) == len(outputs.hidden_states) == 4
    for layer, (mine, reference) in enumerate(zip(hidden, outputs.hidden_states, strict=True)):
        mine, reference = np.asarray(mine)[real], reference.numpy()[real]
        error = np.abs(mine - reference).max() / np.abs(reference).max()
        assert error < 1e-4, f"layer {layer}"
    if not published.config.quantizer:
        return
    with torch.no_grad():
        features = theirs.wav2vec2(torch.tensor(np.asarray(audio)), attention_mask=attention).extract_features
        vectors, _ = theirs.quantizer(features)
        picks = theirs.quantizer.weight_proj(features).reshape(*features.shape[:2], 2, -1).argmax(-1)
    codes, _, index = apply(variables, latents, method="codes")
    np.testing.assert_array_equal(np.asarray(index)[real], picks.numpy()[real])
    np.testing.assert_array_equal(np.asarray(codes)[real], vectors.numpy()[real])
    answer = apply(variables, audio, valid)
    for mine, reference in (
        (answer["context"], outputs.projected_states),
        (answer["codes"], outputs.projected_quantized_states),
    ):
        np.testing.assert_allclose(np.asarray(mine)[real], reference.numpy()[real], atol=1e-4)


def test_tensors_that_are_no_teacher_are_listed(pair):
    theirs, published = pair
    heads = [name for name in theirs.state_dict() if name.startswith("lm_head")]
    assert published.ignored == sorted(heads)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("published")
    save("wavlm-base", path)
    return path


def copy(folder, tmp_path, **fields):
    """The same files, with fields of config.json changed."""
    published = json.loads((folder / "config.json").read_text()) | fields
    (tmp_path / "config.json").write_text(json.dumps(published))
    tensors = load_file(folder / "model.safetensors")
    return tensors


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda t: t.pop("encoder.layers.1.final_layer_norm.weight"), "encoder_layers_1/final_layer_norm/scale"),
        (lambda t: t.update({"encoder.layers.7.layer_norm.bias": np.zeros(24)}), "encoder.layers.7.layer_norm.bias"),
        (lambda t: t.update({"encoder.layer_norm.bias": np.zeros(23)}), "encoder.layer_norm.bias"),
        (
            lambda t: t.update({"encoder.layers.0.attention.q_proj.weight": np.zeros((24, 23))}),
            "encoder.layers.0.attention.q_proj.weight",
        ),
        (lambda t: t.update({"adapter.proj.weight": np.zeros(3)}), "adapter.proj.weight"),
    ],
)
def test_a_missing_unknown_or_misshapen_tensor_is_named(folder, tmp_path, change, named):
    tensors = copy(folder, tmp_path)
    change(tensors)
    save_file({name: np.ascontiguousarray(t) for name, t in tensors.items()}, tmp_path / "model.safetensors")
    with pytest.raises(UnsupportedCheckpoint, match=named):
        read_published(tmp_path)


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"hidden_act": "relu"}, "hidden_act"),
        ({"add_adapter": True}, "add_adapter"),
        ({"conv_pos_batch_norm": True}, "conv_pos_batch_norm"),
    ],
)
def test_arithmetic_that_we_do_not_do_is_refused(folder, fields, named):
    published = json.loads((folder / "config.json").read_text())
    with pytest.raises(UnsupportedCheckpoint, match=named):
        read_config(published | fields, {}, ())


def test_another_architecture_is_named_with_those_that_there_are(folder, tmp_path):
    copy(folder, tmp_path, model_type="bert")
    with pytest.raises(UnsupportedCheckpoint, match=r"'bert'; expected one of wav2vec2, hubert"):
        read_published(tmp_path)


@pytest.mark.parametrize("name", ["pytorch_model.bin", "checkpoint.pt"])
def test_a_pickle_is_refused_with_the_way_to_convert_it(folder, tmp_path, name):
    copy(folder, tmp_path)
    (tmp_path / name).write_bytes(b"\x80\x04.")
    with pytest.raises(UnsupportedCheckpoint, match=r"pickle.*save_pretrained"):
        read_published(tmp_path)


def test_a_sharded_model_is_read_whole(folder, tmp_path):
    tensors = copy(folder, tmp_path)
    names = sorted(tensors)
    shards = {"model-00001-of-00002.safetensors": names[::2], "model-00002-of-00002.safetensors": names[1::2]}
    for file, part in shards.items():
        save_file({name: tensors[name] for name in part}, tmp_path / file)
    weight_map = {name: file for file, part in shards.items() for name in part}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))
    whole, sharded = read_published(folder), read_published(tmp_path)
    np.testing.assert_array_equal(
        whole.params["relative_positions"]["embedding"], sharded.params["relative_positions"]["embedding"]
    )


def test_an_index_cannot_name_files_elsewhere(folder, tmp_path):
    copy(folder, tmp_path)
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": f"{folder}/model.safetensors"}}))
    with pytest.raises(UnsupportedCheckpoint, match="safetensors"):
        read_published(tmp_path)


@settings(max_examples=30, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_no_safetensors_file(folder, tmp_path_factory, content):
    path = tmp_path_factory.mktemp("fuzz")
    copy(folder, path)
    (path / "model.safetensors").write_bytes(content)
    with pytest.raises(UnsupportedCheckpoint, match="safetensors"):
        read_published(path)


@pytest.mark.parametrize(
    ("preprocessor", "expected"), [({"do_normalize": False}, False), ({"do_normalize": True}, True), (None, True)]
)
def test_normalisation_follows_the_preprocessor(folder, tmp_path, preprocessor, expected):
    tensors = copy(folder, tmp_path)
    save_file(tensors, tmp_path / "model.safetensors")
    if preprocessor is not None:
        (tmp_path / "preprocessor_config.json").write_text(json.dumps(preprocessor))
    assert read_published(tmp_path).config.normalise_audio is expected


def test_input_normalisation_equals_transformers(rng):
    extractor = transformers.Wav2Vec2FeatureExtractor(do_normalize=True, return_attention_mask=True)
    clips = [rng.standard_normal(500) * 0.1 + 0.3, rng.standard_normal(800)]
    theirs = extractor(clips, sampling_rate=16_000, padding=True, return_tensors="np")
    padded = np.zeros((2, 800), np.float32)
    padded[0, :500], padded[1] = clips
    np.testing.assert_allclose(normalise(padded, theirs["attention_mask"] > 0), theirs["input_values"], atol=1e-4)
