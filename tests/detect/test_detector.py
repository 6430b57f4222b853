import csv
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st

from s3rl_jax.core.errors import UserError
from s3rl_jax.detect.description import read_model
from s3rl_jax.detect.detector import Detector
from s3rl_jax.detect.firing import detections
from s3rl_jax.detect.recording import open_recording
from s3rl_jax.evaluate.scoring import stream_scorer
from s3rl_jax.export.conversion import to_tflite
from s3rl_jax.export.signatures import Signature
from s3rl_jax.models.detector import keyword_model
from s3rl_jax.runs.params import read_params
from s3rl_jax.runs.workdir import read_config
from tests.conftest import ROOT, run_module, tone_word
from tests.detect.recordings import unreadable, write_media


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    """Twelve seconds of other words and noise with the keyword at 6 s."""
    rng = np.random.default_rng(5)
    audio = 0.003 * rng.standard_normal(12 * 16_000)
    for second in (1, 3, 9):
        audio[second * 16_000 :][:9600] += tone_word(rng, "banana")
    audio[6 * 16_000 :][:9600] += tone_word(rng, "alexa")
    path = tmp_path_factory.mktemp("recording") / "kitchen.wav"
    soundfile.write(path, audio, 16_000, subtype="PCM_16")
    return str(path)


def test_the_keyword_is_printed_at_the_right_second(chain, recording, tmp_path):
    done = run_module("detect", chain["model.tflite"], recording, f"--scores={tmp_path}/s.csv")
    assert done.returncode == 0, done.stderr
    detections = [json.loads(line) for line in done.stdout.splitlines()]
    assert detections, "the keyword was not heard"
    assert all(set(line) == {"file", "time", "keyword", "score"} for line in detections)
    assert all(line["keyword"] == "alexa" and 6.0 < line["time"] < 8.2 for line in detections), detections
    rows = list(csv.DictReader((tmp_path / "s.csv").read_text().splitlines()))
    assert len(rows) == 12 * 16_000 // 2560
    assert list(rows[0]) == ["file", "time", "label", "posterior"]
    assert float(rows[-1]["time"]) == pytest.approx(len(rows) * 0.16)


def test_raw_samples_on_standard_input_give_the_same(chain, recording):
    samples, _ = soundfile.read(recording, dtype="int16")
    from_file = run_module("detect", chain["model.tflite"], recording).stdout
    piped = run_module("detect", chain["model.tflite"], "-", input=samples.astype("<i2").tobytes(), text=False).stdout
    times = [[json.loads(line)["time"] for line in text.splitlines()] for text in (from_file, piped)]
    assert times[0] == times[1]


def test_the_device_scores_as_the_evaluation_does(chain, recording):
    samples, _ = soundfile.read(recording, dtype="int16")
    detector = Detector(chain["stream.tflite"])
    detected = detector.process(samples / 32768)
    model = keyword_model(read_config(chain["detector"], "--workdir"), 2)
    posteriors = stream_scorer(model, read_params(chain["detector"], "--workdir"))(samples)
    np.testing.assert_allclose(np.stack(detector.posteriors), posteriors, atol=1e-4)
    fired = np.flatnonzero(detections(posteriors, read_model(chain["stream.tflite"])[2].rule()))
    assert [round(d.seconds * 16_000 / detector.hop) - 1 for d in detected] == fired.tolist()


@pytest.mark.parametrize("file", ["model.tflite", "stream.tflite", "int8.tflite"])
@settings(max_examples=5, deadline=None)
@given(st.lists(st.integers(0, 9000), min_size=1, max_size=6))
def test_any_chunking_gives_the_same_posteriors(chain, recording, file, cuts):
    samples, _ = soundfile.read(recording, dtype="float32")
    samples = samples[:32_000]
    whole, parts = Detector(chain[file]), Detector(chain[file])
    whole.process(samples)
    posteriors = []
    for chunk in np.split(samples, np.cumsum(cuts)[np.cumsum(cuts) < len(samples)]):
        parts.process(chunk)
        posteriors += parts.posteriors
    np.testing.assert_array_equal(np.stack(posteriors), np.stack(whole.posteriors))


def test_detection_imports_neither_jax_nor_tensorflow(chain, recording):
    code = "import sys; from s3rl_jax.detect.__main__ import main; main(); print(*sys.modules, sep='\\n', file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-c", code, chain["model.tflite"], recording], cwd=ROOT, capture_output=True, text=True, check=True
    )
    packages = {name.split(".")[0] for name in done.stderr.splitlines()}
    assert "ai_edge_litert" in packages
    assert not packages & {"jax", "jaxlib", "flax", "tensorflow", "librosa", "scipy", "soundfile"}


def resampled(samples, rate):
    return soxr.resample(samples, 16_000, rate)


