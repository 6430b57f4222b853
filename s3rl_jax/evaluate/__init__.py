"""`python -m s3rl_jax.evaluate`: measures a detector on one long stream, as on a device."""
