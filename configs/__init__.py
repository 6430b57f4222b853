"""One file per run that a user starts; `shared` holds the fields that they have in common.

They are the package `configs` in a checkout and `s3rl_jax.configs` where s3rl_jax is installed, so they import each other
relatively. `--config=configs/distill.py` names a file, `--config=distill` the one that comes with the package.
"""
