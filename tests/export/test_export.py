import hashlib
import json
import shutil
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from s3rl_jax.core.errors import UserError
from s3rl_jax.detect.schema import FIELDS
from s3rl_jax.export.conversion import NotExportable, operators, to_tflite
from s3rl_jax.export.export import export
from s3rl_jax.export.file_format import FileFormat
from s3rl_jax.export.signatures import Signature, stream_signature
from s3rl_jax.models.detector import keyword_model
from s3rl_jax.runs.params import read_params
from s3rl_jax.runs.workdir import read_config
from tests.conftest import run_module

FILES = ("model.tflite", "stream.tflite", "int8.tflite")


def fields_of(chain, name):
    return json.loads(Path(chain[name]).with_suffix(".json").read_text())


@pytest.fixture(scope="module")
def trained(chain):
    return keyword_model(read_config(chain["detector"], "--workdir"), 2), read_params(chain["detector"], "--workdir")


def test_the_file_computes_what_jax_computes(chain, trained, rng):
    run, (model, params) = Interpreter(chain["model.tflite"]).get_signature_runner("detect"), trained
    for _ in range(3):
        audio = rng.uniform(-0.5, 0.5, (1, model.clip)).astype(np.float32)
        expected = jax.nn.softmax(model.logits(params, audio))
        np.testing.assert_allclose(run(audio=audio)["posteriors"], expected, atol=1e-4)


def test_stepping_the_file_over_minutes_gives_what_jax_gives_at_once(chain, trained, rng):
    """And so the front end is the same in training, in the file, and stepped."""
    model, params = trained
    hops = 2 * 60 * 16_000 // model.hop
    audio = np.repeat(rng.choice([0, 0.01, 0.3], hops), model.hop) * rng.standard_normal(hops * model.hop)
    audio = audio.astype(np.float32)[None]
    expected = jax.nn.softmax(model.step(params, audio, model.initial_state(1))[0])[0]
    run = Interpreter(chain["stream.tflite"]).get_signature_runner("stream")
    state = {name: np.zeros_like(array) for name, array in model.initial_state(1).items()}
    for hop, posteriors in zip(np.split(audio, hops, axis=1), expected, strict=True):
        answer = run(samples=hop, **state)
        state = {name: answer[name] for name in state}
        np.testing.assert_allclose(answer["posteriors"][0], posteriors, atol=1e-4)


def test_two_signatures_share_their_weights(chain, trained):
    weights = 4 * sum(leaf.size for leaf in jax.tree.leaves(trained[1]))
    detect, both = (Path(chain[name]).stat().st_size for name in FILES[:2])
    assert both < detect + len(to_tflite([stream_signature(*trained)])) - 0.8 * weights
    assert set(Interpreter(chain["stream.tflite"]).get_signature_list()) == {"detect", "stream"}


def test_a_quantised_file_is_smaller_and_nearly_the_same(chain):
    quantised, floats = fields_of(chain, "int8.tflite"), fields_of(chain, "stream.tflite")
    assert quantised["bytes"] < floats["bytes"]
    assert 0 < quantised["quantisation_error"] < 0.25
    assert floats["quantisation_error"] == 0
    details = Interpreter(chain["int8.tflite"]).get_signature_runner("stream").get_input_details()
    assert all(detail["dtype"] == np.float32 for detail in details.values()), "input and output stay float"
    weights = [t for t in Interpreter(chain["int8.tflite"]).get_tensor_details() if t["dtype"] == np.int8]
    assert len(weights) > 10


@pytest.mark.parametrize("name", FILES)
def test_each_file_is_scored_on_the_evaluation_stream(chain, name):
    scored = fields_of(chain, name)["scored"]
    measured = json.loads((Path(chain["report"]) / "metrics.json").read_text())["conditions"]["clean"]
    assert scored["float_frr_at_fa_per_hour"] == measured["frr_at_fa_per_hour"]
    assert scored["frr_change"] == pytest.approx(scored["frr_at_fa_per_hour"]["0.5"] - measured["frr_at_fa_per_hour"]["0.5"])
    assert fields_of(chain, name)["threshold"] == scored["threshold"], "its own, not the float model's"
    if name == "stream.tflite":  # the one that does what evaluate does
        assert scored["frr_at_fa_per_hour"] == measured["frr_at_fa_per_hour"]
        assert scored["threshold"] == pytest.approx(measured["threshold"], abs=1e-4)


