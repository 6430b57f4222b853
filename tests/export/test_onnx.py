"""The same model as ONNX: in ONNX Runtime it gives what JAX gives, stepped for a minute, and Detector runs it."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from s3rl_jax.audio.logmel import log_mel
from s3rl_jax.core.errors import UserError
from s3rl_jax.detect.detector import Detector
from s3rl_jax.export.build import build_file
from s3rl_jax.export.calibration import calls_for
from s3rl_jax.export.file_format import FileFormat, signatures_of
from s3rl_jax.export.onnx import power_by_products
from s3rl_jax.export.parity import largest_difference, run_jax, run_onnx
from tests.conftest import run_module, tone_word
from tests.export.test_build import STREAMED, built, clips_for, untrained, write_untrained

pytest.importorskip("tf2onnx", reason="needs the extra onnx")
pytest.importorskip("onnxruntime", reason="needs the extra onnx")
FORMATS = [FileFormat(streaming=streaming, container="onnx") for streaming in (True, False)]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """conv_toy as .tflite and as .onnx, each with its .json."""
    folder = tmp_path_factory.mktemp("model")
    for name, file_format in (("a.tflite", STREAMED[0]), ("b.onnx", FORMATS[0]), ("c.onnx", FORMATS[1])):
        write_untrained(folder / name, file_format, threshold={"0.5": 0.0}, smoothing={"hops": 3}, refractory_seconds=1.0)
    return folder


@pytest.mark.parametrize("size", ["toy", "conv_toy"])
@pytest.mark.parametrize("file_format", FORMATS, ids=["stream", "detect"])
def test_a_minute_of_unseen_sound_gives_what_jax_gives(size, file_format):
    model, params = untrained(size)
    (signature,) = signatures_of(file_format, model, params)
    clips = np.concatenate([clips_for(model, seed) for seed in range(60 * 16_000 // (8 * model.clip) + 1)])
    calls = calls_for(signature, model, clips)
    answers = run_onnx(built(size, file_format).content, signature, calls)
    assert sum(call.get("samples", call.get("audio")).size for call in calls) >= 60 * 16_000
    assert largest_difference(answers, run_jax(signature, calls)) <= 1e-4


def test_the_front_end_without_a_fourier_transform_is_as_exact(rng):
    loudness = np.repeat([0.0, 1e-4, 0.01, 0.9], 4000)
    audio = (loudness * rng.standard_normal(16_000)).clip(-1, 1).astype(np.float32)
    np.testing.assert_allclose(log_mel(audio, power_by_products), log_mel(audio), atol=2e-3)


@pytest.mark.parametrize("name", ["b.onnx", "c.onnx"])
def test_the_detector_runs_it_as_it_runs_a_tflite(files, rng, name):
    audio = (0.1 * rng.standard_normal(50_000)).astype(np.float32)
    tflite, onnx = Detector(str(files / "a.tflite")), Detector(str(files / name))
    expected, ours = tflite.process(audio) + tflite.flush(), onnx.process(audio) + onnx.flush()
    if name == "b.onnx":
        assert [(d.seconds, d.keyword) for d in ours] == [(d.seconds, d.keyword) for d in expected]
        assert expected
        np.testing.assert_allclose(onnx.score, tflite.score, atol=1e-4)


@pytest.mark.parametrize("content", [b"", b"nothing"])
def test_a_damaged_file_is_refused_in_one_line(files, tmp_path, content):
    fields = json.loads((files / "b.json").read_text())
    del fields["sha256"]
    (tmp_path / "b.json").write_text(json.dumps(fields))
    (tmp_path / "b.onnx").write_bytes(content)
    with pytest.raises(UserError, match=r"b\.onnx: not a model that s3rl_jax.export wrote") as error:
        Detector(str(tmp_path / "b.onnx"))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("other", [{"quantize": "int8"}, {"target": "tflm"}, {"quantize": "int8", "io": "int8"}])
def test_it_is_float_only(other):
    model, params = untrained("conv_toy")
    with pytest.raises(UserError, match="--format=onnx: float32 only"):
        build_file(FORMATS[0]._replace(**other), model, params, clips_for(model, 0))


def test_the_command_writes_it_with_thresholds_and_detect_runs_it(chain, tmp_path):
    flags = ("--format=onnx", "--streaming", f"--workdir={chain['detector']}", f"--report={chain['report']}")
    done = run_module("export", *flags, f"--out={tmp_path}/alexa.onnx")
    assert done.returncode == 0, done.stderr
    fields = json.loads((tmp_path / "alexa.json").read_text())
    tflite = json.loads(Path(chain["stream.tflite"]).with_suffix(".json").read_text())
    assert list(fields["signatures"]) == ["stream"]
    assert fields["scored"]["frr_at_fa_per_hour"] == tflite["scored"]["frr_at_fa_per_hour"]
    assert fields["threshold"] == pytest.approx(tflite["threshold"], abs=1e-4)
    assert fields["parity_error"] <= 1e-4
    rng = np.random.default_rng(5)
    audio = 0.003 * rng.standard_normal(6 * 16_000)
    audio[3 * 16_000 :][:9600] += tone_word(rng, "alexa")
    soundfile.write(tmp_path / "a.wav", audio, 16_000)
    models = (f"{tmp_path}/alexa.onnx", chain["stream.tflite"])
    detections = [json.loads(run_module("detect", model, str(tmp_path / "a.wav")).stdout) for model in models]
    assert detections[0] == pytest.approx(detections[1], abs=1e-3)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--format=onnx", "--out={folder}/m.tflite"], "expected a file name that ends in .onnx"),
        (["--format=onnx", "--out={folder}/m.onnx"], "m.json describes m.tflite; expected another name"),
        (["--format=onnx", "--out={folder}/n.onnx", "--c-array"], "--c-array: for a .tflite"),
        (["--format=tf", "--out={folder}/n.tf"], "--format='tf': expected one of tflite, onnx"),
    ],
)
def test_mistakes_end_with_one_line_and_status_two(chain, tmp_path, arguments, reason):
    (tmp_path / "m.tflite").write_bytes(b"")
    done = run_module("export", f"--workdir={chain['detector']}", *(a.format(folder=tmp_path) for a in arguments))
    assert done.returncode == 2
    assert reason in done.stderr.splitlines()[-1]
