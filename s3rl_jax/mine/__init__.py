"""`python -m s3rl_jax.mine`: finds sound on which a detector fires wrongly, and writes it as a corpus of negatives."""
