"""The version of the code that trains: a digest of each file that training may use, and the libraries' versions."""

import functools
import hashlib
import importlib.metadata
import subprocess
from pathlib import Path

import s3rl_jax

# Packages that run before or after training, and the configs, which config.json records: a change of theirs is no change of
# the code that trains. All others count.
NOT_TRAINING = ("ablate", "configs", "demo", "detect", "evaluate", "export", "mine", "prepare")
LIBRARIES = ("flax", "jax", "jaxlib", "numpy", "optax")


@functools.cache  # each member of a sweep records it
def code_version() -> dict[str, str]:
    """Maps each file, relative to the package, to 12 hexadecimal digits, and each library to its version."""
    root = Path(s3rl_jax.__file__).parent
    files = [file.relative_to(root) for file in sorted(root.rglob("*.py"))]
    files = [file for file in files if file.parts[0] not in NOT_TRAINING]
    digests = {str(file): hashlib.sha256((root / file).read_bytes()).hexdigest()[:12] for file in files}
    return digests | {name: importlib.metadata.version(name) for name in LIBRARIES}


def git_revision() -> str:
    """The commit of the checkout that the package is in; "unknown" outside of one."""
    folder = Path(s3rl_jax.__file__).parent
    done = subprocess.run(["git", "rev-parse", "HEAD"], cwd=folder, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"
