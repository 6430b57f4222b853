"""The teacher against PyTorch transformers, randomly initialised."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
import transformers

from s3rl_jax.models.pretrained import Misfit, config_from, params_from
from s3rl_jax.models.wav2vec2 import SIZES, Wav2Vec2, normalise

VARIANTS = {
    "base": {"feat_extract_norm": "group", "conv_bias": False, "do_stable_layer_norm": False},
    "large": {"feat_extract_norm": "layer", "conv_bias": True, "do_stable_layer_norm": True},
}


@pytest.fixture(scope="module", params=VARIANTS)
def pair(request):
    torch.manual_seed(0)
    published = transformers.Wav2Vec2Config(
        hidden_size=24,
        num_hidden_layers=3,
        num_attention_heads=3,
        intermediate_size=40,
        conv_dim=(8, 8, 8, 8, 8, 8, 12),
        num_conv_pos_embeddings=6,
        num_conv_pos_embedding_groups=3,
        num_codevectors_per_group=7,
        codevector_dim=10,
        proj_codevector_dim=9,
        **VARIANTS[request.param],
    )
    theirs = transformers.Wav2Vec2ForPreTraining(published).eval()
    with torch.no_grad():  # transformers starts norms at 1 and 0, where a swap would not be seen
        for name, parameter in theirs.named_parameters():
            if "norm" in name:
                parameter += 0.1 * torch.randn_like(parameter)
    config = config_from(published.to_dict())
    params = params_from({name: tensor.numpy() for name, tensor in theirs.state_dict().items()}, config)
    return theirs, Wav2Vec2(config), params


@pytest.mark.parametrize("samples", [[8000], [16_000], [9000, 12_321]])
def test_hidden_states_and_codes_equal_transformers(pair, rng, samples):
    theirs, ours, params = pair
    audio = np.zeros((len(samples), max(samples)), np.float32)
    for row, count in zip(audio, samples, strict=True):
        row[:count] = rng.standard_normal(count)
    attention = torch.tensor(np.arange(audio.shape[1]) < np.array(samples)[:, None]).long() if len(samples) > 1 else None
    with torch.no_grad():
        said = theirs(torch.tensor(audio), attention_mask=attention, output_hidden_states=True)
        features = theirs.wav2vec2(torch.tensor(audio), attention_mask=attention).extract_features
        vectors, _ = theirs.quantizer(features)
    frames = ours.config.frame_count(np.array(samples))
    valid = jnp.arange(ours.config.frame_count(audio.shape[1])) < frames[:, None]
    variables = {"params": params}
    latents = ours.apply(variables, audio, method="latents")
    hidden = ours.apply(variables, latents, valid, method="hidden")
    codes, _, _ = ours.apply(variables, latents, method="codes")
    assert len(hidden) == len(said.hidden_states) == 4
    for layer, (mine, theirs_) in enumerate(zip(hidden, said.hidden_states, strict=True)):
        reference = theirs_.numpy()[np.asarray(valid)]
        error = np.abs(np.asarray(mine)[np.asarray(valid)] - reference).max() / np.abs(reference).max()
        assert error < 1e-4, f"layer {layer}"
    np.testing.assert_allclose(np.asarray(codes)[np.asarray(valid)], vectors.numpy()[np.asarray(valid)], atol=1e-6)
    answer = ours.apply(variables, audio, valid)
    for mine, reference in ((answer["context"], said.projected_states), (answer["codes"], said.projected_quantized_states)):
        np.testing.assert_allclose(np.asarray(mine)[np.asarray(valid)], reference.numpy()[np.asarray(valid)], atol=1e-4)


def test_a_tensor_without_a_place_is_named(pair):
    _, ours, _ = pair
    with pytest.raises(Misfit, match="lm_head"):
        params_from({"lm_head.weight": np.zeros((2, 2))}, ours.config)


def test_input_normalisation_equals_transformers(rng):
    extractor = transformers.Wav2Vec2FeatureExtractor(do_normalize=True, return_attention_mask=True)
    clips = [rng.standard_normal(500) * 0.1 + 0.3, rng.standard_normal(800)]
    theirs = extractor(clips, sampling_rate=16_000, padding=True, return_tensors="np")
    padded = np.zeros((2, 800), np.float32)
    padded[0, :500], padded[1] = clips
    np.testing.assert_allclose(normalise(padded, theirs["attention_mask"] > 0), theirs["input_values"], atol=1e-4)


def test_base_has_the_published_size():
    shapes = jax.eval_shape(
        lambda: Wav2Vec2(SIZES["base"]).init(jax.random.key(0), jnp.zeros((1, 3200)), jnp.ones((1, 9), bool))
    )
    count = sum(np.prod(leaf.shape) for leaf in jax.tree.leaves(shapes))
    with torch.device("meta"):
        theirs = sum(p.numel() for p in transformers.Wav2Vec2ForPreTraining(transformers.Wav2Vec2Config()).parameters())
    assert count == theirs
    assert round(count / 1e6) == 95


def test_convolutions_learn_at_their_share_of_the_gradient(rng):
    import dataclasses

    audio, valid = jnp.asarray(rng.standard_normal((1, 1600)), jnp.float32), jnp.ones((1, 4), bool)

    def gradient(scale):
        model = Wav2Vec2(dataclasses.replace(SIZES["toy"], convolution_gradient=scale))
        params = model.init(jax.random.key(0), audio, valid)["params"]
        loss = jax.grad(lambda p: model.apply({"params": p}, audio, method="latents").sum())
        return loss(params)["feature_extractor"]["conv_0"]["kernel"]

    np.testing.assert_allclose(gradient(0.1), 0.1 * gradient(1.0), rtol=1e-4)
