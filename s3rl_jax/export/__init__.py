"""`python -m s3rl_jax.export`: converts a trained detector to a file that runs on a device."""
