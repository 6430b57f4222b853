"""Whisper's encoder against PyTorch transformers: log-mel, every hidden state, sizes, checkpoints."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
import transformers
from safetensors.numpy import load_file, save_file

from s3rl_jax.audio.read import read_audio
from s3rl_jax.models.teacher.family import UnsupportedCheckpoint
from s3rl_jax.models.teacher.published import read_published
from s3rl_jax.models.teacher.whisper import WHISPER, WhisperConfig, log_mel
from tests.conftest import ROOT

SHARED = ROOT.parent / "shared"
TINY_EN = SHARED / "teachers" / "whisper-tiny.en"
USUAL = {"xla_cpu_use_fusion_emitters": True}  # tests/conftest.py turns it off
SIZES = {
    "80 bands": {"d_model": 24, "encoder_layers": 3, "encoder_attention_heads": 3, "encoder_ffn_dim": 40},
    "128 bands": {"d_model": 32, "encoder_layers": 2, "encoder_attention_heads": 2, "encoder_ffn_dim": 64, "num_mel_bins": 128},
}
DECODER = {
    **{"decoder_layers": 1, "decoder_attention_heads": 1, "decoder_ffn_dim": 8, "vocab_size": 50, "max_target_positions": 10},
    **dict.fromkeys(("pad_token_id", "bos_token_id", "eos_token_id", "decoder_start_token_id"), 1),
}


def save(size, folder):
    """A randomly initialised model of `transformers` and its front end, saved as its users save theirs."""
    torch.manual_seed(0)
    config = transformers.WhisperConfig(**DECODER, **SIZES[size])
    theirs = transformers.WhisperForConditionalGeneration(config).eval()
    with torch.no_grad():  # transformers starts norms at 1 and 0, where a swap would not be seen
        for name, parameter in theirs.named_parameters():
            if "norm" in name or name.endswith("bias"):
                parameter += 0.3 * torch.randn_like(parameter)
    theirs.save_pretrained(folder)
    transformers.WhisperFeatureExtractor(feature_size=config.num_mel_bins).save_pretrained(folder)
    return theirs.model.encoder


@pytest.fixture(scope="module", params=SIZES)
def pair(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("whisper")
    return save(request.param, folder), folder


def states_of(published, mel):
    """Hidden states of log-mel, all frames real.

    By XLA's usual kernels: over 30 s those of the other tests differ from PyTorch's by 2e-4 at the worst of 576 000 elements.
    """
    config, valid = published.config, jnp.ones((len(mel), -(-mel.shape[1] // 2)), bool)
    run = jax.jit(lambda params, mel: WHISPER.hidden_states(config, params, mel, valid), compiler_options=USUAL)
    return [np.asarray(states) for states in run(published.params, mel)]


def hidden_states(published, audio):
    """Of whole clips, through the front end."""
    length, time = jnp.full(len(audio), audio.shape[1]), published.config.frame_count(audio.shape[1])
    params = jax.tree.map(jnp.asarray, published.params)
    return states_of(published, WHISPER.front_end(published.config, params, jnp.asarray(audio, jnp.float32), length, time))


def assert_equal_to_transformers(encoder, folder, audio):
    """Every hidden state, of the same log-mel at its worst element, and of the waveform in its norm.

    The last norm of the real model makes a difference of 1e-5 in log-mel, which is float32's, one of 4e-4 in a single frame.
    """
    extractor = transformers.WhisperFeatureExtractor.from_pretrained(folder)
    mel = extractor(list(audio), sampling_rate=16_000, return_tensors="pt").input_features
    with torch.no_grad():
        reference = [states.numpy() for states in encoder(mel, output_hidden_states=True).hidden_states]
    published = read_published(folder)
    ours = log_mel(jnp.asarray(audio, jnp.float32), published.config.bands)
    np.testing.assert_allclose(ours, mel.mT, atol=1e-4)
    same_mel = states_of(published, jnp.asarray(mel.mT.numpy()))
    own_mel = states_of(published, ours)
    assert len(same_mel) == len(reference) == published.config.layers + 1
    for layer, (same, whole, theirs) in enumerate(zip(same_mel, own_mel, reference, strict=True)):
        assert np.abs(same - theirs).max() < 1e-4 * np.abs(theirs).max(), f"layer {layer}"
        assert np.linalg.norm(whole - theirs) < 1e-4 * np.linalg.norm(theirs), f"layer {layer}"


def test_hidden_states_of_30_seconds_equal_transformers(pair, rng):
    encoder, folder = pair
    audio = 0.1 * rng.standard_normal((1, 480_000)) * np.repeat(rng.random(30), 16_000)
    assert_equal_to_transformers(encoder, folder, audio)


def test_tensors_of_the_decoder_are_ignored_and_listed(pair):
    ignored = read_published(pair[1]).ignored
    assert ignored
    assert all(name.startswith(("model.decoder", "proj_out")) for name in ignored)


def real_speech(seconds):
    """LibriSpeech recordings, one after the other."""
    audio, paths = np.zeros(0, np.int16), iter(sorted((SHARED / "audio" / "librispeech").rglob("*.ogg")))
    while len(audio) < seconds * 16_000:
        audio = np.concatenate([audio, read_audio(next(paths))])
    return audio[None, : seconds * 16_000].astype(np.float32) / 32768


@pytest.mark.skipif(not TINY_EN.is_dir(), reason=f"no {TINY_EN}: the real Whisper tiny.en is not there")
def test_whisper_tiny_en_equals_transformers_on_real_speech():
    encoder = transformers.WhisperModel.from_pretrained(TINY_EN, dtype=torch.float32).encoder.eval()
    assert_equal_to_transformers(encoder, TINY_EN, real_speech(30))


@pytest.mark.skipif(not TINY_EN.is_dir(), reason=f"no {TINY_EN}: the real Whisper tiny.en is not there")
def test_a_crop_without_padding_is_near_the_padded_one():
    """How far 2 s at the first positions are from the same 2 s with silence up to 30 s (docs/teachers.md)."""
    published, crop = read_published(TINY_EN), real_speech(4)[:, 32_000:64_000]
    short = hidden_states(published, crop)
    padded = hidden_states(published, np.pad(crop, ((0, 0), (0, 480_000 - 32_000))))
    for layer, (mine, reference, cosine) in enumerate(zip(short, padded, (1.0, 0.998, 0.991, 0.981, 0.950), strict=True)):
        mine, reference = mine[0], reference[0, :100]
        lengths = np.linalg.norm(mine, axis=-1) * np.linalg.norm(reference, axis=-1)
        assert np.mean(np.sum(mine * reference, axis=-1) / lengths) == pytest.approx(cosine, abs=0.005), f"layer {layer}"


@pytest.mark.parametrize(
    ("fields", "named"),
    [({"activation_function": "relu"}, "activation_function"), ({"scale_embedding": True}, "scale_embedding")],
)
def test_arithmetic_that_we_do_not_do_is_refused(pair, fields, named):
    published = json.loads((pair[1] / "config.json").read_text())
    with pytest.raises(UnsupportedCheckpoint, match=named):
        WHISPER.read_config(published | fields, {}, ())


def test_a_front_end_with_another_number_of_bands_is_refused(pair):
    published = json.loads((pair[1] / "config.json").read_text())
    with pytest.raises(UnsupportedCheckpoint, match=r"preprocessor_config\.json: feature_size"):
        WHISPER.read_config(published, {"feature_size": 40}, ())


def test_a_missing_tensor_is_named(pair, tmp_path):
    tensors = load_file(pair[1] / "model.safetensors")
    del tensors["model.encoder.layers.0.fc1.bias"]
    save_file(tensors, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text((pair[1] / "config.json").read_text())
    with pytest.raises(UnsupportedCheckpoint, match="layers_0/fc1/bias"):
        read_published(tmp_path)


@pytest.mark.parametrize(("samples", "frames"), [(480_000, 1500), (32_000, 100), (32_159, 100), (32_160, 101), (160, 1)])
def test_frames_are_those_of_the_second_convolution(samples, frames):
    config = WhisperConfig(hidden_size=12, heads=2, layers=1, ffn_size=8)
    assert config.frame_count(samples) == frames
    assert -(-(samples // 160) // 2) == frames
