"""One file for each kind of run; `shared` holds the fields that several of them have.

They are the package `configs` in a checkout and `s3rl_jax.configs` in an installed s3rl_jax, so they import each other
relatively. `--config=configs/distill.py` names a file, `--config=distill` the one that comes with the package.
"""