def channels(*gains):
    return lambda samples: samples[:, None] * np.array(gains, samples.dtype)


AS_PEOPLE_HAVE_IT = {
    "int16": (None, lambda samples: (samples * 32768).astype(np.int16)),
    "int32": (None, lambda samples: (samples * 32768).astype(np.int32) * 65_536),
    "float64": (None, lambda samples: samples.astype(np.float64)),
    "antiphase": (None, channels(1, -1)),
    "right channel only": (None, channels(0, 1)),
    "44.1 kHz": (44_100, lambda samples: resampled(samples, 44_100)),
    "48 kHz, stereo, int16": (48_000, lambda samples: (channels(1, 1)(resampled(samples, 48_000)) * 32_000).astype(np.int16)),
}


@pytest.fixture(scope="module")
def minute(chain):
    """A minute of noise and words, four of them the keyword, and its detections."""
    rng = np.random.default_rng(6)
    samples = (0.003 * rng.standard_normal(60 * 16_000)).astype(np.float32)
    for place in range(15):
        samples[round((4 * place + 1.3) * 16_000) :][:9600] += tone_word(rng, "alexa" if place % 4 == 1 else "banana")
    detections = Detector(chain["stream.tflite"]).process(samples)
    assert len(detections) == 4
    return samples, detections


@pytest.mark.parametrize("name", AS_PEOPLE_HAVE_IT)
def test_the_same_minute_in_any_form_is_detected_within_a_hop(chain, minute, name):
    samples, expected = minute
    rate, convert = AS_PEOPLE_HAVE_IT[name]
    detector = Detector(chain["stream.tflite"], rate=rate)
    converted = np.split(convert(samples), [1234, 30_000, 30_001])
    check_within_a_hop([d for part in converted for d in detector.process(part)] + detector.flush(), expected)


@pytest.mark.parametrize("name", ["voice_memo.m4a", "browser.webm", "opus_48k.ogg", "clip.mp4"])
def test_the_same_minute_of_a_phone_or_browser_is_detected_within_a_hop(chain, minute, tmp_path, name):
    samples, expected = minute
    write_media(tmp_path / name, samples)
    with open_recording(str(tmp_path / name)) as recording:
        detector = Detector(chain["stream.tflite"], rate=recording.rate)
        check_within_a_hop([d for block in recording.blocks for d in detector.process(block)] + detector.flush(), expected)


def check_within_a_hop(detections, expected):
    assert len(detections) == len(expected)
    for ours, theirs in zip(detections, expected, strict=True):
        assert ours.keyword == theirs.keyword
        assert abs(ours.seconds - theirs.seconds) <= 0.1601


def test_a_word_at_the_very_end_is_detected(chain):
    rng = np.random.default_rng(5)
    audio = (0.003 * rng.standard_normal(4 * 16_000 + 1000)).astype(np.float32)
    audio[-9700:-100] += tone_word(rng, "alexa")
    detector = Detector(chain["stream.tflite"])
    detections = detector.process(audio)
    assert detector.score < 0.8
    detections += detector.flush()
    assert [d.keyword for d in detections] == ["alexa"]
    assert detections[0].seconds <= len(audio) / 16_000


def test_a_channel_is_chosen(chain, recording):
    samples, _ = soundfile.read(recording, dtype="float32")
    noise = (0.003 * np.random.default_rng(1).standard_normal(len(samples))).astype(np.float32)
    frames = np.stack([noise, samples], 1)
    assert not Detector(chain["stream.tflite"], channel=0).process(frames)
    assert Detector(chain["stream.tflite"], channel=1).process(frames)
    with pytest.raises(ValueError, match="no channel 2; there are 2"):
        Detector(chain["stream.tflite"], channel=2).process(frames)


def test_raw_samples_of_another_kind_on_standard_input(chain, recording):
    samples, _ = soundfile.read(recording, dtype="float32")
    stereo = channels(1, 1)(resampled(samples, 48_000)).astype("<f4").tobytes()
    flags = ("--rate=48000", "--channels=2", "--format=f32le", "-")
    from_file = run_module("detect", chain["model.tflite"], recording).stdout
    piped = run_module("detect", chain["model.tflite"], *flags, input=stereo, text=False)
    times = [[json.loads(line)["time"] for line in text.splitlines()] for text in (from_file, piped.stdout)]
    assert len(times[0]) == len(times[1]) > 0
    np.testing.assert_allclose(*times, atol=0.161)


