"""Sessions of onnxruntime for the neural voices."""

from typing import Any


def open_session(model: bytes) -> Any:
    """Loads a model. A session uses one thread, because utterances are spoken side by side."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
