"""`python -m s3rl_jax.detect`: runs an exported file on a device: NumPy and LiteRT, neither JAX nor TensorFlow."""
