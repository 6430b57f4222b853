"""`python -m s3rl_jax.train`: connects the task of a configuration with its data and the engine."""
