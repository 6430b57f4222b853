"""`python -m s3rl_jax.train`: wires a configuration's task to its data and to the engine."""
