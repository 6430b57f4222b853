"""Toy teachers, with and without a quantiser, and crops of the small corpus."""

import dataclasses

import jax
import jax.numpy as jnp
import pytest
from ml_collections import ConfigDict

from s3rl_jax.batches.crops import Crops
from s3rl_jax.corpus.corpus import read_corpus
from s3rl_jax.models.teacher.targets import Teacher
from s3rl_jax.models.teacher.wav2vec2 import SIZES, Wav2Vec2

EVENLY = ConfigDict({"corpora": ()})


def toy(seed=0, **changes) -> Teacher:
    """Random parameters, drawn by one program: compiling an operation at a time takes ten seconds."""
    config = dataclasses.replace(SIZES["toy"], **changes)
    params = jax.jit(Wav2Vec2(config).init)(jax.random.key(seed), jnp.zeros((1, 1600)), jnp.ones((1, 4), bool))["params"]
    return Teacher(config, params)


@pytest.fixture(scope="session")
def clips(corpus):
    return read_corpus(corpus, "train")


@pytest.fixture(scope="session")
def crops(clips):
    return Crops.of(clips, 12_880, 8, 0, 4800, EVENLY)
