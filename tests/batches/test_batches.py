import jax
import numpy as np
import pytest
from ml_collections import ConfigDict

from s3rl_jax.batches.crops import Crops
from s3rl_jax.batches.read_ahead import read_ahead
from s3rl_jax.batches.resident import Resident
from s3rl_jax.batches.windows import Windows
from s3rl_jax.core.errors import UserError
from s3rl_jax.corpus.corpus import read_corpus

MIXTURE = ConfigDict({"keyword": 0.5, "negative": 0.375, "noise": 0.125, "corpora": ()})
SETTINGS = ConfigDict({"mixture": MIXTURE, "context_probability": 0.5})


@pytest.fixture(scope="module")
def clips(corpus):
    return read_corpus(corpus, "train")


@pytest.fixture(scope="module")
def crops(clips):
    return Crops.of(clips, 8000, batch_size=8, seed=3, shortest=1000, settings=MIXTURE)


@pytest.fixture(scope="module")
def windows(clips):
    return Windows.of(clips, ("alexa",), 16_000, 16, 3, SETTINGS)


@pytest.mark.parametrize("hosts", [1, 2, 4])
@pytest.mark.parametrize("name", ["crops", "windows"])
def test_the_global_batch_is_the_same_for_any_number_of_hosts(name, hosts, request):
    source = request.getfixturevalue(name)
    whole = source.batch(5, range(source.batch_size))
    share = source.batch_size // hosts
    parts = [source.batch(5, range(host * share, (host + 1) * share)) for host in range(hosts)]
    for key, value in whole.items():
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
    recordings, _ = crops.index.locate(np.arange(len(crops)))
    assert (recordings == row).sum() == clips.columns["samples"][row] // 8000


