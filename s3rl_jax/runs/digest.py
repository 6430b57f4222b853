"""A digest of arrays and their names, which identifies the parameters that something was computed from."""

import hashlib
from typing import Any

import jax
import numpy as np


def digest(tree: Any) -> str:
    """16 hexadecimal digits: the same for equal trees of equal arrays, on any device."""
    sha = hashlib.sha256()
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
        sha.update(jax.tree_util.keystr(path).encode())
        sha.update(np.ascontiguousarray(np.asarray(leaf)).tobytes())
    return sha.hexdigest()[:16]
