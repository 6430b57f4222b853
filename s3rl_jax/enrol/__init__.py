"""`python -m s3rl_jax.enrol`: lets a detector hear one person alone, from a few recordings, without training."""