def test_bad_recordings_get_a_line_each_and_the_others_are_heard(chain, recording, tmp_path):
    bad = unreadable((8000 * np.sin(np.arange(2000) / 9)).astype("<i2").tobytes())
    for name, (content, _) in bad.items():
        (tmp_path / f"{name}.wav").write_bytes(content)
    soundfile.write(tmp_path / "short.wav", np.zeros(100), 8000)
    names = [str(tmp_path / f"{name}.wav") for name in (*bad, "missing")]
    scores = f"--scores={tmp_path}/s.csv"
    done = run_module("detect", chain["model.tflite"], scores, *names, str(tmp_path / "short.wav"), recording)
    assert done.returncode == 2
    assert json.loads(done.stdout.splitlines()[0])["keyword"] == "alexa"
    lines = [line for line in done.stderr.splitlines() if not line.startswith("INFO:")]
    for name, reason in zip(names, [*(reason for _, reason in bad.values()), "cannot be read"], strict=True):
        (line,) = [line for line in lines[:-1] if line.startswith(f"error: {name}: ")]
        assert re.search(reason, line), line
    assert any("short.wav: 0.013 s, shorter than a hop of 0.16 s" in line for line in lines)
    assert lines[-1].startswith(f"error: {len(names)} of {len(names) + 2} not read: ")
    assert "Traceback" not in done.stderr
    rows = list(csv.DictReader((tmp_path / "s.csv").read_text().splitlines()))
    assert [row["time"] for row in rows if row["file"].endswith("short.wav")] == ["0.160"]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["{model}"], "expected either files"),
        (["{model}", "-", "--rate=1"], "--rate=1: expected a whole number, 4000 to 384000"),
        (["{model}", "-", "--channels=0"], "--channels=0: expected a whole number, 1 to 64"),
        (["{model}", "-", "--channel=-1"], "--channel=-1: expected a whole number, 0 to 63"),
        (["{model}", "-", "--format=mp3"], "--format='mp3': expected one of u8, s16le"),
        (["{model}", "--scores=/proc/x.csv", "-"], "--scores=/proc/x.csv: cannot be written"),
        (["{model}", "{folder}"], "not a file"),
        (["{model}", "--wyoming="], "--wyoming=: no such protocol"),
    ],
)
def test_mistakes_end_with_one_line_and_status_two(chain, tmp_path, arguments, named):
    arguments = [argument.format(model=chain["stream.tflite"], folder=tmp_path) for argument in arguments]
    done = run_module("detect", *arguments, stdin=subprocess.DEVNULL)
    assert done.returncode == 2
    assert named in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
def test_a_full_disk_is_one_line_and_status_one(chain, recording):
    for arguments in ([recording], ["--scores=/dev/full", recording]):
        with open("/dev/full", "w") as full:
            command = [sys.executable, "-m", "s3rl_jax.detect", chain["model.tflite"], *arguments]
            done = subprocess.run(command, cwd=ROOT, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
        assert done.returncode == 1
        assert done.stderr.splitlines()[-1].endswith("No space left on device")
        assert "Traceback" not in done.stderr


def fields_without_digest(model):
    """As an older version wrote them: what is wrong with the model itself is then found by the runtime."""
    fields = json.loads(Path(model).with_suffix(".json").read_text())
    del fields["sha256"], fields["keywords"]
    return fields


def test_a_model_of_another_project_is_named(chain, tmp_path):
    other = Signature("serve", lambda arrays: {"posteriors": arrays["image"] * 2}, {"image": (1, 4)})
    (tmp_path / "m.tflite").write_bytes(to_tflite([other]))
    fields = fields_without_digest(chain["model.tflite"])
    (tmp_path / "m.json").write_text(json.dumps(fields))
    with pytest.raises(UserError, match="no signature detect that takes audio"):
        Detector(str(tmp_path / "m.tflite"))
    fields |= {"hop": 1600, "labels": ["", "alexa", "computer"]}
    (tmp_path / "m.json").write_text(json.dumps(fields))
    (tmp_path / "m.tflite").write_bytes(Path(chain["model.tflite"]).read_bytes())
    with pytest.raises(UserError, match=r"its \.json"):
        Detector(str(tmp_path / "m.tflite"))


def test_models_that_are_none_are_named(chain, tmp_path, recording):
    (tmp_path / "m.tflite").write_bytes(b"nothing")
    with pytest.raises(UserError, match=r"m\.json: no such file"):
        Detector(str(tmp_path / "m.tflite"))
    (tmp_path / "m.json").write_text("{}")
    with pytest.raises(UserError, match="not a description"):
        Detector(str(tmp_path / "m.tflite"))
    fields = fields_without_digest(chain["model.tflite"])
    (tmp_path / "m.json").write_text(json.dumps(fields))
    with pytest.raises(UserError, match="not a model"):
        Detector(str(tmp_path / "m.tflite"))
    with pytest.raises(UserError, match="7 false accepts an hour"):
        Detector(chain["model.tflite"], "7")
    with pytest.raises(UserError, match="no such file"):
        Detector(str(tmp_path / "other.tflite"))
    with pytest.raises(ValueError, match="finite"):
        Detector(chain["model.tflite"]).process(np.array([np.nan]))
