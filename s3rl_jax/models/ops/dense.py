"""Dense layers that multiply over flattened batch and time."""

import functools
import math

import flax.linen as nn
import jax


def flat_dot_general(lhs, rhs, dimension_numbers, precision=None, preferred_element_type=None):
    """`jax.lax.dot_general` of a dense layer, as one product of two matrices.

    XLA on a CPU takes half as long again, forward and backward together, for the same product of a three-dimensional
    array.

    Raises:
      ValueError: unless the last dimensions of `lhs` are contracted with the first ones of `rhs`.
    """
    (left, right), batch = dimension_numbers
    shared = len(left)
    if tuple(left) != tuple(range(lhs.ndim - shared, lhs.ndim)) or tuple(right) != tuple(range(shared)) or any(map(len, batch)):
        raise ValueError(f"dimension_numbers={dimension_numbers}: expected last dimensions times first ones, without batch")
    rows, columns = lhs.shape[: lhs.ndim - shared], rhs.shape[shared:]
    inner = math.prod(rhs.shape[:shared])
    product = jax.lax.dot_general(
        lhs.reshape(math.prod(rows), inner),
        rhs.reshape(inner, math.prod(columns)),
        (((1,), (0,)), ((), ())),
        precision=precision,
        preferred_element_type=preferred_element_type,
    )
    return product.reshape(*rows, *columns)


Dense = functools.partial(nn.Dense, dot_general=flat_dot_general)
DenseGeneral = functools.partial(nn.DenseGeneral, dot_general=flat_dot_general)
