"""The teacher's size and gradient; that it computes as the published models do is tested in test_published.py."""

import jax
import jax.numpy as jnp
import numpy as np
import torch
import transformers

from s3rl_jax.models.teacher.wav2vec2 import SIZES, Wav2Vec2


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
        params = jax.jit(model.init)(jax.random.key(0), audio, valid)["params"]
        loss = lambda p: model.apply({"params": p}, audio, method="latents").sum()  # noqa: E731
        return jax.jit(jax.grad(loss))(params)["feature_extractor"]["conv_0"]["kernel"]

    np.testing.assert_allclose(gradient(0.1), 0.1 * gradient(1.0), rtol=1e-4)
