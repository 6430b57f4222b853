"""A file in every format, of an untrained model: its difference from JAX, its operators, and what is refused."""

import functools
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from s3rl_jax.audio.logmel import stack_frames
from s3rl_jax.core.errors import UserError
from s3rl_jax.detect.description import sha256
from s3rl_jax.export.build import build_file
from s3rl_jax.export.calibration import calls_for, with_silence_and_noise
from s3rl_jax.export.conversion import NotExportable, operators, to_tflite
from s3rl_jax.export.file_format import FileFormat, signatures_of
from s3rl_jax.export.microcontroller import KERNELS
from s3rl_jax.export.parity import largest_difference, run_jax, run_signature
from s3rl_jax.export.preflight import preflight
from s3rl_jax.export.signatures import Signature
from s3rl_jax.models.detector import OVERLAP, KeywordModel, student_features
from s3rl_jax.models.head import Head
from s3rl_jax.models.student.registry import build_student, initialise
from s3rl_jax.models.student.state import append
from tests.conftest import student_settings

STREAMED = [FileFormat(kind, streaming=True) for kind in ("none", "dynamic", "int8", "int16x8")]
NETWORK = FileFormat("int8", io="int8")


@functools.cache
def untrained(size, streaming=True, pooling="mean"):
    student = build_student(student_settings(size, streaming))
    model = KeywordModel(student, classes=2, window=16_000, hop=2560, lead=8000, pooling=pooling)
    head = Head(2, pooling).init(jax.random.key(1), jnp.zeros((1, student.width)))["params"]
    return model, initialise(student, jax.random.key(0)) | {"head": head}


def clips_for(model, seed):
    rng = np.random.default_rng(seed)
    loudness = rng.choice([0.01, 0.1, 0.3], (4, 1))
    return with_silence_and_noise((loudness * rng.standard_normal((4, model.clip))).astype(np.float32), seed)


@functools.cache
def built(size, file_format):
    model, params = untrained(size)
    return build_file(file_format, model, params, clips_for(model, 0))


def write_untrained(path, file_format, **fields):
    """Writes an untrained conv_toy, and beside it the .json that a runtime needs, with other fields where they are given."""
    content, model = built("conv_toy", file_format).content, untrained("conv_toy")[0]
    needed = {
        "labels": ["", "alexa"],
        "sample_rate": 16_000,
        "window": model.clip,
        "hop": model.hop,
        "threshold": {"0.5": 0.8},
        "smoothing": {"kind": "mean", "hops": 3},
        "refractory_seconds": 2.0,
        "sha256": sha256(content),
    }
    path.write_bytes(content)
    path.with_suffix(".json").write_text(json.dumps(needed | fields))


@pytest.mark.parametrize("file_format", [*STREAMED, NETWORK], ids=str)
@pytest.mark.parametrize("size", ["toy", "conv_toy"])
def test_a_file_is_near_jax_on_unseen_sound(size, file_format):
    model, params = untrained(size)
    exported = built(size, file_format)
    assert exported.parity_error <= 1e-4
    assert (exported.quantisation_error > 0) == (file_format.quantize != "none")
    for signature in signatures_of(file_format, model, params):
        calls = calls_for(signature, model, clips_for(model, 7))
        error = largest_difference(run_signature(exported.content, signature, calls), run_jax(signature, calls))
        assert error <= {"none": 1e-4, "dynamic": 0.03, "int16x8": 0.02, "int8": 0.06}[file_format.quantize], (
            signature.name,
            error,
        )


@pytest.mark.parametrize("file_format", [STREAMED[0], STREAMED[2], NETWORK], ids=str)
@pytest.mark.parametrize("pooling", ["attention", "max"])
def test_a_file_of_each_pooling_is_near_jax(pooling, file_format):
    model, params = untrained("toy", pooling=pooling)
    exported = build_file(file_format, model, params, clips_for(model, 0))
    assert exported.parity_error <= 1e-4
    for signature in signatures_of(file_format, model, params):
        calls = calls_for(signature, model, clips_for(model, 7))
        error = largest_difference(run_signature(exported.content, signature, calls), run_jax(signature, calls))
        rounded = 0.2 if pooling == "attention" and file_format == NETWORK else 0.06  # weights of frames in eight bits
        assert error <= (rounded if file_format.quantize == "int8" else 1e-4), (signature.name, error)


@pytest.mark.parametrize("kind", ["none", "int8"])
def test_a_student_of_whole_windows_is_exported_too(kind):
    model, params = untrained("toy", False)
    exported = build_file(FileFormat(kind), model, params, clips_for(model, 0))
    assert exported.parity_error <= 1e-4
    assert exported.quantisation_error < 0.1
    assert set(Interpreter(model_content=exported.content).get_signature_list()) == {"detect"}


