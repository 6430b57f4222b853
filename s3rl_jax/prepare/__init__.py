"""`python -m s3rl_jax.prepare`: audio files, or a speech synthesiser, to a corpus."""
