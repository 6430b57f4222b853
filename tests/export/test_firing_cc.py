"""The C++ example's firing rule is that of detect/firing.py, score for score and hop for hop."""

import shutil
import subprocess

import numpy as np
import pytest

from s3rl_jax.detect.firing import refractory_hops
from tests.conftest import ROOT
from tests.detect.firing_streams import DEAFNESS, Stream, hard_streams

EXAMPLE = ROOT / "examples" / "microcontroller"
pytestmark = pytest.mark.skipif(not shutil.which("c++"), reason="no C++ compiler on this machine")


def compiled(source: str, folder) -> str:
    (folder / "driver.cc").write_text(f'#include <cstdio>\n#include "firing.h"\nint main() {{\n{source}}}\n')
    command = ["c++", "-std=c++17", "-O2", "-Wall", "-Werror", f"-I{EXAMPLE}", "driver.cc", "-o", "driver"]
    subprocess.run(command, cwd=folder, check=True)
    return subprocess.run([folder / "driver"], check=True, capture_output=True, text=True).stdout


def stepped(stream: Stream) -> str:
    """C++ that prints the score, exactly, and the class of each hop."""
    hops, classes = stream.posteriors.shape
    values = ", ".join(f"{value.hex()}f" for value in map(float, stream.posteriors.ravel()))
    return f"""
    {{ static const float p[] = {{{values}}};
       s3rl::FiringState<{classes}, {stream.smoothing}> state({stream.threshold.hex()}, {stream.refractory});
       for (int i = 0; i < {hops}; ++i) {{
         const int keyword = state.Step(p + i * {classes});
         std::printf("%a %d\\n", state.score(), keyword);
       }} }}
    """


def test_the_example_fires_as_the_device_does(tmp_path):
    streams = hard_streams(24)
    lines = compiled("".join(map(stepped, streams)), tmp_path).splitlines()
    answers = [(float.fromhex(score), int(keyword)) for score, keyword in map(str.split, lines)]
    assert answers == [pair for stream in streams for pair in zip(stream.scores, stream.keywords, strict=True)]
    assert np.count_nonzero([keyword for _, keyword in answers]) > 50, "the streams fire"


def test_it_is_deaf_for_as_many_hops(tmp_path):
    source = "".join(f'std::printf("%d ", s3rl::RefractoryHops({hop}, {rate}, {seconds}));' for hop, rate, seconds in DEAFNESS)
    assert [int(hops) for hops in compiled(source, tmp_path).split()] == [refractory_hops(*deafness) for deafness in DEAFNESS]
