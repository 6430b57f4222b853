import numpy as np
import pytest
from ml_collections import ConfigDict

from s3rl_jax.data.corpus import in_memory, read_corpus
from s3rl_jax.data.crops import Crops
from s3rl_jax.data.order import records_at
from s3rl_jax.data.pipeline import batches
from s3rl_jax.data.windows import Windows, keyword_labels, loudest, parse_keywords
from s3rl_jax.errors import UserError

SETTINGS = ConfigDict({"positive_fraction": 0.5, "noise_fraction": 0.125, "context_probability": 0.5})


@pytest.fixture(scope="module")
def clips(corpus):
    return in_memory(read_corpus(corpus, "train"))


@pytest.fixture(scope="module")
def crops(clips):
    return Crops.of(clips, 8000, batch_size=8, seed=3, shortest=1000)


@pytest.fixture(scope="module")
def windows(clips):
    return Windows.of(clips, ("alexa",), 16_000, 16, 3, SETTINGS)


def test_every_epoch_has_every_record_once():
    positions = np.arange(30)
    for epoch in range(3):
        order = records_at(0, positions[epoch * 10 : epoch * 10 + 10], 10)
        assert sorted(order) == list(range(10))
    assert not np.array_equal(records_at(0, positions[:10], 10), records_at(0, positions[10:20], 10))
    np.testing.assert_array_equal(records_at(0, np.array([25]), 10), records_at(0, positions, 10)[25:26])


@pytest.mark.parametrize("name", ["crops", "windows"])
def test_a_batch_is_a_pure_function_and_hosts_share_it(name, request):
    source = request.getfixturevalue(name)
    whole = source.batch(5, range(source.batch_size))
    again = source.batch(5, range(source.batch_size))
    half = source.batch_size // 2
    parts = [source.batch(5, range(half)), source.batch(5, range(half, 2 * half))]
    for key, value in whole.items():
        np.testing.assert_array_equal(value, again[key])
        np.testing.assert_array_equal(value, np.concatenate([part[key] for part in parts]))
    assert not np.array_equal(whole["audio"], source.batch(6, range(source.batch_size))["audio"])


def test_crops_are_cut_out_of_recordings(clips, crops):
    batch = crops.batch(0, range(8))
    recordings = [clips.audio(row).tobytes() for row in range(len(clips))]
    for audio, length in zip(batch["audio"], batch["length"], strict=True):
        assert any(audio[:length].tobytes() in recording for recording in recordings)
        assert not audio[length:].any()


def test_a_minute_counts_the_same_in_short_and_in_long_recordings(clips, crops):
    row = int(np.argmax(np.where(clips.columns["kind"] == "speech", clips.columns["samples"], 0)))
    assert (crops.recordings == row).sum() == clips.columns["samples"][row] // 8000


def test_positives_hold_the_word_at_any_place(clips, windows):
    places = []
    for step in range(12):
        batch = windows.batch(step, range(16))
        assert batch["label"].sum() == 8
        for audio in batch["audio"][batch["label"] == 1]:
            # The chirp's energy is centred: 90 % of it within its own length, wholly inside the window.
            energy = np.cumsum(np.square(audio.astype(float)))
            places.append(int(np.searchsorted(energy, energy[-1] / 2)))
    assert min(places) < 16_000 * 0.35
    assert max(places) > 16_000 * 0.65


def test_what_surrounds_a_clip_tells_nothing_of_the_label(windows):
    # Edges of clips (digital silence beside sound) must be as frequent in positives as in negatives.
    silent = {0: [], 1: []}
    for step in range(40):
        batch = windows.batch(step, range(10))  # rows 0-7 are positive, 8-9 noise
        speech = windows.batch(step, range(10, 16))
        silent[1] += [(audio == 0).mean() > 0.05 for audio in batch["audio"][:8]]
        silent[0] += [(audio == 0).mean() > 0.05 for audio in speech["audio"]]
    assert abs(np.mean(silent[0]) - np.mean(silent[1])) < 0.15


def test_labels_that_hold_the_keyword_are_neither(clips):
    from dataclasses import replace

    columns = {"label": np.array(["Alexa", "alexa turn on", "alexandra", "", "stop"])}
    assert keyword_labels(replace(clips, columns=columns), ("alexa", "stop")).tolist() == [1, -1, 0, 0, 2]


def test_a_keyword_that_is_not_there_is_named_with_what_is(clips):
    with pytest.raises(UserError, match=r"config\.keyword=zorro.*alexa"):
        Windows.of(clips, ("zorro",), 16_000, 16, 0, SETTINGS)
    assert parse_keywords(" Alexa, hey computer ") == ("alexa", "hey computer")
    with pytest.raises(UserError, match=r"config\.keyword"):
        parse_keywords(" , ")


def test_the_loudest_stretch_is_found():
    audio = np.zeros(1000, np.int16)
    audio[600:650] = 100
    start, stop = loudest(audio, 0, 1000, 50)
    assert (start, stop) == (600, 650)


def test_tf_data_and_memory_give_the_same_batches_from_any_step(crops):
    def make(step):
        return crops.batch(step, range(8))

    for from_memory in (True, False):
        got = list(batches(make, 3, 7, from_memory))
        assert len(got) == 4
        for step, batch in enumerate(got, start=3):
            for key, value in make(step).items():
                np.testing.assert_array_equal(batch[key], value)
