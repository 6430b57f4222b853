"""The version of the training code: a digest of each file that training may import, and the versions of libraries."""

import functools
import hashlib
import importlib.metadata
import subprocess
from pathlib import Path

import s3rl_jax

# Packages that run before or after training, and the configs, which config.json records: a change in them does not change
# the training code.
NOT_TRAINING = ("ablate", "configs", "demo", "detect", "evaluate", "export", "mine", "prepare")
LIBRARIES = ("flax", "jax", "jaxlib", "numpy", "optax")


@functools.cache  # each member of a sweep calls it
def code_version() -> dict[str, str]:
    """Maps the path of each file in the package to 12 digits of its SHA-256, and the name of each library to its version."""
    root = Path(s3rl_jax.__file__).parent
    files = [file.relative_to(root) for file in sorted(root.rglob("*.py"))]
    files = [file for file in files if file.parts[0] not in NOT_TRAINING]
    digests = {str(file): hashlib.sha256((root / file).read_bytes()).hexdigest()[:12] for file in files}
    return digests | {name: importlib.metadata.version(name) for name in LIBRARIES}


def git_revision() -> str:
    """The commit of the git checkout that contains the package; "unknown" if there is none."""
    folder = Path(s3rl_jax.__file__).parent
    done = subprocess.run(["git", "rev-parse", "HEAD"], cwd=folder, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"
