"""Sources that are left out of training: the others are read as before; a wrong name is an error that lists the right ones."""

import dataclasses

import numpy as np
import pytest
from ml_collections import ConfigDict

from configs import distill
from s3rl_jax.core.errors import UserError
from s3rl_jax.corpus.corpus import read_corpus
from s3rl_jax.corpus.left_out import without_sources
from s3rl_jax.train import inputs

SOURCES = ("a@1", "b@2", "")


@pytest.fixture
def clips(corpus):
    """The train split, whose recordings are of three sources in turn, the last one without a name."""
    clips = read_corpus(corpus, "train")
    source = np.array([SOURCES[row % 3] for row in range(len(clips))], np.dtypes.StringDType())
    return dataclasses.replace(clips, columns=clips.columns | {"source": source})


def test_the_recordings_of_a_source_are_left_out_and_the_others_are_the_same(clips):
    left = without_sources(clips, ConfigDict({"without": ("b@2",)}))
    rows = [row for row in range(len(clips)) if row % 3 != 1]
    assert left.columns["id"].tolist() == clips.columns["id"][rows].tolist()
    np.testing.assert_array_equal(left.audio(1), clips.audio(2))
    assert without_sources(clips, ConfigDict({})) is clips


def test_training_reads_its_split_without_them(clips, corpus, monkeypatch):
    monkeypatch.setattr(inputs, "read_corpus", lambda *_: clips)
    config = distill.get_config()
    config.data.corpus, config.data.without = corpus, ("a@1", "b@2")
    assert set(inputs.clips_of(config, "train").columns["source"].tolist()) == {""}


def test_a_source_that_is_not_there_is_named_with_those_that_are(clips):
    with pytest.raises(UserError, match=r"config.data.without: no recording of c; the sources of the corpus are a@1, b@2"):
        without_sources(clips, ConfigDict({"without": ("a@1", "c")}))
