"""A digest of parameters, which identifies the model that cached targets or results were computed with."""

import hashlib
from typing import Any

import jax
import numpy as np


def digest(tree: Any) -> str:
    """Digest of the names and arrays of a tree, 16 hexadecimal digits; it does not depend on devices."""
    sha = hashlib.sha256()
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
        sha.update(jax.tree_util.keystr(path).encode())
        sha.update(np.ascontiguousarray(np.asarray(leaf)).tobytes())
    return sha.hexdigest()[:16]
