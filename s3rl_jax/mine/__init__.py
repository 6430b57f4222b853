"""`python -m s3rl_jax.mine`: what a detector fires on wrongly, as new negatives."""
