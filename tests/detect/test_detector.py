import csv
import json
import subprocess
import sys
import wave
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from s3rl_jax.core.errors import UserError
from s3rl_jax.detect.detector import Detector
from s3rl_jax.detect.firing import REFRACTORY_SECONDS, firings, smooth
from s3rl_jax.detect.wave import read_wave
from s3rl_jax.evaluate.scoring import stream_scorer
from s3rl_jax.export.conversion import to_tflite
from s3rl_jax.export.signatures import Signature
from s3rl_jax.models.detector import keyword_model
from s3rl_jax.runs.params import read_params
from s3rl_jax.runs.workdir import read_config
from tests.conftest import ROOT, run_module, tone_word


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
    detections = detector.process(samples / 32768)
    model = keyword_model(read_config(chain["detector"], "--workdir"), 2)
    posteriors = stream_scorer(model, read_params(chain["detector"], "--workdir"))(samples)
    np.testing.assert_allclose(np.stack(detector.posteriors), posteriors, atol=1e-4)
    refractory = round(REFRACTORY_SECONDS * 16_000 / detector.hop)
    fired = firings(smooth(posteriors)[:, 1], detector.threshold, refractory)
    assert [round(d.seconds * 16_000 / detector.hop) - 1 for d in detections] == fired.tolist()


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


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT"])
def test_wav_of_any_width_is_read_as_soundfile_reads_it(tmp_path, rng, subtype):
    soundfile.write(tmp_path / "a.wav", rng.uniform(-0.9, 0.9, (500, 2)), 16_000, subtype=subtype)
    expected, _ = soundfile.read(tmp_path / "a.wav", dtype="float32")
    np.testing.assert_allclose(read_wave(str(tmp_path / "a.wav"), 16_000), expected.mean(axis=1), atol=1e-6)


def test_bad_recordings_get_a_line_each_and_the_others_are_heard(chain, recording, tmp_path):
    soundfile.write(tmp_path / "rate.wav", np.zeros(100), 8000)
    soundfile.write(tmp_path / "nan.wav", np.full(100, np.nan), 16_000, subtype="FLOAT")
    (tmp_path / "text.wav").write_text("no audio")
    with wave.open(str(tmp_path / "empty.wav"), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
    names = [str(tmp_path / f"{name}.wav") for name in ("rate", "nan", "text", "empty", "missing")]
    done = run_module("detect", chain["model.tflite"], *names, recording)
    assert done.returncode == 2
    assert json.loads(done.stdout.splitlines()[0])["keyword"] == "alexa"
    lines = done.stderr.splitlines()
    for name, reason in zip(names, ("8000 Hz", "NaN", "not readable", "no samples", "cannot be read"), strict=True):
        assert any(name in line and reason in line for line in lines), (name, lines)
    assert "Traceback" not in done.stderr


@settings(max_examples=40, deadline=None)
@given(st.binary(max_size=120))
def test_any_wav_header_is_read_or_refused(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("fuzz") / "a.wav"
    path.write_bytes(b"RIFF\x40\x00\x00\x00WAVEfmt \x10\x00\x00\x00" + content)
    try:
        samples, message = read_wave(str(path), 16_000), str(path)
    except UserError as error:
        samples, message = np.zeros(0), str(error)
    assert np.isfinite(samples).all()
    assert str(path) in message


def test_a_model_of_another_project_is_named(chain, tmp_path):
    other = Signature("serve", lambda arrays: {"posteriors": arrays["image"] * 2}, {"image": (1, 4)})
    (tmp_path / "m.tflite").write_bytes(to_tflite([other]))
    beside = Path(chain["model.tflite"]).with_suffix(".json").read_text()
    (tmp_path / "m.json").write_text(beside)
    with pytest.raises(UserError, match="no signature detect that takes audio"):
        Detector(str(tmp_path / "m.tflite"))
    fields = json.loads(beside) | {"hop": 1600, "labels": ["", "alexa", "computer"]}
    (tmp_path / "m.json").write_text(json.dumps(fields))
    (tmp_path / "m.tflite").write_bytes(Path(chain["model.tflite"]).read_bytes())
    with pytest.raises(UserError, match=r"its \.json"):
        Detector(str(tmp_path / "m.tflite"))


def test_several_channels_are_reported(tmp_path, capsys):
    soundfile.write(tmp_path / "a.wav", np.zeros((500, 6)), 16_000)
    assert read_wave(str(tmp_path / "a.wav"), 16_000).shape == (500,)
    assert "6 channels; their mean is heard" in capsys.readouterr().err


def test_models_that_are_none_are_named(chain, tmp_path, recording):
    (tmp_path / "m.tflite").write_bytes(b"nothing")
    with pytest.raises(UserError, match=r"m\.json: no such file"):
        Detector(str(tmp_path / "m.tflite"))
    (tmp_path / "m.json").write_text("{}")
    with pytest.raises(UserError, match="not a description"):
        Detector(str(tmp_path / "m.tflite"))
    fields = json.loads(Path(chain["model.tflite"]).with_suffix(".json").read_text())
    (tmp_path / "m.json").write_text(json.dumps(fields))
    with pytest.raises(UserError, match="not a model"):
        Detector(str(tmp_path / "m.tflite"))
    with pytest.raises(UserError, match="7 false accepts an hour"):
        Detector(chain["model.tflite"], "7")
    with pytest.raises(UserError, match="no such file"):
        Detector(str(tmp_path / "other.tflite"))
    with pytest.raises(ValueError, match="finite"):
        Detector(chain["model.tflite"]).process(np.array([np.nan]))
