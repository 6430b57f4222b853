"""Which code a run's numbers come from: a digest of each file that has a part in them, and the libraries' versions."""

import functools
import hashlib
import importlib.metadata
from pathlib import Path

FOLDERS = ("audio", "data", "losses", "models", "tasks", "teachers", "training")
LIBRARIES = ("flax", "jax", "jaxlib", "numpy", "optax")


@functools.cache  # each member of a sweep asks
def code_version() -> dict[str, str]:
    """Names of files and libraries to digests and versions."""
    root = Path(__file__).parent
    files = [root / "experiment.py", *(file for folder in FOLDERS for file in sorted((root / folder).rglob("*.py")))]
    digests = {str(file.relative_to(root)): hashlib.sha256(file.read_bytes()).hexdigest()[:12] for file in files}
    return digests | {name: importlib.metadata.version(name) for name in LIBRARIES}
