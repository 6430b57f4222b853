"""`python -m s3rl_jax.starter`: the starter set, real speech, noise and music that come with the package, as a corpus."""
