"""The data of a run: its corpus, batches, and the noise and impulse responses for augmentation."""

import functools
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Int16
from ml_collections import ConfigDict

from s3rl_jax.audio.read import SAMPLE_RATE
from s3rl_jax.batches.augmentation_banks import noise_bank, response_bank
from s3rl_jax.batches.crops import Crops
from s3rl_jax.batches.read_ahead import read_ahead
from s3rl_jax.batches.resident import Resident
from s3rl_jax.core.errors import UserError
from s3rl_jax.core.messages import LOGGER
from s3rl_jax.corpus.corpus import Clips, has_speech, read_corpus
from s3rl_jax.corpus.fake import fake_clips, is_fake
from s3rl_jax.corpus.keywords import parse_keywords
from s3rl_jax.corpus.left_out import without_sources
from s3rl_jax.corpus.starter import names_starter, without_starter
from s3rl_jax.engine.job import Batches, Inputs, Rows
from s3rl_jax.engine.mesh import host_rows
from s3rl_jax.engine.sweep_members import data_seed
from s3rl_jax.starter.unpacking import described, ensure_unpacked
from s3rl_jax.teachers.output_windows import OutputWindows

NOISE_PIECES = 4000  # the most pieces of noise; with 2 s each they take 256 MB on the device
RESPONSE_SECONDS = 0.5  # length of impulse responses


@runtime_checkable
class Source(Protocol):
    """A source of batches: crops, cached crops or windows. Both methods are pure functions.

    Attributes:
      samples: samples of an example.
    """

    samples: int

    def plan(self, step: int, rows: range) -> dict: ...

    def batch(self, step: int, rows: range) -> Rows: ...


def clips_of(config: ConfigDict, split: str) -> Clips:
    """Opens a split of `config.data.corpus`; of the train split, without the sources in `config.data.without`."""
    if is_fake(config.data.corpus):
        return fake_clips(config.data.corpus, parse_keywords(config.get("keyword", "word")))
    if split != "train":  # the starter set has no validation split
        return read_corpus(without_starter(config.data.corpus), split, "config.data.corpus")
    ensure_unpacked(config.data.corpus)
    clips = without_sources(read_corpus(config.data.corpus, split, "config.data.corpus"), config.data)
    if names_starter(config.data.corpus):
        LOGGER.info(described(clips, config.data.corpus))
    return clips


def crops_of(config: ConfigDict, clips: Clips) -> Crops:
    """Crops of speech by the settings in `config.data`.

    Raises:
      UserError: for lengths out of range, and as `Crops.of`.
    """
    samples = _samples(config.data.crop_seconds, "crop_seconds")
    shortest = min(_samples(config.data.shortest_seconds, "shortest_seconds"), samples)
    seed, fixed = data_seed(config), config.data.fixed_crops
    return Crops.of(clips, samples, config.batch_size, seed, shortest, config.data.mixture, fixed)


def inputs_of(config: ConfigDict, clips: Clips, source: Source, validation: Batches | None) -> Inputs:
    """The batches of a source.

    A corpus that fits into `config.data.memory_gib` is put on the device, and batches are cut out there; otherwise batches are
    read from disk, as cached outputs always are.
    """
    rows = host_rows(config.batch_size)
    if not isinstance(source, OutputWindows) and clips.columns["samples"].sum() * 2 <= config.data.memory_gib * 2**30:
        resident = Resident.of(clips, source.samples)
        batches = functools.partial(read_ahead, lambda step: resident.locate(source.plan(step, rows)))
        return Inputs(batches, resident.audio, resident.cut, validation)
    return Inputs(functools.partial(read_ahead, functools.partial(source.batch, rows=rows)), validation=validation)


def validation_of(config: ConfigDict) -> Batches | None:
    """Batches of the validation split; None if `config.validation` is off or a corpus has no speech in that split."""
    settings, corpus = config.get("validation"), without_starter(config.data.corpus)
    if not settings or not settings.every or not corpus or is_fake(corpus) or not has_speech(corpus, "validation"):
        return None
    crops = crops_of(config, clips_of(config, "validation"))
    return functools.partial(read_ahead, functools.partial(crops.batch, rows=host_rows(config.batch_size)))


def acoustics(clips: Clips, seconds: float) -> tuple[Int16[np.ndarray, "pieces samples"], Float[np.ndarray, "rooms taps"]]:
    """Noise in pieces of `seconds` seconds, and impulse responses, for augmentation."""
    noises = noise_bank(clips, int(seconds * SAMPLE_RATE), NOISE_PIECES)
    if not len(noises):
        LOGGER.info("the corpus has no noise: the student is trained on speech without noise")
    return noises, response_bank(clips, int(RESPONSE_SECONDS * SAMPLE_RATE))


def _samples(seconds: float, field: str) -> int:
    if not 0.1 <= seconds <= 60:
        raise UserError(f"config.data.{field}={seconds}: expected seconds, 0.1 to 60")
    return int(seconds * SAMPLE_RATE)
