"""`python -m s3rl_jax.ablate`: the paper's tables, many training runs and their reports side by side."""
