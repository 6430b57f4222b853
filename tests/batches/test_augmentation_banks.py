import numpy as np

from s3rl_jax.batches.augmentation_banks import noise_bank, response_bank
from s3rl_jax.corpus.corpus import read_corpus


def test_noise_is_cut_into_pieces_and_repeated_where_it_is_short(corpus):
    clips = read_corpus(corpus, "train")
    (row,) = clips.rows(clips.columns["kind"] == "noise")
    audio = clips.audio(row)
    bank = noise_bank(clips, 16_000, max_pieces=10)
    np.testing.assert_array_equal(bank, audio[:48_000].reshape(3, 16_000))
    np.testing.assert_array_equal(noise_bank(clips, 60_000, max_pieces=10)[0], np.tile(audio, 2)[:60_000])
    assert len(noise_bank(clips, 16_000, max_pieces=2)) == 2


def test_responses_have_unit_energy(corpus):
    bank = response_bank(read_corpus(corpus, "train"), 1000)
    assert bank.shape == (1, 1000)
    np.testing.assert_allclose(np.square(bank).sum(), 1.0, rtol=1e-5)
    assert response_bank(read_corpus(corpus, "test"), 1000).shape == (0, 1000)
