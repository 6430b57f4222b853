"""`python -m s3rl_jax.evaluate`: what a detector is worth on one long stream, as a device would hear it."""
