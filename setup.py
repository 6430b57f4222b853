"""Which packages are installed; all else stands in setup.cfg, which cannot say that a package is elsewhere."""

from setuptools import find_packages, setup

# The configs stand at the top of a checkout and are installed as s3rl_jax.configs.
setup(packages=[*find_packages(include=["s3rl_jax*"]), "s3rl_jax.configs"], package_dir={"s3rl_jax.configs": "configs"})
