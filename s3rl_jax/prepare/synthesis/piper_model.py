"""A Piper voice (VITS as .onnx, with its .json) opened for onnxruntime, so that its randomness and its speaker are inputs.

As exported, the graph draws noise from onnxruntime's own generator, which no call can seed, and looks the speaker up by
number, so that there is nobody between two speakers. Both are replaced here before the model is loaded.
"""

import threading
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from s3rl_jax.prepare.synthesis.onnx_session import open_session

NOISE, SPEAKER = "noise", "speaker"
CHANNELS, MAX_FRAMES = 256, 4096  # of the noise; the graph takes what it needs


class PiperModel:
    """The model of a voice, loaded with the first utterance.

    Args:
      path: of the .onnx.
    """

    def __init__(self, path: Path):
        self._path, self._starting, self._session = path, threading.Lock(), None
        self._noises: list[str] = []
        self.speakers: Float[np.ndarray, "speakers dim"] | None = None  # of a voice of several, once it is loaded

    def run(
        self,
        ids: list[int],
        scales: tuple[float, float, float],
        mixture: dict[int, float],
        rng: np.random.Generator,
    ) -> Float[np.ndarray, "samples"]:
        """Speaks.

        Args:
          ids: of the phonemes.
          scales: the spread of the sound, slowness, and the spread of the durations.
          mixture: the shares of speakers by number; not used by a voice of one speaker.
          rng: draws the noise.
        """
        session = self._loaded()
        inputs = {
            "input": np.array([ids], np.int64),
            "input_lengths": np.array([len(ids)], np.int64),
            "scales": np.array(scales, np.float32),
        }
        for name in self._noises:
            inputs[name] = rng.standard_normal((1, CHANNELS, MAX_FRAMES), np.float32)
        if self.speakers is not None:
            shares = np.array(list(mixture.values()), np.float32)
            inputs[SPEAKER] = (shares @ self.speakers[list(mixture)])[None]
        return session.run(None, inputs)[0].ravel()

    def _loaded(self) -> Any:
        import onnx

        with self._starting:
            if self._session is None:
                model = onnx.load(str(self._path))
                self._noises = _noise_inputs(model.graph)
                self.speakers = _speaker_input(model.graph)
                self._session = open_session(model.SerializeToString())
        return self._session


def _noise_inputs(graph: Any) -> list[str]:
    """Replaces each random node by the part of a new input that has its shape; the names of the inputs."""
    from onnx import TensorProto, helper

    names, nodes = [], []
    for node in graph.node:
        if node.op_type != "RandomNormalLike":
            nodes.append(node)
            continue
        name = f"{NOISE}_{len(names)}"
        nodes.append(helper.make_node("Shape", [node.input[0]], [f"{name}_shape"]))
        nodes.append(helper.make_node("Slice", [name, f"{NOISE}_start", f"{name}_shape"], [node.output[0]]))
        graph.input.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, CHANNELS, MAX_FRAMES]))
        names.append(name)
    graph.initializer.append(helper.make_tensor(f"{NOISE}_start", TensorProto.INT64, [3], [0, 0, 0]))
    del graph.node[:]
    graph.node.extend(nodes)
    return names


def _speaker_input(graph: Any) -> Float[np.ndarray, "speakers dim"] | None:
    """Replaces the look-up of the speaker by an input, its vector. Returns the vectors; None for one speaker."""
    from onnx import TensorProto, helper, numpy_helper

    number = next((value for value in graph.input if value.name == "sid"), None)
    look_up = next((node for node in graph.node if node.op_type == "Gather" and node.input[1] == "sid"), None)
    if number is None or look_up is None:
        return None
    table = next(tensor for tensor in graph.initializer if tensor.name == look_up.input[0])
    vectors = numpy_helper.to_array(table)
    graph.node.insert(list(graph.node).index(look_up), helper.make_node("Identity", [SPEAKER], [look_up.output[0]]))
    graph.node.remove(look_up)
    graph.initializer.remove(table)
    graph.input.remove(number)
    graph.input.append(helper.make_tensor_value_info(SPEAKER, TensorProto.FLOAT, [1, vectors.shape[1]]))
    return vectors
