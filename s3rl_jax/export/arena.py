"""The memory that a model needs in TensorFlow Lite Micro, measured by its interpreter where that is installed."""

import importlib.util
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from s3rl_jax.core.messages import LOGGER
from s3rl_jax.export.microcontroller import ALIGNMENT, MARGIN, arena_estimate

PACKAGE = "tflite_micro"  # of the wheel tflite-micro
# In a process of its own, because TensorFlow Lite Micro and LiteRT define the same symbols.
PRINT_ALLOCATIONS = """
import sys
from tflite_micro.python.tflite_micro import runtime
runtime.Interpreter.from_file(sys.argv[1]).print_allocations()
"""


def arena_bytes(model: bytes) -> int:
    """Bytes of the tensor arena for a device: a tenth more than the interpreter uses on this machine.

    Without the wheel it is an estimate, and a message says so.
    """
    used = _measured(model) if importlib.util.find_spec(PACKAGE) else None
    if used is None:
        LOGGER.warning("the tensor arena is an estimate; to measure it, pip install tflite-micro (Linux on x86-64)")
        return arena_estimate(model)
    return -(-round(MARGIN * used) // ALIGNMENT) * ALIGNMENT


def _measured(model: bytes) -> int | None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.tflite"
        file.write_bytes(model)
        command = [sys.executable, "-c", PRINT_ALLOCATIONS, str(file)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    total = re.search(r"Arena allocation total (\d+) bytes", done.stdout + done.stderr)
    return int(total[1]) if total else None
