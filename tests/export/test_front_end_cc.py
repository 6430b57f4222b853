"""The C++ example: its front end computes what ours computes, and its main compiles."""

import re
import shutil
import subprocess

import jax.numpy as jnp
import numpy as np
import pytest

from s3rl_jax.audio.logmel import log_mel, standardise
from s3rl_jax.export.c_array import c_sources
from tests.conftest import ROOT
from tests.export.test_build import NETWORK, built
from tests.export.test_microcontroller import DESCRIPTION

EXAMPLE = ROOT / "examples" / "microcontroller"
pytestmark = pytest.mark.skipif(not shutil.which("c++"), reason="no C++ compiler on this machine")
DRIVER = """
#include <cstdio>
#include "front_end.h"
int main() {
  s3rl::FrontEnd front_end;
  float samples[160], features[64];
  while (std::fread(samples, sizeof samples, 1, stdin) == 1) {
    front_end.Hop(samples, features);
    std::fwrite(features, sizeof features, 1, stdout);
  }
}
"""
# As much of TensorFlow Lite Micro's interface as the example uses, to compile it where its sources are not.
INTERFACE = """
#pragma once
#include <cstddef>
#include <cstdint>
enum TfLiteStatus { kTfLiteOk, kTfLiteError };
struct TfLiteTensor { union { int8_t* int8; float* f; } data; size_t bytes; };
namespace tflite {
struct Model;
const Model* GetModel(const void* buffer);
template <unsigned int operators> struct MicroMutableOpResolver {
  TfLiteStatus AddAdd(), AddConcatenation(), AddDepthwiseConv2D(), AddFullyConnected(), AddReshape(), AddSlice(), AddSoftmax(),
      AddSub(), AddTranspose();
};
struct MicroInterpreter {
  template <class Resolver> MicroInterpreter(const Model*, const Resolver&, uint8_t* arena, size_t bytes);
  TfLiteStatus AllocateTensors(), Invoke();
  TfLiteTensor* input(size_t); TfLiteTensor* output(size_t);
};
}  // namespace tflite
"""


def test_the_front_end_in_cpp_is_ours(tmp_path, rng):
    (tmp_path / "driver.cc").write_text(DRIVER)
    command = ["c++", "-std=c++17", "-O1", "-Wall", "-Werror", f"-I{EXAMPLE}", "driver.cc", "-o", "driver"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    loudness = np.repeat([0.0, 1e-4, 0.01, 0.3], 40 * 160)
    audio = (loudness * rng.standard_normal(len(loudness))).astype(np.float32)
    computed = subprocess.run([tmp_path / "driver"], input=audio.tobytes(), check=True, capture_output=True).stdout
    expected = standardise(log_mel(jnp.concatenate([jnp.zeros(240), audio])))
    np.testing.assert_allclose(np.frombuffer(computed, np.float32).reshape(-1, 64), expected, atol=2e-3)


def test_the_example_compiles_with_the_exported_model_and_registers_its_operators(tmp_path):
    file = built("conv_toy", NETWORK).content
    for path, text in c_sources(file, DESCRIPTION, tmp_path / "detector.tflite").items():
        path.write_text(text)
    for header in ("micro/micro_interpreter.h", "micro/micro_mutable_op_resolver.h", "schema/schema_generated.h"):
        path = tmp_path / "tensorflow" / "lite" / header
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text('#include "interface.h"\n')
    (tmp_path / "interface.h").write_text(INTERFACE)
    command = ["c++", "-std=c++17", "-Wall", "-Werror", "-fsyntax-only", f"-I{tmp_path}", f"-I{EXAMPLE}", EXAMPLE / "main.cc"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_example_registers_every_operator_of_a_conv_model():
    from s3rl_jax.export.conversion import operators

    registered = set(re.findall(r"resolver\.Add(\w+)", (EXAMPLE / "main.cc").read_text()))
    for name in operators(built("conv_toy", NETWORK).content):
        assert "".join(part.capitalize() for part in name.split("_")).replace("2d", "2D") in registered, name
