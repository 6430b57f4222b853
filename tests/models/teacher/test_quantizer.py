import jax
import jax.numpy as jnp
import numpy as np

from s3rl_jax.models.teacher.quantizer import Quantizer


def test_picks_whole_entries_and_passes_the_gradient_straight_through(rng):
    model, latents = Quantizer(groups=2, entries=5, dim=6), jnp.asarray(rng.standard_normal((2, 7, 4)), jnp.float32)
    params = model.init(jax.random.key(0), latents)["params"]
    vectors, probabilities, index = model.apply({"params": params}, latents, 1.0, rngs={"gumbel": jax.random.key(1)})
    codebook = np.asarray(params["codevectors"])
    for b in range(2):
        for t in range(7):
            expected = np.concatenate([codebook[g, index[b, t, g]] for g in range(2)])
            np.testing.assert_allclose(vectors[b, t], expected, atol=1e-6)
    np.testing.assert_allclose(probabilities.sum(-1), 1, rtol=1e-5)
    gradient = jax.grad(lambda p: (model.apply({"params": p}, latents, 1.0, rngs={"gumbel": jax.random.key(1)})[0] ** 2).sum())(
        params
    )
    assert np.abs(gradient["weight_proj"]["kernel"]).max() > 0
    assert np.abs(gradient["codevectors"]).max() > 0


def test_without_a_temperature_the_likeliest_entry_is_taken(rng):
    model, latents = Quantizer(groups=1, entries=5, dim=3), jnp.asarray(rng.standard_normal((1, 9, 4)), jnp.float32)
    params = model.init(jax.random.key(0), latents)["params"]
    _, probabilities, index = model.apply({"params": params}, latents)
    np.testing.assert_array_equal(index, probabilities.argmax(-1))
