"""Mixed precision: models compute in bfloat16, while parameters and the losses' reductions stay in float32."""

from typing import Any

import jax
import jax.numpy as jnp

from s3rl_jax.core.errors import UserError


def compute_dtype(name: str, field: str) -> str:
    """Checks the name of the dtype that a model computes in.

    Raises:
      UserError: for a name other than float32 and bfloat16.
    """
    if name not in ("float32", "bfloat16"):
        raise UserError(f"{field}={name!r}: expected float32 or bfloat16")
    return name


def cast(tree: Any, dtype: str) -> Any:
    """Casts the floating-point arrays of a tree to `dtype`."""
    return jax.tree.map(lambda x: x.astype(dtype) if jnp.issubdtype(x.dtype, jnp.floating) else x, tree)