@pytest.mark.parametrize("file_format", STREAMED, ids=str)
@pytest.mark.parametrize("size", ["toy", "conv_toy"])
def test_files_have_float_edges_and_built_in_operators(size, file_format):
    file = built(size, file_format).content
    interpreter = Interpreter(model_content=file)
    assert set(interpreter.get_signature_list()) == {"detect", "stream"}
    runner = interpreter.get_signature_runner("stream")
    for detail in (*runner.get_input_details().values(), *runner.get_output_details().values()):
        assert detail["dtype"] == np.float32
    assert not any(name.startswith(("STABLEHLO", "CUSTOM", "Flex")) for name in operators(file))


def test_the_front_end_of_an_integer_file_is_as_exact_as_that_of_a_float_file():
    """The state `audio` and the log-mel must not be rounded to eight bits: a quiet voice beside a loud one."""
    model, params = untrained("conv_toy")
    signature = signatures_of(STREAMED[2], model, params)[-1]
    quiet = (1e-3 * np.random.default_rng(0).standard_normal((1, model.hop))).astype(np.float32)
    loud = (0.5 * np.random.default_rng(1).standard_normal((1, model.hop))).astype(np.float32)
    ours = run_signature(built("conv_toy", STREAMED[2]).content, signature, [{"samples": quiet}, {"samples": loud}])
    np.testing.assert_array_equal(ours[0]["audio"], quiet[:, -240:])


def test_log_mel_is_one_in_training_in_the_file_and_stepped_in_chunks():
    model, _ = untrained("toy")
    audio = clips_for(model, 3).reshape(1, -1)
    audio = audio[:, : audio.shape[1] // model.hop * model.hop]
    trained_on = stack_frames(model.features(audio))  # what finetune's loss reads

    def front_end(arrays):
        samples, past = append(arrays["past"], arrays["samples"])
        return {"posteriors": student_features(samples), "past": past}

    signature = Signature("stream", front_end, {"samples": (1, model.hop), "past": (1, OVERLAP)}, ("past",))
    calls = [{"samples": hop} for hop in np.split(audio, audio.shape[1] // model.hop, axis=1)]
    stepped, file = run_jax(signature, calls), run_signature(to_tflite([signature]), signature, calls)
    for answers in (stepped, file):
        np.testing.assert_allclose(np.concatenate([answer["posteriors"] for answer in answers], axis=1), trained_on, atol=1e-4)


def test_integers_go_in_come_out_and_are_kept():
    runner = Interpreter(model_content=built("conv_toy", NETWORK).content).get_signature_runner("stream")
    inputs, outputs = runner.get_input_details(), runner.get_output_details()
    assert all(detail["dtype"] == np.int8 for detail in (*inputs.values(), *outputs.values()))
    assert "audio" not in inputs
    for name in inputs.keys() & outputs.keys():
        np.testing.assert_allclose(inputs[name]["quantization"], outputs[name]["quantization"], rtol=1e-5)


def test_a_conv_network_is_what_tensorflow_lite_micro_runs():
    model, params = untrained("conv_toy")
    file = build_file(NETWORK._replace(target="tflm"), model, params, clips_for(model, 0)).content
    assert set(operators(file)) <= KERNELS


@pytest.mark.parametrize(
    ("size", "file_format", "missing"),
    [
        ("conv_toy", FileFormat("int8", True, target="tflm"), "RFFT2D.*--io=int8"),
        ("toy", NETWORK._replace(target="tflm"), "GELU"),
    ],
)
def test_what_it_does_not_run_is_named(size, file_format, missing):
    model, params = untrained(size)
    with pytest.raises(NotExportable, match=missing):
        build_file(file_format, model, params, clips_for(model, 0))


@pytest.mark.parametrize(
    ("file_format", "named"),
    [
        (FileFormat("int4"), "--quantize='int4'"),
        (FileFormat(io="int4"), "--io='int4'"),
        (FileFormat(target="esp"), "--target='esp'"),
        (FileFormat("dynamic", io="int8"), "--io=int8 with --quantize=dynamic"),
        (FileFormat(streaming=True), "--config.student.streaming=True"),
    ],
)
def test_forms_that_there_are_not_are_named(file_format, named):
    with pytest.raises(UserError, match=named):
        signatures_of(file_format, *untrained("toy", False))


def test_preflight_says_what_cannot_be_exported_before_anything_is_trained(capsys):
    settings = student_settings("toy")
    settings.update({"quantize": "none,int8", "io": "float32", "target": ""})
    preflight(untrained("toy")[0], settings)
    assert "exports as none" in capsys.readouterr().err
    settings.target = "tflm"
    with pytest.raises(UserError, match=r"config.export: cannot be exported as .*quantize='none'.*RFFT2D"):
        preflight(untrained("toy")[0], settings)
    settings.quantize, settings.io = "int8", "int8"
    preflight(untrained("conv_toy")[0], settings)