def test_an_epoch_has_every_crop_once(crops):
    seen = np.concatenate([crops.numbers(step, range(8)) for step in range(-(-2 * len(crops) // 8))])
    np.testing.assert_array_equal(np.bincount(seen[: len(crops)]), np.ones(len(crops)))
    assert not np.array_equal(seen[: len(crops)], seen[len(crops) : 2 * len(crops)])


def test_fixed_crops_cover_their_recording(clips):
    fixed = Crops.of(clips, 8000, batch_size=8, seed=3, shortest=1000, settings=MIXTURE, fixed=True)
    row = int(np.argmax(np.where(clips.columns["kind"] == "speech", clips.columns["samples"], 0)))
    recordings, _ = fixed.index.locate(np.arange(len(fixed)))
    start, count = (fixed.grid_plan(np.flatnonzero(recordings == row))["pieces"][i][:, 0] for i in (1, 3))
    covered = np.concatenate([np.arange(s, s + n) for s, n in zip(start, count, strict=True)])
    assert set(covered) == set(range(clips.columns["samples"][row]))


def test_corpora_stand_in_a_batch_as_often_as_their_weights_say(corpus):
    both = read_corpus(f"{corpus},{corpus}", "train")
    mixture = ConfigDict({**MIXTURE, "corpora": (3.0, 1.0)})
    crops = Crops.of(both, 8000, 100, 0, 1000, mixture)
    recordings = np.concatenate([crops.plan(step, range(100))["pieces"].recording[:, 0] for step in range(10)])
    assert (both.columns["corpus"][recordings] == 0).sum() == 750
    windows = Windows.of(both, ("alexa",), 16_000, 100, 0, ConfigDict({**SETTINGS, "mixture": mixture}))
    plans = [windows.plan(step, range(100)) for step in range(10)]
    recordings = np.concatenate([plan["pieces"].recording[:, 0] for plan in plans])
    positive = np.concatenate([plan["label"] for plan in plans]) > 0
    assert positive.sum() == 500
    assert (both.columns["corpus"][recordings[positive]] == 0).sum() == 375
    assert (both.columns["kind"][recordings] == "noise").sum() == 125
    with pytest.raises(UserError, match=r"mixture\.corpora: 3 weights.*2 corpora"):
        Crops.of(both, 8000, 8, 0, 1000, ConfigDict({"corpora": (1.0, 1.0, 1.0)}))


@pytest.mark.parametrize("name", ["crops", "windows"])
def test_the_accelerator_cuts_what_the_disk_gives(name, request, clips):
    source = request.getfixturevalue(name)
    resident = Resident.of(clips, source.samples)
    rows = range(source.batch_size)
    for step in (0, 7):
        cut = jax.jit(resident.cut)(resident.audio, resident.locate(source.plan(step, rows)))
        wanted = source.batch(step, rows)
        assert cut.keys() == wanted.keys()
        for key, value in wanted.items():
            np.testing.assert_array_equal(cut[key], value)


def test_a_cpu_holds_the_resident_corpus_once(corpus):
    resident = Resident.of(read_corpus(corpus, "train"), 8000)
    held = jax.device_put(resident.audio, jax.devices("cpu")[0])
    assert held.unsafe_buffer_pointer() == resident.audio.ctypes.data


def test_recordings_that_do_not_fit_a_row_begin_the_next_one(clips, crops):
    resident = Resident.of(clips, 8000, row_samples=int(clips.columns["samples"].max()))
    assert resident.audio.shape[0] > 3
    cut = jax.jit(resident.cut)(resident.audio, resident.locate(crops.plan(2, range(8))))
    np.testing.assert_array_equal(cut["audio"], crops.batch(2, range(8))["audio"])


def test_positives_hold_the_word_at_any_place(clips, windows):
    places = []
    for step in range(12):
        batch = windows.batch(step, range(16))
        for audio in batch["audio"][batch["label"] == 1]:
            # The chirp's energy is centred: 90 % of it within its own length, wholly inside the window.
            energy = np.cumsum(np.square(audio.astype(float)))
            places.append(int(np.searchsorted(energy, energy[-1] / 2)))
    assert min(places) < 16_000 * 0.35
    assert max(places) > 16_000 * 0.65


def test_what_surrounds_a_clip_tells_nothing_of_the_label(windows):
    # Edges of clips (digital silence beside sound) must be as frequent in positives as in negatives.
    silent = {0: [], 1: []}
    for step in range(60):
        batch, recording = windows.batch(step, range(16)), windows.plan(step, range(16))["pieces"].recording[:, 0]
        for audio, label, kind in zip(batch["audio"], batch["label"], windows.clips.columns["kind"][recording], strict=True):
            if kind == "speech":
                silent[int(label)].append((audio == 0).mean() > 0.05)
    assert abs(np.mean(silent[0]) - np.mean(silent[1])) < 0.15


def test_a_keyword_that_is_not_there_is_named_with_what_is(clips):
    with pytest.raises(UserError, match=r"config\.keyword=zorro.*alexa"):
        Windows.of(clips, ("zorro",), 16_000, 16, 0, SETTINGS)


def test_batches_come_in_order_from_any_step(crops):
    def make(step):
        return crops.batch(step, range(8))

    got = list(read_ahead(make, 3, 7))
    assert len(got) == 4
    for step, batch in enumerate(got, start=3):
        for key, value in make(step).items():
            np.testing.assert_array_equal(batch[key], value)


def test_few_recordings_of_the_first_corpus_alone(corpus):
    clips = read_corpus(f"{corpus},{corpus}", "train")
    settings = ConfigDict({**SETTINGS.to_dict(), "keyword_clips": 5})
    windows = Windows.of(clips, ("alexa",), 24_000, 8, 3, settings)
    own = (clips.columns["label"] == "alexa") & (windows.pools.classes == 1)
    assert np.bincount(clips.columns["corpus"][own]).tolist() == [5, 12]
    assert (windows.pools.classes[(clips.columns["label"] == "alexa") & ~own] == -1).all(), "the others are used for nothing"
    other = Windows.of(clips, ("alexa",), 24_000, 8, 4, settings)
    assert (other.pools.classes != windows.pools.classes).any(), "another seed, other recordings"
    settings.keyword_clips = -1
    with pytest.raises(UserError, match=r"config\.data\.keyword_clips=-1"):
        Windows.of(clips, ("alexa",), 24_000, 8, 3, settings)
