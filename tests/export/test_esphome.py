"""A file for micro_wake_word, in the runtime of microWakeWord and in TensorFlow Lite Micro, beside JAX."""

import importlib.util
import json
import re
import subprocess
import sys

import jax
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from configs import finetune
from s3rl_jax.core.errors import UserError
from s3rl_jax.detect.firing import smooth
from s3rl_jax.evaluate.scoring import stream_scorer
from s3rl_jax.export.arena import arena_bytes
from s3rl_jax.export.conversion import operators
from s3rl_jax.export.export import export
from s3rl_jax.export.file_format import FileFormat, signatures_of
from s3rl_jax.export.graph_editor import GraphEditor
from s3rl_jax.export.microcontroller import TARGET_KERNELS, arena_estimate
from s3rl_jax.models.detector import keyword_model
from s3rl_jax.runs.detector import TrainedDetector
from tests.conftest import tone_word

ESPHOME = FileFormat("int8", target="esphome")
LOUDEST_UNIT = 26.0
in_tflm = pytest.mark.skipif(not importlib.util.find_spec("tflite_micro"), reason="no wheel of tflite-micro for this machine")


def settings(**student):
    config = finetune.get_config("esphome")
    config.data.window_seconds, config.data.lead_seconds = 0.8, 0.32
    config.student.update({"size": "conv_toy", **student})
    return config


def untrained(config):
    """A detector whose probabilities vary: a head that listens, statistics as after training."""
    model, rng = keyword_model(config, 2), np.random.default_rng(0)
    params = jax.tree.map(np.asarray, model.init(jax.random.key(0)))
    params["head"]["linear"]["kernel"] = params["head"]["linear"]["kernel"] * 4
    params["statistics"] = jax.tree.map(lambda s: s + rng.uniform(0, 0.5, s.shape).astype(np.float32), params["statistics"])
    return model, params


@pytest.fixture(scope="module")
def detector(corpus):
    config = settings()
    config.data.corpus = corpus
    return TrainedDetector("nowhere", config, ("alexa",), *untrained(config), 1)


@pytest.fixture(scope="module")
def exported(detector, tmp_path_factory):
    """What export --target=esphome writes, and what it returns."""
    path = tmp_path_factory.mktemp("esphome") / "alexa.tflite"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("s3rl_jax.export.joining.open_detector", lambda workdir, flag: detector)
        return path, export("nowhere", str(path), ESPHOME)


@pytest.fixture(scope="module")
def stream(detector):
    """Sound of 24 hops, and JAX's probability after each."""
    rng, model = np.random.default_rng(5), detector.model
    words = np.concatenate([np.r_[tone_word(rng, word), np.zeros(3200)] for word in ("alexa", "banana") * 3])
    audio = np.rint(32768 * (words + 3e-3 * rng.standard_normal(len(words)))).astype(np.int16)[: 24 * model.hop]
    return audio, stream_scorer(model, detector.params)(audio)[:, 1]


def test_one_file_and_its_manifest(exported, detector):
    path, fields = exported
    manifest, content = json.loads(path.with_suffix(".esphome.json").read_text()), path.read_bytes()
    assert (manifest["type"], manifest["version"], manifest["model"]) == ("micro", 2, "alexa.tflite")
    assert (manifest["wake_word"], manifest["trained_languages"]) == ("alexa", ["en"])
    micro = manifest["micro"]
    assert micro["probability_cutoff"] == pytest.approx(min(fields["threshold"]["0.5"], 1), abs=1e-4)
    assert (micro["sliding_window_size"], micro["feature_step_size"]) == (5, 10)
    assert (fields["smoothing"]["hops"], fields["patience"]) == (5, 1), "as a device fires"
    assert "rearm" not in fields
    assert micro["tensor_arena_size"] == arena_bytes(content)
    assert fields["signatures"] == {"stream": {"inputs": {"features": [1, 16, 40]}, "state": []}}
    assert fields["parity_error"] <= 1e-4
    assert 0 < fields["quantisation_error"] < 0.06
    assert str(path.with_suffix(".esphome.json")) in map(str, fields["written"])


