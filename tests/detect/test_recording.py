"""Recordings are read whatever their container says, or refused in one line; memory does not grow with their length."""

import io
import re
import sys
import tracemalloc

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from s3rl_jax.core.errors import UserError
from s3rl_jax.detect.recording import open_recording, open_stream
from s3rl_jax.detect.samples import ENCODINGS, decode, to_float
from tests.detect.recordings import OF_PHONES_AND_BROWSERS, PCM, chunk, readable, riff, unreadable, wave_format, write_media

SPEECH = (8000 * np.sin(np.arange(20_000) / 9)).astype("<i2")
READABLE, UNREADABLE = readable(SPEECH.tobytes()), unreadable(SPEECH.tobytes())
S16 = ENCODINGS["s16le"]


def read(path):
    with open_recording(str(path)) as recording:
        blocks = list(recording.blocks)
        assert all(block.shape[1] == recording.channels for block in blocks)
        return np.concatenate(blocks), recording.rate


def read_stream(data, encoding=S16, rate=16_000, channels=1):
    recording = open_stream(io.BytesIO(data), encoding, rate, channels, 0.16)
    return np.concatenate(list(recording.blocks)), recording.rate


@pytest.mark.parametrize("name", READABLE)
def test_a_wav_of_any_kind_gives_its_samples_from_a_file_and_from_a_pipe(tmp_path, name):
    (tmp_path / "a.wav").write_bytes(READABLE[name])
    for samples, rate in (read(tmp_path / "a.wav"), read_stream(READABLE[name])):
        assert rate == 16_000
        np.testing.assert_array_equal(samples[:, 0], SPEECH / np.float32(32768))


@pytest.mark.parametrize("name", UNREADABLE)
def test_what_is_no_sound_is_refused_in_one_line_that_names_the_file(tmp_path, name, monkeypatch):
    content, reason = UNREADABLE[name]
    (tmp_path / "a.wav").write_bytes(content)
    with pytest.raises(UserError) as error:
        read(tmp_path / "a.wav")
    assert str(error.value).startswith(f"{tmp_path}/a.wav: ")
    assert re.search(reason, str(error.value)), str(error.value)
    assert "\n" not in str(error.value)


def test_damage_is_reported(tmp_path, capsys):
    (tmp_path / "zero.wav").write_bytes(READABLE["length_zero"])
    (tmp_path / "long.wav").write_bytes(riff(chunk(b"fmt ", wave_format(PCM)), chunk(b"data", SPEECH.tobytes(), 72_000)))
    (tmp_path / "tail.wav").write_bytes(READABLE["plain"] + b"\0\1\2\3\4\5\6\7")
    assert [len(read(tmp_path / f"{name}.wav")[0]) for name in ("zero", "long", "tail")] == [20_000] * 3
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3
    assert "zero.wav: its length is given as 0" in lines[0]
    assert "long.wav: cut off: the last 1.00 s are missing" in lines[1]
    assert "tail.wav: what follows the samples" in lines[2]


def test_a_recording_that_has_to_be_whole_is_refused_where_it_is_cut_off(tmp_path, capsys):
    def length(claimed):
        (tmp_path / "a.wav").write_bytes(riff(chunk(b"fmt ", wave_format(PCM)), chunk(b"data", SPEECH.tobytes(), claimed)))
        with open_recording(str(tmp_path / "a.wav"), whole=True) as recording:
            return sum(map(len, recording.blocks))

    with pytest.raises(UserError, match=r"a\.wav: cut off: the last 1\.00 s are missing"):
        length(72_000)
    assert length(40_100) == 20_000, "a recorder that counted a little too many"
    for streamed in (0x7FFFF000, 0x80000000, 0xFFFFFFFF):
        assert length(streamed) == 20_000, "written to a pipe"
    assert len(capsys.readouterr().err.splitlines()) == 1


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"])
@pytest.mark.parametrize("container", ["WAV", "WAVEX", "RF64", "FLAC", "OGG"])
def test_files_are_read_as_soundfile_reads_them(tmp_path, rng, subtype, container):
    if not soundfile.check_format(container, subtype if container != "OGG" else "VORBIS"):
        pytest.skip(f"there is no {subtype} in {container}")
    subtype = "VORBIS" if container == "OGG" else subtype
    soundfile.write(tmp_path / "a", rng.uniform(-0.9, 0.9, (50_000, 2)), 44_100, subtype, format=container)
    expected, _ = soundfile.read(tmp_path / "a", dtype="float32")
    samples, rate = read(tmp_path / "a")
    assert rate == 44_100
    np.testing.assert_allclose(samples, expected, atol=1e-6)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(sorted(READABLE)), st.data())