def test_the_description_is_complete(chain):
    file = fields_of(chain, "model.tflite")
    measured = json.loads((Path(chain["report"]) / "metrics.json").read_text())
    assert file["labels"] == ["", "alexa"]
    assert (file["sample_rate"], file["window"], file["hop"]) == (16_000, 35_840, 2560)
    assert file["threshold"].keys() == measured["conditions"]["clean"]["threshold"].keys()
    assert file["parity_error"] <= 1e-4
    assert file["bytes"] == Path(chain["model.tflite"]).stat().st_size
    assert file["training_data_licences"] == ["CC0"]
    assert file["quantisation"] == "none"
    builtin = operators(Path(chain["model.tflite"]).read_bytes())
    assert file["operators"] == builtin
    assert not any(name.startswith(("STABLEHLO", "Flex", "CUSTOM")) for name in builtin)


def test_the_description_has_the_digest_and_the_step(chain):
    file = fields_of(chain, "model.tflite")
    assert file["sha256"] == hashlib.sha256(Path(chain["model.tflite"]).read_bytes()).hexdigest()
    assert file["step"] == 150
    assert file["languages"] == ["en"], "as the corpus names none"
    assert set(file) <= set(FIELDS), "every field is in the schema"


def test_an_export_that_ends_early_leaves_the_older_files(chain, tmp_path, monkeypatch):
    for suffix in (".tflite", ".json"):
        shutil.copy(Path(chain["model.tflite"]).with_suffix(suffix), tmp_path / f"m{suffix}")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def interrupt(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr("s3rl_jax.export.export.score_file", interrupt)
    with pytest.raises(KeyboardInterrupt):
        export(chain["detector"], str(tmp_path / "m.tflite"), FileFormat("dynamic"), chain["report"])
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_what_has_no_built_in_operator_is_refused():
    def eigenvalues(arrays):
        return {"posteriors": jnp.linalg.eigvalsh(arrays["audio"] * arrays["audio"].T)}

    with pytest.raises(NotExportable):
        to_tflite([Signature("detect", eigenvalues, {"audio": (1, 4)})])


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--workdir=nowhere", "--out=m.tflite"], "--workdir=nowhere"),
        (["--workdir={distilled}", "--out=m.tflite"], "expected finetune"),
        (["--workdir={detector}", "--out=m.bin"], "--out=m.bin"),
        (["--workdir={detector}", "--out=setup.cfg/m.tflite"], "--out=setup.cfg/m.tflite"),
        (["--workdir={detector}", "--out=m.tflite", "--report=nowhere"], "--report=nowhere"),
        (["--workdir={detector}", "--out=m.tflite", "--quantize=int4"], "--quantize='int4': expected one of none, dynamic"),
    ],
)
def test_mistakes_end_with_one_line_and_status_two(chain, arguments, named):
    done = run_module("export", *(argument.format(**chain) for argument in arguments))
    assert done.returncode == 2
    assert named in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def test_a_pair_names_its_second_model_and_has_its_own_thresholds(chain, tmp_path):
    for suffix in (".tflite", ".json"):
        shutil.copy(Path(chain["model.tflite"]).with_suffix(suffix), tmp_path / f"large{suffix}")
    out, large = str(tmp_path / "pair.tflite"), str(tmp_path / "large.tflite")
    fields = export(chain["detector"], out, FileFormat(streaming=True), chain["report"], verifier=large)
    pair = fields["verifier"]
    assert pair["file"] == "large.tflite"
    assert pair["sha256"] == hashlib.sha256(Path(large).read_bytes()).hexdigest()
    assert pair["keywords"].keys() == fields["keywords"].keys() == {"alexa"}
    assert pair["keywords"]["alexa"]["threshold"].keys() == fields["threshold"].keys()
    rejects = fields["scored"]["pair"]["frr_at_fa_per_hour"]
    assert rejects.keys() == fields["threshold"].keys()
    for verifier in (chain["model.tflite"], out):
        with pytest.raises(UserError, match=r"--verifier=.*: expected another file in the folder of --out"):
            export(chain["detector"], out, FileFormat(streaming=True), chain["report"], verifier=verifier)