def test_only_what_micro_wake_word_registers(exported):
    content = exported[0].read_bytes()
    assert set(operators(content)) <= TARGET_KERNELS["esphome"]
    editor = GraphEditor(content)
    assert all(code.version <= 4 for code in editor.model.operatorCodes)
    (given,), (returned,) = (
        Interpreter(model_content=content).get_input_details(),
        Interpreter(model_content=content).get_output_details(),
    )
    assert (given["dtype"], given["quantization"]) == (np.int8, (pytest.approx(LOUDEST_UNIT / 255), -128))
    assert (returned["dtype"], returned["quantization"], list(returned["shape"])) == (np.uint8, (1 / 256, 0), [1, 1])


@pytest.mark.skipif(not importlib.util.find_spec("pymicro_wakeword"), reason="no pymicro-wakeword on this machine")
def test_microwakeword_gives_the_probabilities_of_jax(exported, stream):
    from pymicro_wakeword import MicroWakeWord, MicroWakeWordFeatures

    audio, expected = stream
    word, front_end = MicroWakeWord.from_config(exported[0].with_suffix(".esphome.json")), MicroWakeWordFeatures()
    assert (word.wake_word, word.stride) == ("alexa", 16)
    # Its first frame is one after ours, whose stream begins after two hops of silence.
    padded = np.concatenate([np.zeros(320, np.int16), audio]).tobytes()
    means = np.array([word.process_streaming_prob(frame) for frame in front_end.process_streaming(padded)])[15::16]
    assert np.ptp(expected) > 0.2
    np.testing.assert_allclose(means[4:], smooth(expected, 5)[4:], atol=0.05)


IN_TFLM = """
import sys
import numpy as np
from tflite_micro.python.tflite_micro import runtime
interpreter = runtime.Interpreter.from_file(sys.argv[1])
outputs = []
for call in np.load(sys.argv[2]):
    interpreter.set_input(call, 0)
    interpreter.invoke()
    outputs.append(interpreter.get_output(0))
np.save(sys.argv[3], outputs)
interpreter.print_allocations()
"""


@in_tflm
def test_tensorflow_lite_micro_gives_the_integers_of_litert_in_the_arena(exported, tmp_path, rng):
    content = exported[0].read_bytes()
    calls = rng.integers(-128, 128, (20, 1, 16, 40)).astype(np.int8)
    run = Interpreter(model_content=content).get_signature_runner("stream")
    expected = np.array([run(features=call)["posteriors"] for call in calls])
    paths = [exported[0], tmp_path / "calls.npy", tmp_path / "outputs.npy"]
    np.save(paths[1], calls)
    done = subprocess.run([sys.executable, "-c", IN_TFLM, *paths], capture_output=True, text=True, check=True)
    assert np.abs(np.load(paths[2]).astype(int) - expected).max() <= 2
    assert np.ptp(expected) > 5
    used = int(re.search(r"Arena allocation total (\d+) bytes", done.stdout + done.stderr)[1])
    assert used < arena_bytes(content) < 1.2 * used
    assert used < arena_estimate(content) < 2 * used


def test_the_state_is_in_the_file(exported, rng):
    content, call = exported[0].read_bytes(), rng.integers(-128, 128, (1, 16, 40)).astype(np.int8)
    first, second = (Interpreter(model_content=content).get_signature_runner("stream") for _ in range(2))
    outputs = [int(first(features=call)["posteriors"][0, 0]) for _ in range(6)]
    assert len(set(outputs)) > 1
    assert [int(second(features=call)["posteriors"][0, 0]) for _ in range(6)] == outputs, "each begins from silence"


@pytest.mark.parametrize(
    ("student", "head", "file_format", "named"),
    [
        ({"front_end": "logmel"}, "mean", ESPHOME, "expected --config.student.front_end=micro"),
        ({"size": "toy"}, "mean", ESPHOME, "a transformer"),
        ({}, "max", ESPHOME, "head.pooling=max"),
        ({}, "mean", ESPHOME._replace(quantize="none"), "--quantize=none; expected int8"),
        ({}, "mean", FileFormat("int8"), "expected --target=esphome"),
    ],
)
def test_what_cannot_run_there_is_refused(student, head, file_format, named):
    config = settings(**student)
    config.head.pooling = head
    with pytest.raises(UserError, match=re.escape(named)):
        signatures_of(file_format, keyword_model(config, 2), {})


def test_two_keywords_are_refused():
    with pytest.raises(UserError, match="2 keywords; expected one"):
        signatures_of(ESPHOME, keyword_model(settings(), 3), {})
