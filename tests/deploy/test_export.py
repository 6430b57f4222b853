import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from s3rl_jax.deploy.convert import NotExportable, operators, to_tflite
from s3rl_jax.models.detector import logits
from s3rl_jax.models.student import SIZES
from s3rl_jax.training.checkpoint import read_params
from tests.conftest import run_module


def test_the_file_says_what_jax_says(chain, rng):
    run = Interpreter(chain["model.tflite"]).get_signature_runner("detect")
    params = read_params(chain["detector"], "--workdir")
    for _ in range(3):
        audio = rng.uniform(-0.5, 0.5, (1, 19_200)).astype(np.float32)
        wanted = jax.nn.softmax(logits(SIZES["toy"], 2, params, audio))
        np.testing.assert_allclose(run(audio=audio)["posteriors"], wanted, atol=1e-4)


def test_the_description_is_complete(chain):
    described = json.loads(Path(chain["model.tflite"]).with_suffix(".json").read_text())
    measured = json.loads((Path(chain["report"]) / "metrics.json").read_text())
    assert described["labels"] == ["", "alexa"]
    assert (described["sample_rate"], described["window"], described["hop"]) == (16_000, 19_200, 2560)
    assert described["threshold"] == measured["conditions"]["clean"]["threshold"]
    assert described["parity_error"] <= 1e-4
    assert described["bytes"] == Path(chain["model.tflite"]).stat().st_size
    assert described["training_data_licences"] == ["CC0"]
    assert described["quantisation"] == "none"
    builtin = operators(Path(chain["model.tflite"]).read_bytes())
    assert described["operators"] == builtin
    assert not any(name.startswith(("STABLEHLO", "Flex", "CUSTOM")) for name in builtin)


def test_what_has_no_built_in_operator_is_refused():
    with pytest.raises(NotExportable):
        to_tflite(lambda audio: jnp.sort(jnp.linalg.eigvalsh(audio[:, :4] * audio[:, :4].T))[None], 16)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--workdir=nowhere", "--out=m.tflite"], "--workdir=nowhere"),
        (["--workdir={distilled}", "--out=m.tflite"], "expected finetune"),
        (["--workdir={detector}", "--out=m.bin"], "--out=m.bin"),
        (["--workdir={detector}", "--out=m.tflite", "--report=nowhere"], "--report=nowhere"),
    ],
)
def test_mistakes_end_with_one_line_and_status_two(chain, arguments, named):
    done = run_module("export", *(argument.format(**chain) for argument in arguments))
    assert done.returncode == 2
    assert named in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
