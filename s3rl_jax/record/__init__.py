"""`python -m s3rl_jax.record`: records one's own keyword with a microphone, as a folder that `prepare` reads."""
