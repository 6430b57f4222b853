"""`python -m s3rl_jax.prepare`: writes a corpus from audio files, or from texts that synthesisers speak."""
