"""Enrolment by its command: the enrolled voice is detected, another one is not; mistakes are one line."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from s3rl_jax.core.errors import UserError
from s3rl_jax.detect.detector import Detector
from s3rl_jax.detect.voice import VoiceModel
from s3rl_jax.enrol.enrolment import enrol
from s3rl_jax.export.file_format import FileFormat
from tests.conftest import run_module
from tests.export.test_build import untrained, write_untrained

WIDTH = 16  # of the toy student


def tone(rng, pitch: float, seconds: float = 1.5) -> np.ndarray:
    time = np.arange(int(seconds * 16_000)) / 16_000
    return (0.2 * np.sin(2 * np.pi * pitch * time) + 0.001 * rng.standard_normal(len(time))).astype(np.float32)


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> str:
    """An untrained detector that fires at everything; its voice is the student's mean output as it is."""
    path = tmp_path_factory.mktemp("model") / "alexa.tflite"
    voice = {"mean": [0.0] * WIDTH, "projection": np.eye(WIDTH).tolist(), "threshold": 0.999}
    write_untrained(path, FileFormat(streaming=True, voice=True), threshold={"0.5": 0.0}, voice=voice)
    return str(path)


@pytest.fixture(scope="module")
def recordings(tmp_path_factory) -> list[str]:
    folder, rng = tmp_path_factory.mktemp("recordings"), np.random.default_rng(0)
    for i in range(3):
        soundfile.write(folder / f"{i}.wav", tone(rng, 300), 16_000)
    return [str(folder / f"{i}.wav") for i in range(3)]


@pytest.fixture(scope="module")
def enrolled(model, recordings, tmp_path_factory) -> str:
    path = tmp_path_factory.mktemp("enrolled") / "me.json"
    done = run_module("enrol", model, *recordings, f"--out={path}")
    assert done.returncode == 0, done.stderr
    assert "--enrolled=" in done.stdout
    return str(path)


def test_the_voice_is_the_mean_of_the_recordings(model, recordings, enrolled):
    voice, detector = VoiceModel(model), Detector(model)
    units = []
    for name in recordings:
        sound, _ = soundfile.read(name, dtype="float32")
        detector.reset()
        end = round(detector.process(sound)[0].seconds * 16_000)
        window = np.zeros(voice.window, np.float32)
        window[-end:] = sound[:end][-voice.window :]
        units.append(voice.unit(window))
    mean = np.mean(units, axis=0)
    fields = json.loads(Path(enrolled).read_text())
    np.testing.assert_allclose(fields["voice"], mean / np.linalg.norm(mean), atol=1e-6)
    assert fields["recordings"] == 3


def test_only_the_enrolled_voice_is_detected(model, enrolled, rng):
    mine, another = tone(rng, 300), tone(rng, 3000)
    assert Detector(model).process(another)
    assert Detector(model, enrolled=enrolled).process(mine)
    assert not Detector(model, enrolled=enrolled).process(another)


def test_detect_takes_it(model, enrolled, recordings, tmp_path, rng):
    soundfile.write(tmp_path / "another.wav", tone(rng, 3000), 16_000)
    done = run_module("detect", model, recordings[0], str(tmp_path / "another.wav"), f"--enrolled={enrolled}")
    assert done.returncode == 0, done.stderr
    assert {json.loads(line)["file"] for line in done.stdout.splitlines()} == {recordings[0]}


def test_a_recording_of_another_person_is_named(model, recordings, tmp_path, rng):
    soundfile.write(tmp_path / "another.wav", tone(rng, 3000), 16_000)
    result = enrol(model, [*recordings, str(tmp_path / "another.wav")], tmp_path / "me.json")
    assert str(tmp_path / "another.wav") in result.farthest


def test_a_recording_without_the_keyword_is_named_and_nothing_is_written(recordings, tmp_path):
    voice = {"mean": [0.0] * WIDTH, "projection": np.eye(WIDTH).tolist(), "threshold": 0.5}
    write_untrained(tmp_path / "deaf.tflite", FileFormat(streaming=True, voice=True), threshold={"0.5": 2.0}, voice=voice)
    with pytest.raises(UserError, match=r"0.wav, .*1.wav, .*2.wav: alexa was not heard"):
        enrol(str(tmp_path / "deaf.tflite"), recordings, tmp_path / "me.json")
    assert not (tmp_path / "me.json").exists()


def test_a_recording_that_cannot_be_read_is_named(model, recordings, tmp_path):
    (tmp_path / "broken.wav").write_bytes(b"RIFF" + bytes(300))
    for name in (str(tmp_path / "broken.wav"), str(tmp_path / "missing.wav"), str(tmp_path)):
        with pytest.raises(UserError, match=f"^{name}: "):
            enrol(model, [*recordings, name], tmp_path / "me.json")


def test_a_model_without_a_voice_is_refused(recordings, tmp_path):
    write_untrained(tmp_path / "plain.tflite", FileFormat(streaming=True))
    with pytest.raises(UserError, match=r"cannot tell voices apart; expected a file of python -m s3rl_jax.export --voice"):
        enrol(str(tmp_path / "plain.tflite"), recordings, tmp_path / "me.json")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("{", "not a file that s3rl_jax.enrol wrote"),
        ("[]", "not a file that s3rl_jax.enrol wrote"),
        ('{"sha256": "another", "voice": [1.0]}', "of another model"),
        ('{"sha256": "SHA", "voice": [1.0]}', "not a file that s3rl_jax.enrol wrote for this model"),
        ('{"sha256": "SHA", "voice": "me"}', "not a file that s3rl_jax.enrol wrote"),
        (None, "cannot be read"),
    ],
)
def test_a_damaged_file_is_named(model, tmp_path, content, reason):
    path = tmp_path / "me.json"
    if content is not None:
        path.write_text(content.replace("SHA", VoiceModel(model).sha256))
    with pytest.raises(UserError, match=f"{path}: .*{reason}"):
        Detector(model, enrolled=str(path))


def test_too_few_recordings_are_one_line_and_status_two(model, recordings, tmp_path):
    for given in (recordings[:2], recordings[:1] * 3):
        done = run_module("enrol", model, *given, f"--out={tmp_path}/me.json")
        assert (done.returncode, len(done.stderr.strip().splitlines())) == (2, 1)
        assert "expected 3 to 10 different ones" in done.stderr


def test_the_window_of_the_model_is_the_detector_s(model):
    assert VoiceModel(model).window == untrained("conv_toy")[0].clip
