"""`python -m s3rl_jax.export`: from trained parameters to a file that runs on a device."""
