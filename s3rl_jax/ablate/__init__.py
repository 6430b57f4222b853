"""`python -m s3rl_jax.ablate`: trains and evaluates the rows of the paper's tables."""
