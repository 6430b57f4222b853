"""`python -m s3rl_jax.demo`: a page on localhost that runs a model in the browser."""
