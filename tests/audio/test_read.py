import numpy as np
import pytest
import soundfile

from s3rl_jax.audio.read import UnreadableAudio, read_audio, to_int16
from tests.detect.recordings import OF_PHONES_AND_BROWSERS, PCM, chunk, readable, riff, wave_format, write_media

SAMPLES = (8000 * np.sin(np.arange(20_000) / 9)).astype("<i2")
READABLE = readable(SAMPLES.tobytes())


def chirp(rate, seconds=0.5):
    time = np.arange(int(rate * seconds)) / rate
    return 0.4 * np.sin(2 * np.pi * (300 + 400 * time) * time)


@pytest.mark.parametrize("suffix", ["wav", "flac"])
def test_sixteen_bit_files_come_through_unchanged(tmp_path, rng, suffix):
    samples = rng.integers(-32768, 32767, 5000).astype(np.int16)
    soundfile.write(tmp_path / f"a.{suffix}", samples, 16_000, subtype="PCM_16")
    np.testing.assert_array_equal(read_audio(tmp_path / f"a.{suffix}"), samples)


@pytest.mark.parametrize(
    ("rate", "channels", "suffix"),
    [(8000, 1, "wav"), (44_100, 2, "flac"), (48_000, 6, "wav"), (22_050, 1, "ogg"), (44_100, 2, "mp3")],
)
def test_any_rate_and_channel_count_gives_the_same_sound(tmp_path, rate, channels, suffix):
    soundfile.write(tmp_path / f"a.{suffix}", np.tile(chirp(rate)[:, None], (1, channels)), rate)
    ours = read_audio(tmp_path / f"a.{suffix}").astype(np.float64) / 32768
    expected = chirp(16_000)
    assert abs(len(ours) - len(expected)) <= 2 * 1152
    size = min(len(ours), len(expected)) - 200
    lags = range(-30, 31) if suffix != "mp3" else range(-1500, 1500, 1)
    best = max(np.corrcoef(ours[2000 + lag : size - 2000 + lag], expected[2000 : size - 2000])[0, 1] for lag in lags)
    assert best > 0.99


def test_one_channel_can_be_chosen(tmp_path):
    stereo = np.stack([np.full(400, 0.25), np.full(400, -0.25)], axis=1)
    soundfile.write(tmp_path / "a.wav", stereo, 16_000)
    assert (read_audio(tmp_path / "a.wav", channel=0) == 8192).all()
    assert (read_audio(tmp_path / "a.wav", channel=1) == -8192).all()
    with pytest.raises(UnreadableAudio, match="no channel 2; there are 2"):
        read_audio(tmp_path / "a.wav", channel=2)


@pytest.mark.parametrize("gains", [(1, -1), (0, 1)], ids=["antiphase", "right channel only"])
def test_a_channel_is_heard_however_it_is_wired(tmp_path, gains):
    soundfile.write(tmp_path / "a.wav", np.outer(chirp(16_000), gains), 16_000, subtype="PCM_16")
    np.testing.assert_allclose(np.abs(read_audio(tmp_path / "a.wav")), np.abs(chirp(16_000)) * 32768, atol=2)


@pytest.mark.parametrize("name", READABLE)
def test_a_wav_of_any_kind_is_read_whole(tmp_path, name):
    (tmp_path / "a.wav").write_bytes(READABLE[name])
    np.testing.assert_array_equal(read_audio(tmp_path / "a.wav"), SAMPLES)


@pytest.mark.parametrize("name", OF_PHONES_AND_BROWSERS)
def test_what_phones_and_browsers_record_is_read(tmp_path, name):
    tone = 0.3 * np.sin(2 * np.pi * 440 * np.arange(64_000) / 16_000)
    write_media(tmp_path / name, tone)
    audio = read_audio(tmp_path / name) / 32768
    assert len(audio) == pytest.approx(64_000, abs=1600)
    middle = audio[16_000:48_000]
    assert np.abs(np.fft.rfft(middle)).argmax() / 2 == pytest.approx(440, abs=1)
    assert np.square(middle).mean() == pytest.approx(np.square(tone).mean(), rel=0.5)  # AMR changes a tone by 2.5 dB


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "not readable"),
        (b"no audio at all", "not readable"),
        (None, "no samples"),
        (np.array([0.0, np.nan]), "NaN"),
        (np.array([np.inf]), "NaN"),
        (np.array([8192.0, -300.0]), r"far beyond full scale.*integers stored as floats"),
        (
            riff(chunk(b"fmt ", wave_format(PCM)), chunk(b"data", bytes(32_000), 64_000)),
            r"cut off: the last 1\.00 s are missing",
        ),
    ],
)
def test_what_cannot_be_used_is_named(tmp_path, content, reason):
    path = tmp_path / "a.wav"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        soundfile.write(path, np.zeros(0) if content is None else content, 16_000, subtype="FLOAT")
    with pytest.raises(UnreadableAudio, match=reason):
        read_audio(path)


def test_full_scale_is_clipped():
    assert to_int16(np.array([1.5, -1.5, 0.0])).tolist() == [32767, -32768, 0]


@pytest.mark.parametrize("surplus", [b"", b"\0", bytes(1000)])
def test_a_file_that_libsndfile_cannot_seek_in_is_read(tmp_path, surplus):
    wave = 0.3 * np.sin(2 * np.pi * 440 * np.arange(8000) / 8000)
    soundfile.write(tmp_path / "a.wav", wave, 8000, subtype="GSM610")
    with open(tmp_path / "a.wav", "ab") as file:
        file.write(surplus)
    audio = read_audio(tmp_path / "a.wav")
    assert 16_000 <= len(audio) < 17_000
