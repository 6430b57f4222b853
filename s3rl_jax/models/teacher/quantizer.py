"""Product quantiser with Gumbel softmax (wav2vec 2.0, section 2)."""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from s3rl_jax.models.ops.dense import Dense

Temperature = float | Float[Array, ""] | None  # temperature of the Gumbel softmax


class Quantizer(nn.Module):
    """Selects one code vector in each group and joins them.

    Attributes:
      groups: number of groups, G in the paper.
      entries: number of code vectors in a group, V in the paper.
      dim: size of the joined code vector; divisible by `groups`.
    """

    groups: int
    entries: int
    dim: int

    @nn.compact
    def __call__(
        self, latents: Float[Array, "batch time features"], temperature: Temperature = None
    ) -> tuple[Float[Array, "batch time dim"], Float[Array, "batch time groups entries"], Int[Array, "batch time groups"]]:
        """Selects the code vectors of each frame.

        Args:
          latents: output of the convolutions.
          temperature: temperature of the Gumbel softmax. Its noise comes from the rng stream `gumbel`; its gradient is
            straight through. None: the most likely entry, without noise and without a gradient into the logits.

        Returns:
          The joined code vectors, the probabilities of all entries (for the diversity loss), the selected indices.
        """
        logits = Dense(
            self.groups * self.entries,
            kernel_init=nn.initializers.normal(1.0),
            name="weight_proj",
        )(latents)
        logits = logits.reshape(*latents.shape[:-1], self.groups, self.entries)
        codebook = self.param("codevectors", nn.initializers.uniform(1.0), (self.groups, self.entries, self.dim // self.groups))
        probabilities = jax.nn.softmax(logits.astype(jnp.float32))
        if temperature is None:
            index = logits.argmax(-1)
            choice = jax.nn.one_hot(index, self.entries, dtype=codebook.dtype)
        else:
            noise = jax.random.gumbel(self.make_rng("gumbel"), logits.shape)
            soft = jax.nn.softmax((logits + noise) / temperature)
            index = soft.argmax(-1)
            hard = jax.nn.one_hot(index, self.entries, dtype=codebook.dtype)
            choice = hard + soft - jax.lax.stop_gradient(soft)
        vectors = jnp.einsum("btgv,gvd->btgd", choice, codebook)
        return vectors.reshape(*latents.shape[:-1], self.dim), probabilities, index
