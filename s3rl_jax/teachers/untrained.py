"""A teacher with random parameters, as large and as slow as a trained one, for a dry run."""

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict

from s3rl_jax.core.errors import lookup
from s3rl_jax.models.teacher.codebook import KMeansCodebook
from s3rl_jax.models.teacher.targets import Teacher
from s3rl_jax.models.teacher.wav2vec2 import SIZES, Wav2Vec2
from s3rl_jax.teachers.kmeans import codebook_layer


def untrained_teacher(size: str, dtype: str) -> Teacher:
    """Creates a teacher with random parameters.

    Args:
      size: `config.teacher.size`.
      dtype: dtype of its parameters.

    Raises:
      UserError: for a size that does not exist.
    """
    config = lookup(SIZES, size, "config.teacher.size")
    params = Wav2Vec2(config).init(jax.random.key(0), jnp.zeros((1, 1600)), jnp.ones((1, 4), bool))["params"]
    return Teacher(config, jax.tree.map(lambda p: p.astype(dtype), params))


def untrained_codebook(teacher: Teacher, settings: ConfigDict) -> KMeansCodebook | None:
    """Creates a random codebook of the size in `config.codebook`; None if it chooses the teacher's quantiser.

    Raises:
      UserError: for settings out of range.
    """
    layer = codebook_layer(teacher, settings)
    if layer is None:
        return None
    centroids = jax.random.normal(jax.random.key(0), (settings.clusters, teacher.config.hidden_size))
    return KMeansCodebook(layer, centroids, centroids.mean(axis=0))
