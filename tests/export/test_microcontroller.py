import importlib.util
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest

from s3rl_jax.detect.description import Description
from s3rl_jax.detect.firing import FiringSettings
from s3rl_jax.export.c_array import c_sources
from s3rl_jax.export.microcontroller import arena_estimate
from tests.export.test_build import NETWORK, built

DESCRIPTION = Description(
    labels=("", 'say "hi"'),
    sample_rate=16_000,
    window=24_000,
    hop=2560,
    thresholds={"0.5": 0.8125, "10": 0.25},
    firing=FiringSettings(refractory_seconds=2.0, smoothing_hops=3, patience=2, rearm=0.5),
)


@pytest.fixture(scope="module")
def model():
    return built("conv_toy", NETWORK).content


def test_the_array_is_the_file(model, tmp_path):
    header, source = sources = c_sources(model, DESCRIPTION, tmp_path / "2 alexa.tflite")
    assert (header.name, source.name) == ("m_2_alexa_model.h", "m_2_alexa_model.cc")
    digits = re.findall(r"0x([0-9a-f]{2})", sources[source])
    assert bytes(int(d, 16) for d in digits) == model


@pytest.mark.skipif(not shutil.which("c++"), reason="no C++ compiler on this machine")
def test_it_compiles_and_agrees_with_the_description(model, tmp_path):
    for source, text in c_sources(model, DESCRIPTION, tmp_path / "alexa.tflite").items():
        source.write_text(text)
    (tmp_path / "main.cc").write_text(
        '#include <cstdio>\n#include "alexa_model.h"\nint main() { std::printf("%zu %s %.4f %d %d %zu %d", alexa_model_size, '
        "alexa_labels[1], alexa_thresholds[0], alexa_smoothing_hops, alexa_hop_samples, alexa_arena_bytes, "
        "(int)((unsigned long)alexa_model % 16)); "
        'std::printf(" %d %d %d %.2f", alexa_scores, alexa_refractory_hops[0], alexa_patience, alexa_rearm); }'
    )
    command = ["c++", "-std=c++17", "-Wall", "-Werror", source.name, "main.cc", "-o", "main"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    printed = subprocess.run([tmp_path / "main"], check=True, capture_output=True, text=True).stdout
    assert printed == f'{len(model)} say "hi" 0.8125 3 2560 {arena_estimate(model)} 0 1 12 2 0.50'


IN_TFLM = """
import sys
import numpy as np
from tflite_micro.python.tflite_micro import runtime

interpreter = runtime.Interpreter.from_bytes(open(sys.argv[1], "rb").read())
calls = np.load(sys.argv[2])
answers = []
for call in range(calls["calls"]):
    for i in range(calls["inputs"]):
        interpreter.set_input(calls[f"{call}_{i}"], i)
    interpreter.invoke()
    answers.append([interpreter.get_output(i) for i in range(calls["outputs"])])
np.savez(sys.argv[3], **{f"{c}_{i}": array for c, row in enumerate(answers) for i, array in enumerate(row)})
interpreter.print_allocations()
"""


@pytest.mark.skipif(not importlib.util.find_spec("tflite_micro"), reason="no wheel of tflite-micro for this machine")
def test_tensorflow_lite_micro_itself_gives_the_same_integers_in_the_estimated_arena(model, tmp_path, rng):
    from ai_edge_litert.interpreter import Interpreter

    litert = Interpreter(model_content=model, num_threads=1)
    litert.allocate_tensors()
    inputs, outputs = litert.get_input_details(), litert.get_output_details()
    calls, expected = {"calls": 4, "inputs": len(inputs), "outputs": len(outputs)}, []
    for call in range(4):
        for i, detail in enumerate(inputs):
            calls[f"{call}_{i}"] = rng.integers(-128, 128, detail["shape"]).astype(np.int8)
            litert.set_tensor(detail["index"], calls[f"{call}_{i}"])
        litert.invoke()
        expected.append([litert.get_tensor(detail["index"]) for detail in outputs])
    (tmp_path / "model.tflite").write_bytes(model)
    np.savez(tmp_path / "calls.npz", **calls)
    names = [tmp_path / name for name in ("model.tflite", "calls.npz", "answers.npz")]
    done = subprocess.run([sys.executable, "-c", IN_TFLM, *names], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    answers = np.load(tmp_path / "answers.npz")
    for call, row in enumerate(expected):
        for i, array in enumerate(row):
            off = np.abs(array.astype(int) - answers[f"{call}_{i}"])
            assert off.max() <= 2, "a step of rounding in one of the kernels"
            assert off.mean() < 0.05
    used = int(re.search(r"Arena allocation total (\d+) bytes", done.stdout + done.stderr)[1])
    assert used <= arena_estimate(model) < 2 * used
