"""A Fourier transform of 512 real samples in 16-bit fixed point, bit for bit that of KISS FFT with 16-bit fractions.

TensorFlow Lite Micro's audio front end computes with it. Each stage divides by its radix before its sums, so that they fit into
16 bits, and rounds each product; where a sum does not fit it wraps, as on the device. Arrays have the samples first and the
frames last, because each step is then elementwise over all frames.
"""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int16, Int32

from s3rl_jax.audio.fixed_point import rounded, rounded_product

POINTS = 512
HALF = POINTS // 2  # complex values: even samples are their real parts, odd samples their imaginary parts
ONE = 32767  # the largest fraction, which stands for 1

Parts = tuple[Int16[Array, "..."], Int16[Array, "..."]]  # real and imaginary parts


def real_spectrum(samples: Int16[Array, "512 *frames"]) -> tuple[Int32[Array, "257 *frames"], Int32[Array, "257 *frames"]]:
    """Real and imaginary parts of the transform of 512 samples, divided by 512: 257 bins."""
    real, imaginary = _complex_transform(samples[::2], samples[1::2])
    low = tuple(rounded_product(part[1 : HALF // 2 + 1], ONE // 2) for part in (real, imaginary))
    high = tuple(rounded_product(part[HALF // 2 :][::-1], ONE // 2) for part in (real, -imaginary))
    even = tuple(a + b for a, b in zip(low, high, strict=True))
    odd = _product(tuple(a - b for a, b in zip(low, high, strict=True)), _roots(np.arange(1, HALF // 2 + 1) / POINTS + 0.25))
    (a, b), (c, d) = (tuple(part.astype(jnp.int32) for part in pair) for pair in (even, odd))
    first, second = ((a + c) >> 1, (b + d) >> 1), ((a - c) >> 1, (d - b) >> 1)
    edges = tuple(rounded_product(part[:1], ONE // 2).astype(jnp.int32) for part in (real, imaginary))
    # Bin 128 is the second form.
    bins = [jnp.concatenate([x[:-1], y[::-1]]) for x, y in zip(first, second, strict=True)]
    zero = jnp.zeros_like(edges[0])
    return (
        jnp.concatenate([edges[0] + edges[1], bins[0], edges[0] - edges[1]]),
        jnp.concatenate([zero, bins[1], zero]),
    )


def _complex_transform(real: Int16[Array, "256 *frames"], imaginary: Int16[Array, "256 *frames"]) -> Parts:
    """Transform of 256 complex values, divided by 256: decimation in time, four stages of radix 4."""
    frames = real.shape[1:]
    axes = (3, 2, 1, 0, *range(4, 4 + len(frames)))  # the digits of an index to the base 4, reversed
    parts = tuple(part.reshape(4, 4, 4, 4, *frames).transpose(axes) for part in (real, imaginary))
    for size in (1, 4, 16, 64):
        parts = _stage(tuple(part.reshape(HALF // (4 * size), 4, size, *frames) for part in parts), size)
    return tuple(part.reshape(HALF, *frames) for part in parts)


def _stage(parts: Parts, size: int) -> Parts:
    """Joins each four transforms of `size` values: [groups, 4, size, *frames] -> the same shape."""
    real, imaginary = (rounded_product(part, ONE // 4) for part in parts)
    turns = np.outer(np.arange(1, 4), np.arange(size)) / (4 * size)
    turned = _product((real[:, 1:], imaginary[:, 1:]), _roots(turns))
    (ar, br, cr), (ai, bi, ci) = ((part[:, 0], part[:, 1], part[:, 2]) for part in turned)
    sum_r, sum_i, difference_r, difference_i = ar + cr, ai + ci, ar - cr, ai - ci
    low_r, low_i, high_r, high_i = real[:, 0] + br, imaginary[:, 0] + bi, real[:, 0] - br, imaginary[:, 0] - bi
    joined_r = (low_r + sum_r, high_r + difference_i, low_r - sum_r, high_r - difference_i)
    joined_i = (low_i + sum_i, high_i - difference_r, low_i - sum_i, high_i + difference_r)
    return jnp.stack(joined_r, axis=1), jnp.stack(joined_i, axis=1)


def _product(parts: Parts, roots: tuple[np.ndarray, np.ndarray]) -> Parts:
    """Products with roots of unity, whose axes are the last ones before those of the frames."""
    a, b = (part.astype(jnp.int32) for part in parts)
    places = 1 if roots[0].ndim == 1 else 3  # axes of `parts` up to the last one of `roots`
    c, d = (root.reshape(root.shape + (1,) * (a.ndim - places)) for root in roots)
    return rounded(a * c - b * d), rounded(a * d + b * c)


def _roots(turns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Real and imaginary parts of exp(-2 pi i turns), as 16-bit fractions."""
    return _fractions(np.cos(-2 * np.pi * turns)), _fractions(np.sin(-2 * np.pi * turns))


def _fractions(values: np.ndarray) -> np.ndarray:
    return np.floor(0.5 + ONE * values).astype(np.int32)