def test_any_damage_is_read_or_refused(tmp_path_factory, name, data):
    content = bytearray(READABLE[name])
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, 120))] = data.draw(st.integers(0, 255))
    content = bytes(content[: data.draw(st.integers(0, len(content)))])
    path = tmp_path_factory.mktemp("damaged") / "a.wav"
    path.write_bytes(content)
    for reading in (lambda: read(path), lambda: read_stream(content)):
        try:
            samples, message = reading()[0], ""
        except UserError as error:
            samples, message = np.zeros(0), str(error)
        assert np.isfinite(samples).all()
        assert "\n" not in message


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(sorted(ENCODINGS)), st.integers(1, 3), st.binary(max_size=9000))
def test_any_bytes_are_raw_samples_or_refused(name, channels, data):
    try:
        samples, rate = read_stream(data, ENCODINGS[name], 8000, channels)
    except UserError as error:
        assert re.search("standard input: ", str(error))  # noqa: PT017 - either is right
        return
    assert samples.dtype == np.float32
    assert len(samples) > 0
    assert samples.shape[1] == channels or rate != 8000


@pytest.mark.parametrize("name", ENCODINGS)
def test_raw_samples_of_every_encoding(name):
    encoding, levels = ENCODINGS[name], np.array([-1, -0.5, 0, 0.25], np.float64)
    if encoding.kind == "f":
        data = levels.astype(f"<f{encoding.bytes}").tobytes()
    else:
        offset = 128 if encoding.kind == "u" else 0
        steps = (levels * 2 ** (encoding.bits - 1)).astype(int) + offset
        data = b"".join(int(step).to_bytes(encoding.bytes, "little", signed=encoding.kind == "s") for step in steps)
    np.testing.assert_array_equal(decode(data + b"\1" * (encoding.bytes - 1), encoding, 2), levels.reshape(2, 2))


def test_arrays_are_scaled_by_their_type():
    for dtype in (np.int16, np.int32):
        levels = np.array([np.iinfo(dtype).min, 0, 2 ** (np.iinfo(dtype).bits - 2)], dtype)
        np.testing.assert_array_equal(to_float(levels), np.float32([-1, 0, 0.5]))
    np.testing.assert_array_equal(to_float(np.array([0, 128, 192], np.uint8)), np.float32([-1, 0, 0.5]))
    for dtype in (np.float16, np.float32, np.float64):
        np.testing.assert_array_equal(to_float(np.array([-1, 0.5], dtype)), np.float32([-1, 0.5]))


@pytest.mark.parametrize(
    "samples",
    [np.zeros(3, np.int64), np.zeros(3, complex), np.array([np.nan]), np.array([np.inf]), np.array([1e18])],
)
def test_arrays_that_are_no_sound_are_refused(samples):
    with pytest.raises(ValueError, match="expected "):
        to_float(samples)


def test_an_hour_takes_no_more_memory_than_a_minute(tmp_path):
    peaks = []
    for seconds in (60, 1200):
        data = bytes(2 * 16_000)
        with open(tmp_path / "a.wav", "wb") as file:
            file.write(riff(chunk(b"fmt ", wave_format(PCM)), chunk(b"data", b"", 32_000 * seconds)))
            for _ in range(seconds):
                file.write(data)
        tracemalloc.start()
        with open_recording(str(tmp_path / "a.wav")) as recording:
            assert sum(len(block) for block in recording.blocks) == 16_000 * seconds
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0]


def test_a_folder_a_pipe_and_a_missing_file_are_named(tmp_path):
    for path, reason in ((tmp_path, "not a file"), (tmp_path / "none.wav", "cannot be read: No such file")):
        with pytest.raises(UserError, match=f"{path}: {reason}"):
            read(path)


@pytest.mark.parametrize("name", OF_PHONES_AND_BROWSERS)
def test_what_phones_and_browsers_record_is_read_to_its_end(tmp_path, name):
    rng = np.random.default_rng(0)
    seconds = 12
    loudness = np.repeat(rng.uniform(0.01, 0.3, 4 * seconds), 4000)
    write_media(tmp_path / name, loudness * np.sin(np.arange(16_000 * seconds) / 5))
    samples, rate = read(tmp_path / name)
    assert len(samples) / rate == pytest.approx(seconds, abs=0.1)
    energy = np.array([np.square(part).mean() for part in np.array_split(samples.mean(axis=1), 4 * seconds)])
    expected = np.array([np.square(part).mean() for part in np.array_split(loudness, 4 * seconds)])
    assert np.corrcoef(energy, expected)[0, 1] > 0.9


def test_a_video_without_sound_and_a_missing_extra_are_named(tmp_path, monkeypatch):
    (tmp_path / "a.m4a").write_bytes(b"\0\0\0\x18ftypM4A \0\0\0\0isomM4A ")
    with pytest.raises(UserError, match=r"a\.m4a: not readable as audio: not a WAV file; "):
        read(tmp_path / "a.m4a")
    monkeypatch.setitem(sys.modules, "av", None)
    monkeypatch.setitem(sys.modules, "soundfile", None)
    with pytest.raises(UserError, match=r"pip install soundfile; .*pip install 's3rl_jax\[media\]'"):
        read(tmp_path / "a.m4a")
