"""`python -m s3rl_jax.detect`: runs an exported file on a device, with NumPy and LiteRT, without JAX and TensorFlow."""
