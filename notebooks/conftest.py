"""The tests run the notebooks at the least size: each in about a minute, and nothing is learned."""

import os

os.environ.setdefault("S3RL_JAX_NOTEBOOKS", "toy")
